package org.iommu4j.arm.command;

import java.util.List;
import org.iommu4j.arm.command.SmmuRegisters.Idr0;
import org.iommu4j.arm.command.SmmuRegisters.Idr1;
import org.iommu4j.arm.command.SmmuRegisters.Idr3;
import org.iommu4j.arm.command.SmmuRegisters.Idr5;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Errno;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.config.SettingValues;

/**
 * The identification registers of one chip. What a chip can do follows from them, not from its version, IHI 0070 2.9.
 *
 * @param subVersion the generation whose command format it takes
 */
public record SmmuCapabilities(int subVersion, long idr0, long idr1, long idr3, long idr5, long iidr, long aidr) {
    /** IDR0.STALL_MODEL: no transaction is stalled. */
    public static final int NEVER_STALLS = 1;

    /** IDR0.STALL_MODEL: every faulting transaction is stalled. */
    public static final int ALWAYS_STALLS = 2;

    /** IDR0.TTENDIAN: tables are little endian. */
    public static final int LITTLE_ENDIAN_TABLES = 2;

    /** IDR0.TTENDIAN: tables are big endian. */
    public static final int BIG_ENDIAN_TABLES = 3;

    private static final int NARROW_ID_BITS = 8;
    private static final int WIDE_ID_BITS = 16;

    /** Address sizes in bits by their code, in IDR5.OAS, CD.IPS and STE.S2PS; the last code acts as the one before. */
    private static final int[] ADDRESS_BITS = {32, 36, 40, 42, 44, 48, 52, 52};

    private static final int CODE_OF_48_BITS = 5;

    /** The default chips, docs/spec/arm-smmu.md 6.2, by their minor version: IDR0, IDR1, IDR3, IDR5. */
    private static final List<SmmuCapabilities> DEFAULTS = List.of(
            new SmmuCapabilities(SmmuGeneration.V3_0, 0x0848001B, 0x0D070010, 0, 0x00200055, 0, 0),
            new SmmuCapabilities(SmmuGeneration.V3_1, 0x084D7E9B, 0x0D073D10, 0x00000014, 0x00200075, 0, 1),
            new SmmuCapabilities(SmmuGeneration.V3_2, 0x084D7E9B, 0x0D073D10, 0x00001514, 0x00200075, 0, 2),
            new SmmuCapabilities(SmmuGeneration.V3_3, 0x08CD7EBB, 0x0D073D10, 0x00007514, 0x00200075, 0, 3),
            new SmmuCapabilities(SmmuGeneration.V3_4, 0x08CD7EBB, 0x0D073D10, 0x00427514, 0x002004F5, 0, 4));

    /**
     * What a guest's tables may rely on, and a chip without it ignores in silence, docs/spec/arm-smmu.md 1.3 S17 and S18. What it
     * refuses instead, as a granule, is refused with the bind.
     */
    private static final List<BitField> SILENT = List.of(Idr3.HAD, Idr3.XNX, Idr3.FWB, Idr3.BBML, Idr3.E0PD, Idr3.EPAN);

    private static final List<List<BitField>> FIELDS =
            List.of(Idr0.REGISTER.fields(), Idr1.REGISTER.fields(), Idr3.REGISTER.fields(), Idr5.REGISTER.fields());

    /**
     * The capabilities that a configuration asks for.
     *
     * @throws BackendException as {@link org.iommu4j.simulation.config.SettingTable#read}
     */
    public static SmmuCapabilities of(HardwareConfig config) {
        return of(SmmuSettings.TABLE.read(config));
    }

    /** The capabilities that have been chosen. */
    public static SmmuCapabilities of(SettingValues values) {
        return new SmmuCapabilities(
                values.subVersion(),
                values.register(Idr0.REGISTER.name()),
                values.register(Idr1.REGISTER.name()),
                values.register(Idr3.REGISTER.name()),
                values.register(Idr5.REGISTER.name()),
                values.register(SmmuRegisters.Iidr.REGISTER.name()),
                values.register(SmmuRegisters.Aidr.REGISTER.name()));
    }

    /**
     * The capabilities of a generation's default chip.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation
     */
    public static SmmuCapabilities defaultOf(int subVersion) {
        return of(SmmuSettings.TABLE.defaults(subVersion));
    }

    /** Capabilities that a chip's own registers tell. */
    public static SmmuCapabilities read(int subVersion, NativePort port) {
        return new SmmuCapabilities(
                subVersion,
                port.read(Idr0.REGISTER),
                port.read(Idr1.REGISTER),
                port.read(Idr3.REGISTER),
                port.read(Idr5.REGISTER),
                port.read(SmmuRegisters.Iidr.REGISTER),
                port.read(SmmuRegisters.Aidr.REGISTER));
    }

    /** Registers of a known generation's default chip. */
    static SmmuCapabilities base(int subVersion) {
        return DEFAULTS.get(subVersion - SmmuGeneration.V3_0);
    }

    /** All that commands of a generation can depend on: a guest's chip may have it, and no more. */
    public static SmmuCapabilities mostOf(int subVersion) {
        SmmuCapabilities chip = defaultOf(subVersion);
        long ranges = subVersion > SmmuGeneration.V3_0 ? Idr3.RIL.mask() : 0;
        return new SmmuCapabilities(
                subVersion,
                chip.idr0 | Idr0.ATS.mask() | Idr0.PRI.mask(),
                chip.idr1,
                chip.idr3 | ranges,
                chip.idr5,
                chip.iidr,
                chip.aidr);
    }

    /**
     * These of a virtual unit have to be those of the chip behind it, or less, in what the chip would ignore in the guest's tables.
     *
     * @throws BackendException {@code EOPNOTSUPP}
     */
    public void expectNoMoreThan(SmmuCapabilities host) {
        for (BitField field : SILENT) {
            long offered = field.get(idr3);
            long there = field.get(host.idr3);
            if (offered > there) {
                throw new BackendException(
                        Errno.EOPNOTSUPP,
                        "the guest is offered IDR3." + field.name() + "=" + offered + ", the chip has " + there
                                + " and would ignore what the guest's tables rely on");
            }
        }
    }

    /** Numbers of all generations. */
    static int[] generations() {
        return DEFAULTS.stream().mapToInt(SmmuCapabilities::subVersion).toArray();
    }

    /** True if a field of an identification register, by its name, is not 0; false for names that do not exist. */
    public boolean has(String capability) {
        long[] values = {idr0, idr1, idr3, idr5};
        for (int index = 0; index < values.length; index++) {
            for (BitField field : FIELDS.get(index)) {
                if (field.name().equals(capability)) {
                    return field.isSet(values[index]);
                }
            }
        }
        return false;
    }

    /** True if it has stage 1. */
    public boolean hasStage1() {
        return Idr0.S1P.isSet(idr0);
    }

    /** True if it has stage 2. */
    public boolean hasStage2() {
        return Idr0.S2P.isSet(idr0);
    }

    /** True if faulting transactions may wait for software. */
    public boolean canStall() {
        return Idr0.STALL_MODEL.getInt(idr0) != NEVER_STALLS;
    }

    /** True if every faulting transaction waits for software. */
    public boolean alwaysStalls() {
        return Idr0.STALL_MODEL.getInt(idr0) == ALWAYS_STALLS;
    }

    /** 8 or 16. */
    public int asidBits() {
        return Idr0.ASID16.isSet(idr0) ? WIDE_ID_BITS : NARROW_ID_BITS;
    }

    /** 8 or 16; 0 without stage 2. */
    public int vmidBits() {
        return hasStage2() ? Idr0.VMID16.isSet(idr0) ? WIDE_ID_BITS : NARROW_ID_BITS : 0;
    }

    /** Bits of a StreamID. */
    public int streamIdBits() {
        return Idr1.SIDSIZE.getInt(idr1);
    }

    /** Bits of a SubstreamID; 0 without substreams. */
    public int substreamIdBits() {
        return Idr1.SSIDSIZE.getInt(idr1);
    }

    /** Output address size in bits; since there are no AArch32 tables, the intermediate address size, too. */
    public int outputBits() {
        return ADDRESS_BITS[Idr5.OAS.getInt(idr5)];
    }

    /**
     * Effective size in bits of CD.IPS or STE.S2PS.
     *
     * @param code as the field holds it
     */
    public int addressBits(int code) {
        int known = subVersion == SmmuGeneration.V3_0 ? Math.min(code, CODE_OF_48_BITS) : code;
        return Math.min(ADDRESS_BITS[known], outputBits());
    }

    /** Size in bits that a code of IDR5.OAS stands for. */
    static int sizeOf(int code) {
        return ADDRESS_BITS[code];
    }

    /** True if tables may have that granule. */
    public boolean hasGranule(Granule granule) {
        return switch (granule) {
            case K4 -> Idr5.GRAN4K.isSet(idr5);
            case K16 -> Idr5.GRAN16K.isSet(idr5);
            case K64 -> Idr5.GRAN64K.isSet(idr5);
        };
    }

    /** True if tables may have that byte order. */
    public boolean hasTables(boolean bigEndian) {
        return Idr0.TTENDIAN.getInt(idr0) != (bigEndian ? LITTLE_ENDIAN_TABLES : BIG_ENDIAN_TABLES);
    }

    /** IDR0.HTTU: 0 nothing, 1 access flag, 2 also dirty state. */
    public int tableUpdates() {
        return Idr0.HTTU.getInt(idr0);
    }
}
