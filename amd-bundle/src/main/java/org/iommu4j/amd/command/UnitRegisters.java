package org.iommu4j.amd.command;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.amd.command.AmdViRegisters.AutoResponse;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.DevTabSegment;
import org.iommu4j.amd.command.AmdViRegisters.EarlyOverflow;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Efr2;
import org.iommu4j.amd.command.AmdViRegisters.Exclusion;
import org.iommu4j.amd.command.AmdViRegisters.HardwareEvent;
import org.iommu4j.amd.command.AmdViRegisters.Msi;
import org.iommu4j.amd.command.AmdViRegisters.PciCapability;
import org.iommu4j.amd.command.AmdViRegisters.Ring;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;

/** Which of {@link AmdViRegisters} a unit has, and what of them software can write. */
public final class UnitRegisters {
    private UnitRegisters() {}

    /** Every register, as a unit that has them all has them; for explanations and documentation. */
    public static List<Register> all() {
        return of(new AmdViCapabilities(
                AmdViCapabilities.D_NEST.header(),
                AmdViCapabilities.D_NEST.efr()
                        | Efr.HE_SUP.mask()
                        | Efr.PPR_AUTO_RSP_SUP.mask()
                        | Efr.PPR_EARLY_OF_SUP.mask()
                        | Efr.DEV_TBL_SEG_SUP.of(3),
                AmdViCapabilities.D_NEST.efr2()));
    }

    /**
     * The registers of one unit: those that its capabilities give it, with its reset values. What is not there reads 0 and
     * ignores writes.
     */
    public static List<Register> of(AmdViCapabilities unit) {
        List<Register> rows = new ArrayList<>();
        rows.add(DevTabBase.REGISTER);
        for (int segment = 1; segment < unit.deviceTables(); segment++) {
            rows.add(DevTabSegment.of(segment));
        }
        rows.add(gated(Control.REGISTER, unit));
        rows.add(Status.REGISTER);
        addRing(rows, Rings.COMMAND_BUFFER);
        addRing(rows, Rings.EVENT_LOG);
        rows.addAll(List.of(Exclusion.BASE_REGISTER, Exclusion.LIMIT_REGISTER));
        rows.add(Efr.REGISTER.resetTo(unit.efr()));
        rows.add(Efr2.REGISTER.resetTo(unit.efr2()));
        if (Efr.PPR_SUP.isSet(unit.efr())) {
            addRing(rows, Rings.PPR_LOG);
            addIf(Efr.PPR_AUTO_RSP_SUP.isSet(unit.efr()), rows, AutoResponse.REGISTER);
            addIf(Efr.PPR_EARLY_OF_SUP.isSet(unit.efr()), rows, EarlyOverflow.REGISTER);
        }
        addIf(
                Efr.HE_SUP.isSet(unit.efr()),
                rows,
                HardwareEvent.HIGH_REGISTER,
                HardwareEvent.LOW_REGISTER,
                HardwareEvent.STATUS_REGISTER);
        rows.add(PciCapability.REGISTER.resetTo(unit.header()));
        rows.addAll(List.of(Msi.CONTROL_REGISTER, Msi.ADDRESS_REGISTER, Msi.UPPER_ADDRESS_REGISTER, Msi.DATA_REGISTER));
        return rows;
    }

    private static void addRing(List<Register> rows, Ring ring) {
        rows.addAll(List.of(ring.base(), ring.head(), ring.tail()));
    }

    private static void addIf(boolean has, List<Register> rows, Register... registers) {
        if (has) {
            rows.addAll(List.of(registers));
        }
    }

    /** The same register, of which software can write only the fields that the unit has. */
    private static Register gated(Register register, AmdViCapabilities unit) {
        long missing = 0;
        for (BitField field : register.fields()) {
            missing |= field.capability().isEmpty() || unit.has(field.capability()) ? 0 : field.mask();
        }
        return new Register(
                register.name(),
                register.offset(),
                register.widthBits(),
                register.reset(),
                register.writable() & ~missing,
                register.writeOneToClear() & ~missing,
                register.readable(),
                register.sticky(),
                register.layout());
    }
}
