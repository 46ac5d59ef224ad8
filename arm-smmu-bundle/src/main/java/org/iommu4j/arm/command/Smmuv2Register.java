package org.iommu4j.arm.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;

/**
 * The registers by which software of an SMMUv2 (generation 0x0200) maintains TLBs, docs/spec/arm-smmu.md 1.5, each with the command
 * of an SMMUv3 that removes the same. The vendor part of an invalidation is a list of writes to them, 16 bytes each. Values are those
 * of AArch64 contexts, the only ones whose tables an SMMUv3 of this release walks.
 */
public enum Smmuv2Register implements CommandFormat {
    TLBIVA(Block.BANK, 0x600, Form.VA_OF_ASID, SmmuCommand.TLBI_NH_VA, Levels.ALL),
    TLBIVAA(Block.BANK, 0x608, Form.VA, SmmuCommand.TLBI_NH_VAA, Levels.ALL),
    TLBIASID(Block.BANK, 0x610, Form.ASID, SmmuCommand.TLBI_NH_ASID, Levels.ALL),
    TLBIALL(Block.BANK, 0x618, Form.ANY, SmmuCommand.TLBI_NH_ALL, Levels.ALL),
    TLBIVAL(Block.BANK, 0x620, Form.VA_OF_ASID, SmmuCommand.TLBI_NH_VA, Levels.LAST),
    TLBIVAAL(Block.BANK, 0x628, Form.VA, SmmuCommand.TLBI_NH_VAA, Levels.LAST),
    TLBIIPAS2(Block.BANK, 0x630, Form.IPA, SmmuCommand.TLBI_S2_IPA, Levels.ALL),
    TLBIIPAS2L(Block.BANK, 0x638, Form.IPA, SmmuCommand.TLBI_S2_IPA, Levels.LAST),
    TLBSYNC(Block.BANK, 0x7F0, Form.ANY, SmmuCommand.SYNC, Levels.ALL),
    TLBIVMID(Block.GLOBAL, 0x64, Form.VMID, SmmuCommand.TLBI_S12_VMALL, Levels.ALL),
    TLBIALLNSNH(Block.GLOBAL, 0x68, Form.ANY, SmmuCommand.TLBI_NSNH_ALL, Levels.ALL),
    TLBIALLH(Block.GLOBAL, 0x6C, Form.ANY, SmmuCommand.TLBI_EL2_ALL, Levels.ALL),
    STLBGSYNC(Block.GLOBAL, 0x70, Form.ANY, SmmuCommand.SYNC, Levels.ALL),
    TLBIVMIDS1(Block.GLOBAL, 0xB8, Form.VMID, SmmuCommand.TLBI_NH_ALL, Levels.ALL),
    TLBIVAH64(Block.GLOBAL, 0xC0, Form.VA, SmmuCommand.TLBI_EL2_VA, Levels.ALL);

    /** Offset of a register. */
    private enum Block {
        /** In a context bank. */
        BANK,
        /** In GR0, for the whole SMMU. */
        GLOBAL
    }

    /** Which levels of a table are meant. */
    private enum Levels {
        ALL,
        LAST
    }

    /** Value that is written. */
    private enum Form {
        VA_OF_ASID(Value.VA, Value.ASID_OF_VA),
        VA(Value.VA),
        ASID(Value.ASID),
        IPA(Value.IPA),
        VMID(Value.VMID),
        ANY(Value.ANY);

        /** Immutable, though its class cannot say so to the static analysis. */
        @SuppressWarnings("ImmutableEnumChecker")
        private final List<BitField> fields;

        Form(BitField... fields) {
            this.fields = List.of(fields);
        }
    }

    /** The fields of what is written, and of where. */
    private static final class Value {
        private static final Layout.Builder WRITE = Layout.named("smmuv2 write").size(WRITE_BYTES * Byte.SIZE);

        private static final BitField OFFSET = WRITE.bits("offset", 30, 0);
        private static final BitField GR0 = WRITE.bit("GR0", 31);
        private static final BitField VA = WRITE.bits("VA55_12", 107, 64, about("bits 55:12 of the address"));
        private static final BitField ASID_OF_VA = WRITE.bits("ASID", 127, 112, about("address space"));
        private static final BitField ASID = WRITE.bits("ASID", 79, 64, about("address space"));
        private static final BitField VMID = WRITE.bits("VMID", 79, 64, about("any value: VMIDs are the host's"));
        private static final BitField IPA = WRITE.bits("IPA47_12", 99, 64, about("bits 47:12 of the address"));
        private static final BitField ANY = WRITE.bits("value", 127, 64, about("any value"));
    }

    /** Size of one write in the vendor part. */
    public static final int WRITE_BYTES = 16;

    private static final int PAGE_SHIFT = 12;

    /** Above bit 55 a virtual address repeats it. */
    private static final int ADDRESS_BITS = 56;

    private static final Smmuv2Register[] ALL = values();

    private final int offset;
    private final boolean global;
    private final Form form;
    private final SmmuCommand command;
    private final boolean leaf;

    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    Smmuv2Register(Block block, int offset, Form form, SmmuCommand command, Levels levels) {
        this.offset = offset;
        this.form = form;
        this.command = command;
        leaf = levels == Levels.LAST;
        global = block == Block.GLOBAL;
        Layout.Builder builder = Layout.named("smmuv2_" + name())
                .size(WRITE_BYTES * Byte.SIZE)
                .littleEndian()
                .spec("docs/spec/arm-smmu.md 1.5");
        builder.bits("offset", 30, 0, oneOf(code(offset, name())));
        builder.bit("GR0", 31, oneOf(code(global ? 1 : 0, global ? "global register" : "register of a context bank")));
        layout = builder.shared(form.fields.toArray(BitField[]::new)).build();
    }

    /** The register that a write names in its first word; null if it is none of these. */
    public static Smmuv2Register of(long word0) {
        for (Smmuv2Register register : ALL) {
            if (Value.OFFSET.get(word0) == register.offset && Value.GR0.isSet(word0) == register.global) {
                return register;
            }
        }
        return null;
    }

    @Override
    public int opcode() {
        return offset;
    }

    @Override
    public Layout layout() {
        return layout;
    }

    @Override
    public int since() {
        return SmmuGeneration.V2;
    }

    /** True if a write removes nothing, but waits until what was written before is done. */
    public boolean waits() {
        return command == SmmuCommand.SYNC;
    }

    /** First word of the command for a value. */
    public long command0(long value) {
        return switch (form) {
            case VA_OF_ASID -> command.word() | CommandFields.ASID.of(Value.ASID_OF_VA.get(value));
            case ASID -> command.word() | CommandFields.ASID.of(Value.ASID.get(value));
            default -> command.word();
        };
    }

    /** Second word of the command for a value. */
    public long command1(long value) {
        long word1 = leaf ? CommandFields.LEAF.mask() : 0;
        return switch (form) {
            case VA_OF_ASID, VA -> {
                long address = Value.VA.get(value) << PAGE_SHIFT;
                int above = Long.SIZE - ADDRESS_BITS;
                yield word1 | CommandFields.ADDRESS.of((address << above) >> above);
            }
            case IPA -> word1 | CommandFields.IPA.of(Value.IPA.get(value) << PAGE_SHIFT);
            default -> word1;
        };
    }
}
