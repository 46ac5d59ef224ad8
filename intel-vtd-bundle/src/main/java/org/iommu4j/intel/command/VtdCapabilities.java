package org.iommu4j.intel.command;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.Ver;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.config.SettingValues;

/**
 * The capability registers of one unit.
 *
 * @param ver version register
 * @param cap capability register
 * @param ecap extended capability register
 */
public record VtdCapabilities(long ver, long cap, long ecap) {
    /** The register-only unit of legacy mode: 256 domains, 39 bits, no queue. */
    public static final VtdCapabilities LEGACY_REG = new VtdCapabilities(0x10, 0x00c9008020660202L, 0x1001L);

    /** The queue unit of legacy mode: 64K domains, 39 and 48 bits, 2 MiB and 1 GiB pages, device TLBs, pass-through. */
    public static final VtdCapabilities LEGACY_QI = new VtdCapabilities(0x10, 0x00d2008c226f0606L, 0xf00fdfL);

    /** The default units of scalable mode: PASIDs, both stages and nested, 4 levels; no page requests without its queue. */
    public static final VtdCapabilities SCALABLE = new VtdCapabilities(0x30, 0x01d2008c226f0606L, 0x0003c99e24f00fdfL);

    /** As {@link #SCALABLE}, with 5 levels, accessed and dirty flags, abort mode and throttled device-TLB invalidation. */
    public static final VtdCapabilities WIDE_TYPE = new VtdCapabilities(0x40, 0xd1de078c22780e06L, 0x0013ef9e24f00fdfL);

    /** As {@link #WIDE_TYPE}, with supervisor rights, host permission tables and what else is new in 5.0. */
    public static final VtdCapabilities HOST_PERMISSIONS =
            new VtdCapabilities(0x80, 0xd1de078c22780e06L, 0x0fb3ef9ea4f00fdfL);

    /** First major version without register-based invalidation. */
    private static final int QUEUE_ONLY_MAJOR = 6;

    /**
     * The capabilities that a configuration asks for.
     *
     * @throws BackendException as {@link org.iommu4j.simulation.config.SettingTable#read}
     */
    public static VtdCapabilities of(HardwareConfig config) {
        return of(VtdSettings.TABLE.read(config));
    }

    /** The capabilities that have been chosen. */
    public static VtdCapabilities of(SettingValues values) {
        return new VtdCapabilities(
                VtdSettings.version(values), values.register(VtdSettings.CAP), values.register(VtdSettings.ECAP));
    }

    /**
     * The capabilities of a generation's default unit.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation
     */
    public static VtdCapabilities defaultOf(int subVersion) {
        return of(VtdSettings.TABLE.defaults(subVersion));
    }

    /** Registers of a known generation's default unit. */
    static VtdCapabilities base(int subVersion) {
        return switch (subVersion) {
            case VtdGeneration.LEGACY_REG -> LEGACY_REG;
            case VtdGeneration.SCALABLE -> SCALABLE;
            case VtdGeneration.WIDE_TYPE -> WIDE_TYPE;
            case VtdGeneration.HOST_PERMISSIONS -> HOST_PERMISSIONS;
            default -> LEGACY_QI;
        };
    }

    /** True if a capability of one bit, by its name in CAP or ECAP, is present; false for names that do not exist. */
    public boolean has(String capability) {
        for (BitField field : Cap.REGISTER.layout().fields()) {
            if (field.name().equals(capability)) {
                return field.isSet(cap);
            }
        }
        for (BitField field : Ecap.REGISTER.layout().fields()) {
            if (field.name().equals(capability)) {
                return field.isSet(ecap);
            }
        }
        return false;
    }

    /** True if the invalidation queue exists. */
    public boolean hasQueue() {
        return Ecap.QI.isSet(ecap);
    }

    /**
     * True if the unit has scalable mode. In a unit with extended context entries, of revisions before 3.0, the bit means
     * something else.
     */
    public boolean hasScalableMode() {
        return Ecap.SMTS.isSet(ecap) && !Ecap.ECS.isSet(ecap);
    }

    /** True if the unit has abort mode. */
    public boolean hasAbortMode() {
        return Ecap.ADMS.isSet(ecap);
    }

    /** True if the queue can have descriptors of 256 bits. */
    public boolean hasLongDescriptors() {
        return hasScalableMode() || hasAbortMode();
    }

    /** True if devices may ask for pages. */
    public boolean hasPageRequests() {
        return hasScalableMode() && Ecap.PRS.isSet(ecap);
    }

    /** Width of a PASID in bits, 1 to 20. */
    public int pasidBits() {
        return Math.min(20, Ecap.PSS.getInt(ecap) + 1);
    }

    /** Major version of the implementation. */
    public int major() {
        return Ver.MAJOR.getInt(ver);
    }

    /** True if CCMD, IVA and IOTLB exist: they are gone from major version 6 on. */
    public boolean hasRegisterInvalidation() {
        return major() < QUEUE_ONLY_MAJOR;
    }

    /** Widest address of a device in bits. */
    public int mgawBits() {
        return Cap.MGAW.getInt(cap) + 1;
    }

    /** The bits of an address of a device; the others are ignored in commands. */
    public long addressMask() {
        return mgawBits() < Long.SIZE ? (1L << mgawBits()) - 1 : -1L;
    }

    /** Width of a domain id in bits, 4 to 16. */
    public int domainIdBits() {
        return Math.min(16, 4 + 2 * Cap.ND.getInt(cap));
    }

    /** Largest address mask of a page-selective command; -1 if the unit has none. */
    public int largestAddressMask() {
        return Cap.PSI.isSet(cap) ? Cap.MAMV.getInt(cap) : -1;
    }

    /** Largest index mask of an interrupt-entry-cache command. */
    public int largestIndexMask() {
        return Ecap.MHMV.getInt(ecap);
    }

    /** Number of fault records. */
    public int faultRecords() {
        return Cap.NFR.getInt(cap) + 1;
    }
}
