package org.iommu4j.s390.table;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** I/O translation anchor, docs/spec/s390-zpci.md 3.1: where the tables begin and of what type the first is. */
public final class Iota {
    private static final Layout.Builder ANCHOR =
            Layout.named("IOTA").bigEndian().msb0().spec("zPCI, docs/spec/s390-zpci.md 3.1");
    public static final BitField ORIGIN = ANCHOR.address("origin", 0, 49, about("first table, aligned to 16 KiB"));
    public static final BitField T = ANCHOR.bit("T", 52, about("translate"));
    public static final BitField P = ANCHOR.bit("P", 54, about("the whole space is write protected"));
    public static final BitField DT = ANCHOR.bits(
            "DT",
            59,
            61,
            oneOf(
                    code(0, "segment table"),
                    code(1, "region third table"),
                    code(2, "region second table"),
                    code(3, "region first table"),
                    code(4, "page frame"),
                    code(5, "I/O page frame"),
                    code(7, "I/O page table")));

    /** Frame size of type 4. */
    public static final BitField FS =
            ANCHOR.bits("FS", 62, 63, oneOf(code(0, "4 KiB"), code(1, "1 MiB"), code(2, "2 GiB")));

    public static final Layout LAYOUT = ANCHOR.build();

    private Iota() {}

    /** The anchor of a table. */
    public static long of(long origin, int type) {
        return ORIGIN.of(origin) | T.mask() | DT.of(type);
    }
}
