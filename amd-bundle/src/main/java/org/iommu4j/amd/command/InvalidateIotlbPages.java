package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** INVALIDATE_IOTLB_PAGES, 48882 2.4.4: translations that a device holds itself. Its PASID stands in three pieces. */
public final class InvalidateIotlbPages {
    /** No PASID: a request without prefix. */
    public static final int NO_PASID = -1;

    private static final Layout.Builder CMD =
            Layout.named("INVALIDATE_IOTLB_PAGES").size(128).littleEndian().spec("AMD 48882 2.4.4");
    public static final BitField DEVICE_ID = CMD.bits("DeviceID", 15, 0, about("bus 15:8, device 7:3, function 2:0"));
    public static final BitField PASID_MIDDLE = CMD.bits("PASID[15:8]", 23, 16, when("GTSup"), about("with GN"));
    public static final BitField MAXPEND = CMD.bits("Maxpend", 31, 24, about("most outstanding in the device's queue"));
    public static final BitField QUEUE_ID = CMD.bits("QueueID", 47, 32, about("queue that functions share"));
    public static final BitField PASID_LOW = CMD.bits("PASID[7:0]", 55, 48, when("GTSup"), about("with GN"));
    public static final BitField PASID_HIGH = CMD.bits("PASID[19:16]", 59, 56, when("GTSup"), about("with GN"));
    public static final BitField OPCODE = CMD.bits("Opcode", 63, 60, oneOf(code(4, "invalidate IOTLB pages")));

    /** The address carries a size. */
    public static final BitField S = CMD.bit("S", 64, about("0: 4 KiB; 1: size is in the address"));

    public static final BitField GN = CMD.bit("GN", 66, when("GTSup"), about("with PASID prefix"));

    /** How the device flushes. */
    public static final BitField TYPE = CMD.bits(
            "Type",
            69,
            68,
            when("InvIotlbTypeSup"),
            oneOf(
                    code(0, "invalidation of address translation services"),
                    code(1, "the range, one of two ways to flush what depends on it"),
                    code(2, "the range, the other way")));

    public static final BitField ADDRESS = CMD.address("Address", 127, 76, about("address and size"));

    public static final Layout LAYOUT = CMD.build();

    private InvalidateIotlbPages() {}

    /**
     * First word of the command.
     *
     * @param pasid of the request's prefix, or {@link #NO_PASID} for a request without
     */
    public static long word0(int deviceId, int queueId, int maxpend, int pasid) {
        return OPCODE.of(AmdViCommand.OP_IOTLB_PAGES)
                | DEVICE_ID.of(deviceId)
                | QUEUE_ID.of(queueId)
                | MAXPEND.of(maxpend)
                | (pasid == NO_PASID ? 0 : ofPasid(pasid));
    }

    /**
     * Second word of the command.
     *
     * @param pasid as in {@link #word0}
     * @param shift log2 of the size of the block, 12 to 51, or {@link SizeEncoding#ALL}
     * @param type of {@link #TYPE}
     */
    public static long word1(int pasid, long base, int shift, int type) {
        return SizeEncoding.word(ADDRESS, S, base, shift) | (pasid == NO_PASID ? 0 : GN.mask()) | TYPE.of(type);
    }

    /** The PASID in the first word of a command. */
    public static int pasid(long word0) {
        return PASID_LOW.getInt(word0)
                | PASID_MIDDLE.getInt(word0) << PASID_LOW.width()
                | PASID_HIGH.getInt(word0) << (PASID_LOW.width() + PASID_MIDDLE.width());
    }

    /** A first word that holds only a PASID of 20 bits. */
    public static long ofPasid(int pasid) {
        int middle = pasid >>> PASID_LOW.width();
        return PASID_LOW.of(pasid & (1 << PASID_LOW.width()) - 1)
                | PASID_MIDDLE.of(middle & (1 << PASID_MIDDLE.width()) - 1)
                | PASID_HIGH.of(middle >>> PASID_MIDDLE.width());
    }
}
