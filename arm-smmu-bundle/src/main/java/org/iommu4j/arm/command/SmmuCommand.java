package org.iommu4j.arm.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;

/**
 * The commands of a Non-secure queue by their opcode, IHI 0070 4.1.3, with their fields and what a chip must have for them.
 * Opcodes of the Secure and Realm queues, of device permission tables (IDR3.DPT is 0) and all others are in no row: they
 * are illegal.
 */
public enum SmmuCommand implements CommandFormat {
    PREFETCH_CONFIG(0x01, "4.2.1", Gate.ALWAYS, Fields.SSEC, Fields.SUBSTREAM, Fields.SID),
    PREFETCH_ADDR(
            0x02, "4.2.2", Gate.ALWAYS, Fields.SSEC, Fields.SUBSTREAM, Fields.SID, Fields.PREFETCH, Fields.ADDRESS),
    CFGI_STE(0x03, "4.3.1", Gate.ALWAYS, Fields.SSEC, Fields.SID, Fields.LEAF),
    CFGI_STE_RANGE(0x04, "4.3.2", Gate.ALWAYS, Fields.SSEC, Fields.SID, Fields.RANGE),
    CFGI_CD(0x05, "4.3.3", Gate.STAGE_1, Fields.SSEC, Fields.SSID, Fields.SID, Fields.LEAF),
    CFGI_CD_ALL(0x06, "4.3.4", Gate.STAGE_1, Fields.SSEC, Fields.SID),
    CFGI_VMS_PIDM(0x07, "4.3.5", Gate.MPAM, Fields.SSEC, Fields.VMID),
    TLBI_NH_ALL(0x10, "4.4.2.1", Gate.STAGE_1, Fields.VMID),
    TLBI_NH_ASID(0x11, "4.4.2.2", Gate.STAGE_1, Fields.VMID, Fields.ASID),
    TLBI_NH_VA(0x12, "4.4.2.4", Gate.STAGE_1, Fields.GRANULES, Fields.VMID, Fields.ASID, Fields.LEVELS, Fields.ADDRESS),
    TLBI_NH_VAA(0x13, "4.4.2.3", Gate.STAGE_1, Fields.GRANULES, Fields.VMID, Fields.LEVELS, Fields.ADDRESS),
    TLBI_EL2_ALL(0x20, "4.4.2.7", Gate.EL2),
    TLBI_EL2_ASID(0x21, "4.4.2.10", Gate.EL2, Fields.ASID),
    TLBI_EL2_VA(0x22, "4.4.2.8", Gate.EL2, Fields.GRANULES, Fields.ASID, Fields.LEVELS, Fields.ADDRESS),
    TLBI_EL2_VAA(0x23, "4.4.2.9", Gate.EL2, Fields.GRANULES, Fields.LEVELS, Fields.ADDRESS),
    TLBI_S12_VMALL(0x28, "4.4.3.2", Gate.STAGE_2, Fields.VMID),
    TLBI_S2_IPA(0x2A, "4.4.3.1", Gate.STAGE_2, Fields.GRANULES, Fields.VMID, Fields.LEVELS, Fields.IPA),
    TLBI_NSNH_ALL(0x30, "4.4.4.1", Gate.ALWAYS),
    ATC_INV(0x40, "4.5.1", Gate.ATS, Fields.GLOBAL, Fields.SUBSTREAM, Fields.SID, Fields.SIZE, Fields.ADDRESS),
    PRI_RESP(0x41, "4.5.2", Gate.PRI, Fields.SUBSTREAM, Fields.SID, Fields.GROUP),
    RESUME(0x44, "4.7.1", Gate.STALLS, Fields.SSEC, Fields.ANSWER, Fields.SID, Fields.STAG),
    STALL_TERM(0x45, "4.7.2", Gate.STALLS, Fields.SSEC, Fields.SID),
    SYNC(0x46, "4.7.3", Gate.ALWAYS, Fields.SIGNAL);

    /** Capability that a command needs; without it the command is illegal. */
    public enum Gate {
        /** Every chip has it. */
        ALWAYS,
        /** IDR0.S1P. */
        STAGE_1,
        /** IDR0.S2P. */
        STAGE_2,
        /** IDR0.Hyp. */
        EL2,
        /** IDR0.ATS. */
        ATS,
        /** IDR0.PRI. */
        PRI,
        /** IDR0.STALL_MODEL other than 1. */
        STALLS,
        /** IDR3.MPAM. */
        MPAM;

        /** True if a chip has it. */
        public boolean isOpen(SmmuCapabilities chip) {
            return switch (this) {
                case ALWAYS -> true;
                case STAGE_1 -> chip.hasStage1();
                case STAGE_2 -> chip.hasStage2();
                case EL2 -> chip.has("Hyp");
                case ATS -> chip.has("ATS");
                case PRI -> chip.has("PRI");
                case STALLS -> chip.canStall();
                case MPAM -> chip.has("MPAM");
            };
        }
    }

    private static final String OPCODE = "Opcode";
    private static final int OPCODE_BITS = 8;
    private static final SmmuCommand[] BY_OPCODE = new SmmuCommand[1 << OPCODE_BITS];

    static {
        for (SmmuCommand command : values()) {
            BY_OPCODE[command.opcode] = command;
        }
    }

    private final int opcode;
    private final Gate gate;

    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    SmmuCommand(int opcode, String section, Gate gate, BitField[]... groups) {
        this.opcode = opcode;
        this.gate = gate;
        Layout.Builder builder = Layout.named("CMD_" + name())
                .size(Byte.SIZE * CommandFields.COMMAND_BYTES)
                .littleEndian()
                .spec("IHI 0070 " + section);
        builder.bits(OPCODE, OPCODE_BITS - 1, 0, oneOf(code(opcode, "CMD_" + name())));
        for (BitField[] group : groups) {
            builder.shared(group);
        }
        layout = builder.build();
    }

    @Override
    public int opcode() {
        return opcode;
    }

    @Override
    public Layout layout() {
        return layout;
    }

    @Override
    public int since() {
        return SmmuGeneration.V3_0;
    }

    /** The field of its layout that holds {@link #opcode}. */
    public BitField opcodeField() {
        return layout.field(OPCODE);
    }

    /** Capability that it needs. */
    public Gate gate() {
        return gate;
    }

    /** True if it may name a range of granules, IHI 0070 4.4.1.1. */
    public boolean takesRange() {
        return layout.fields().contains(CommandFields.TG);
    }

    /**
     * True if a guest may give it itself, as vendor part of an invalidation, docs/spec/arm-smmu.md 5.6; what names stage 2 only if
     * stage 2 is the guest's.
     */
    public boolean isOfGuests() {
        return switch (this) {
            case TLBI_NSNH_ALL,
                    TLBI_NH_ALL,
                    TLBI_NH_ASID,
                    TLBI_NH_VA,
                    TLBI_NH_VAA,
                    ATC_INV,
                    CFGI_CD,
                    CFGI_CD_ALL,
                    RESUME -> true;
            default -> namesStage2();
        };
    }

    /** True if it drops what came from stage 2. */
    public boolean namesStage2() {
        return this == TLBI_S2_IPA || this == TLBI_S12_VMALL;
    }

    /** The command of an opcode, or null if none has it. */
    public static SmmuCommand of(int opcode) {
        return opcode >= 0 && opcode < BY_OPCODE.length ? BY_OPCODE[opcode] : null;
    }

    /** The opcode that the first word of a command names. */
    public static int opcodeOf(long word0) {
        return (int) word0 & (BY_OPCODE.length - 1);
    }

    /** The first word of the command with all its fields 0. */
    public long word() {
        return opcode;
    }

    /** Fields that go together. */
    private static final class Fields {
        static final BitField[] SSEC = {CommandFields.SSEC};
        static final BitField[] SUBSTREAM = {CommandFields.SSV, CommandFields.SSID};
        static final BitField[] SID = {CommandFields.SID};
        static final BitField[] PREFETCH = {CommandFields.PREFETCH_SIZE, CommandFields.PREFETCH_STRIDE};
        static final BitField[] ADDRESS = {CommandFields.ADDRESS};
        static final BitField[] LEAF = {CommandFields.LEAF};
        static final BitField[] GRANULES = {CommandFields.NUM, CommandFields.SCALE, CommandFields.SCALE_HIGH};
        static final BitField[] RANGE = {CommandFields.RANGE};
        static final BitField[] SSID = {CommandFields.SSID};
        static final BitField[] VMID = {CommandFields.VMID};
        static final BitField[] ASID = {CommandFields.ASID};
        static final BitField[] LEVELS = {CommandFields.LEAF, CommandFields.TTL128, CommandFields.TTL, CommandFields.TG
        };
        static final BitField[] IPA = {CommandFields.IPA, CommandFields.IPA_HIGH};
        static final BitField[] GLOBAL = {CommandFields.GLOBAL};
        static final BitField[] SIZE = {CommandFields.SIZE};
        static final BitField[] GROUP = {CommandFields.PRG_INDEX, CommandFields.RESP};
        static final BitField[] ANSWER = {CommandFields.AC, CommandFields.AB};
        static final BitField[] STAG = {CommandFields.STAG};
        static final BitField[] SIGNAL = {
            CommandFields.CS,
            CommandFields.MSH,
            CommandFields.MSI_ATTR,
            CommandFields.MSI_DATA,
            CommandFields.MSI_ADDRESS,
            CommandFields.MSI_ADDRESS_HIGH
        };
    }
}
