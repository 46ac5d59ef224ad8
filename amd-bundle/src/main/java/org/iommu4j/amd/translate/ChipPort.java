package org.iommu4j.amd.translate;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Efr2;
import org.iommu4j.amd.command.AmdViRegisters.PciCapability;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Errno;
import org.iommu4j.layout.BitField;

/** The chip's capabilities and its control register, 48882 3.4.4. */
final class ChipPort {
    private final NativePort port;
    private final int subVersion;
    private final AmdViCapabilities unit;

    /**
     * Reads the capabilities.
     *
     * @throws BackendException {@code EIO} if nothing answers, {@code EPROTONOSUPPORT} for an unknown generation or a chip that
     *     does not have what it needs
     */
    ChipPort(int subVersion, NativePort port) {
        if (!AmdViGeneration.ALL.contains(subVersion)) {
            throw new BackendException(Errno.EPROTONOSUPPORT, "no AMD-Vi generation " + Generation.text(subVersion));
        }
        this.port = port;
        this.subVersion = subVersion;
        long header = port.read(PciCapability.REGISTER);
        if (PciCapability.ID.get(header) != PciCapability.ID.reset()) {
            throw new BackendException(
                    Errno.EIO, "no AMD IOMMU answers: its capability block reads 0x" + Long.toHexString(header));
        }
        unit = new AmdViCapabilities(header, port.read(Efr.REGISTER), port.read(Efr2.REGISTER));
        if (subVersion != AmdViGeneration.V1 && !unit.hasGuestTables()) {
            throw new BackendException(Errno.EPROTONOSUPPORT, "the chip has no guest tables: EFR.GTSup=0");
        }
        if (subVersion == AmdViGeneration.NESTED && !Efr2.GCR3_TRP_MODE_SUP.isSet(unit.efr2())) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT, "the chip takes no guest addresses of GCR3 tables: EFR2.GCR3TRPModeSup=0");
        }
    }

    /** The generation. */
    int subVersion() {
        return subVersion;
    }

    /** True in GCR3TRPMode: GCR3 roots are guest physical addresses. */
    boolean hasGuestRoots() {
        return subVersion == AmdViGeneration.NESTED;
    }

    /** Capabilities of the chip. */
    AmdViCapabilities unit() {
        return unit;
    }

    /** The chip's registers. */
    NativePort port() {
        return port;
    }

    /** True if devices may have TLBs of their own. */
    boolean hasDeviceTlbs() {
        return PciCapability.IOTLB_SUP.isSet(unit.header());
    }

    /** True if devices can ask for pages. */
    boolean hasPageRequests() {
        return Efr.PPR_SUP.isSet(unit.efr());
    }

    /** True if device table entries say which devices may ask for pages. */
    boolean hasPageRequestPermission() {
        return Efr.EPH_SUP.isSet(unit.efr());
    }

    /** True if requests without PASID can go through guest tables. */
    boolean translatesWithoutPasid() {
        return Efr.GIO_SUP.isSet(unit.efr());
    }

    /** True if secure nested paging is on: every entry needs a host table. */
    boolean needsHostTable() {
        return subVersion == AmdViGeneration.SNP;
    }

    /** Sets or clears a bit of the control register; the others stay. */
    void control(BitField bit, boolean on) {
        long control = port.read(Control.REGISTER);
        port.write(Control.REGISTER, on ? control | bit.mask() : control & ~bit.mask());
    }
}
