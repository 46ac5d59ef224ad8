package org.iommu4j.upgrade.capture;

import java.util.HashMap;
import java.util.Map;

/** What a guest wrote to the registers that a {@link CaptureModel} names, whole or in halves. */
public final class GuestRegisters {
    private final CaptureModel model;
    private final Map<String, Long> values = new HashMap<>();

    /** Nothing written yet. */
    public GuestRegisters(CaptureModel model) {
        this.model = model;
    }

    /**
     * Takes note of a write.
     *
     * @return name of the register if the write reached its highest byte, so that the register acts on it; else null
     */
    public String write(CaptureRecord.RegisterWrite write) {
        String name = model.registerAt(write.offset());
        if (name == null) {
            return null;
        }
        CaptureModel.RegisterPlace place = model.registers().get(name);
        int shift = (int) (write.offset() - place.offset()) * Byte.SIZE;
        long lanes = write.sizeBytes() == Long.BYTES ? -1L : 0xffff_ffffL << shift;
        long value = (values.getOrDefault(name, 0L) & ~lanes) | ((write.value() << shift) & lanes);
        values.put(name, value);
        return write.offset() + write.sizeBytes() >= place.offset() + place.sizeBytes() ? name : null;
    }

    /** What was written last; 0 if nothing was. */
    public long value(String name) {
        return values.getOrDefault(name, 0L);
    }

    /** True if something was written. */
    public boolean written(String name) {
        return values.containsKey(name);
    }
}
