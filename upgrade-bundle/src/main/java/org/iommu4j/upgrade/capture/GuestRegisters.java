package org.iommu4j.upgrade.capture;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.layout.Register;

/** Values that a guest wrote to the registers that a format of captures names, whole or in halves. */
public final class GuestRegisters {
    private final Set<Register> registers;
    private final Map<String, Long> values = new HashMap<>();

    /** Nothing written yet. */
    public GuestRegisters(RegisterRecords records) {
        registers = records.all();
    }

    /** The register at an offset that begins there or lies in it, or null. */
    public Register at(long offset) {
        for (Register register : registers) {
            if (offset >= register.offset() && offset < register.offset() + register.widthBytes()) {
                return register;
            }
        }
        return null;
    }

    /**
     * Takes note of a write.
     *
     * @return the register if the write reached its highest byte, so that the register acts on it; else null
     */
    public Register write(CaptureRecord.RegisterWrite write) {
        Register register = at(write.offset());
        if (register == null) {
            return null;
        }
        int shift = (int) (write.offset() - register.offset()) * Byte.SIZE;
        long lanes = write.sizeBytes() == Long.BYTES ? -1L : 0xffff_ffffL << shift;
        long value = (value(register) & ~lanes) | ((write.value() << shift) & lanes);
        values.put(register.name(), value);
        return write.offset() + write.sizeBytes() >= register.offset() + register.widthBytes() ? register : null;
    }

    /** The value that was written last; 0 if none was. */
    public long value(Register register) {
        return values.getOrDefault(register.name(), 0L);
    }

    /** The value that was written last to the register of that name; null if none was. */
    public Long written(String name) {
        return values.get(name);
    }
}
