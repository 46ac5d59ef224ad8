package org.iommu4j.arm.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * The fields of commands, IHI 0070 4.1 to 4.7, each declared once: a field stands at the same place in every command that has
 * it. {@link SmmuCommand} says which command has which.
 */
public final class CommandFields {
    /** Size of a command. */
    public static final int COMMAND_BYTES = 16;

    private static final Layout.Builder CMD = Layout.named("command").size(128);

    /** Secure stream; a Non-secure queue refuses it. */
    public static final BitField SSEC = CMD.bit("SSec", 10, oneOf(code(0, "Non-secure")));

    public static final BitField SSV = CMD.bit("SSV", 11, about("SubstreamID valid"));

    /** SubstreamID, or index in the table of context descriptors. */
    public static final BitField SSID = CMD.bits("SubstreamID", 31, 12, about("SubstreamID"));

    public static final BitField SID = CMD.bits("StreamID", 63, 32, about("StreamID"));

    /** Only the last level: no table descriptors, or no level-1 descriptors. */
    public static final BitField LEAF = CMD.bit("Leaf", 64, about("last level only"));

    /** 2^(Range+1) StreamIDs; 31 is CFGI_ALL. */
    public static final BitField RANGE = CMD.bits("Range", 68, 64, about("2^(Range+1) StreamIDs; 31: all"));

    /** Virtual machine. */
    public static final BitField VMID = CMD.bits("VMID", 47, 32, about("VMID"));

    /** Address space. */
    public static final BitField ASID = CMD.bits("ASID", 63, 48, about("ASID"));

    /** Range: (NUM+1) times 2^SCALE granules. */
    public static final BitField NUM = CMD.bits("NUM", 16, 12, when("RIL"), about("(NUM+1)*2^SCALE granules"));

    public static final BitField SCALE = CMD.bits("SCALE", 24, 20, when("RIL"), about("log2 of the unit of NUM"));

    /** Sixth bit of {@link #SCALE}. */
    public static final BitField SCALE_HIGH =
            CMD.bit("SCALE5", 25, since(SmmuGeneration.V3_4), when("DS"), about("bit 5 of SCALE"));

    public static final BitField TTL128 =
            CMD.bit("TTL128", 71, since(SmmuGeneration.V3_4), when("D128"), about("level of 128-bit descriptors"));
    public static final BitField TTL = CMD.bits("TTL", 73, 72, when("RIL"), about("level of the leaves, 0: any"));

    /** Granule of a range, see {@link Granule#ofRange}. */
    public static final BitField TG = CMD.bits(
            "TG", 75, 74, when("RIL"), oneOf(code(0, "no range"), code(1, "4K"), code(2, "16K"), code(3, "64K")));

    public static final BitField ADDRESS = CMD.address("Address", 127, 76, about("first address"));
    public static final BitField IPA = CMD.address("IPA", 111, 76, about("first intermediate physical address"));

    /** Bits 51:48 of the intermediate physical address. */
    public static final BitField IPA_HIGH =
            CMD.address("IPA51_48", 115, 112, since(SmmuGeneration.V3_1), about("bits 51:48 of IPA"));

    /** The entries of all SubstreamIDs. */
    public static final BitField GLOBAL = CMD.bit("Global", 9, about("all PASIDs"));

    /** 2^Size pages of 4 KiB; 52 is the whole address space. */
    public static final BitField SIZE = CMD.bits("Size", 69, 64, about("2^Size pages of 4 KiB; 52: all"));

    /** Largest legal {@link #SIZE}: everything. */
    public static final int SIZE_ALL = 52;

    public static final BitField PRG_INDEX = CMD.bits("PRGIndex", 72, 64, about("page request group"));

    /** Answer to a page request group. */
    public static final BitField RESP =
            CMD.bits("Resp", 77, 76, oneOf(code(0, "failure"), code(1, "invalid request"), code(2, "success")));

    /** Retry the stalled transaction. */
    public static final BitField AC = CMD.bit("Ac", 12, oneOf(code(0, "terminate"), code(1, "retry")));

    /** How a terminated transaction ends. */
    public static final BitField AB = CMD.bit("Ab", 13, oneOf(code(0, "RAZ/WI"), code(1, "abort")));

    public static final BitField STAG = CMD.bits("STAG", 79, 64, about("tag of the stalled transaction"));

    /** How completion is signalled. */
    public static final BitField CS =
            CMD.bits("CS", 13, 12, oneOf(code(0, "SIG_NONE"), code(1, "SIG_IRQ"), code(2, "SIG_SEV")));

    /** {@link #CS}: nothing. */
    public static final int SIG_NONE = 0;

    /** {@link #CS}: a message, or the interrupt line. */
    public static final int SIG_IRQ = 1;

    /** {@link #CS}: an event for processors that wait. */
    public static final int SIG_SEV = 2;

    public static final BitField MSH = CMD.bits("MSH", 23, 22, about("shareability of the message"));
    public static final BitField MSI_ATTR = CMD.bits("MSIAttr", 27, 24, about("memory attribute of the message"));
    public static final BitField MSI_DATA = CMD.bits("MSIData", 63, 32, about("data of the message"));
    public static final BitField MSI_ADDRESS = CMD.address("MSIAddress", 111, 66, about("address of the message"));
    public static final BitField MSI_ADDRESS_HIGH =
            CMD.address("MSIAddress51_48", 115, 112, since(SmmuGeneration.V3_1), about("bits 51:48 of MSIAddress"));
    public static final BitField PREFETCH_SIZE = CMD.bits("Size", 68, 64, about("2^Size translations"));

    /** Distance of the translations to prefetch. */
    public static final BitField PREFETCH_STRIDE =
            CMD.bits("Stride", 73, 69, since(SmmuGeneration.V3_1), about("2^(12+Stride) bytes apart"));

    private CommandFields() {}

    /** SCALE with its sixth bit. */
    public static int scale(long word0) {
        return SCALE.getInt(word0) | (SCALE_HIGH.isSet(word0) ? 1 << SCALE.width() : 0);
    }

    /** First address of a ranged invalidation: its low bits are ignored, IHI 0070 4.4.1.1. */
    public static long firstOfRange(Granule granule, long address) {
        return address & -1L << granule.shift();
    }

    /** Last address of a ranged invalidation, which does not wrap: the last address there is at most. */
    public static long lastOfRange(Granule granule, long first, long word0) {
        int unit = scale(word0) + granule.shift();
        long units = NUM.get(word0) + 1;
        long end = first + (units << unit) - 1;
        boolean beyond = unit >= Long.SIZE || units > -1L >>> unit;
        return beyond || Long.compareUnsigned(end, first) < 0 ? -1L : end;
    }

    /** The intermediate physical address of a TLBI_S2_IPA. */
    public static long ipa(long word1) {
        return IPA.get(word1) | IPA_HIGH.get(word1);
    }

    /** The address of a CMD_SYNC's message. */
    public static long messageAddress(long word1) {
        return MSI_ADDRESS.get(word1) | MSI_ADDRESS_HIGH.get(word1);
    }
}
