package org.iommu4j.s390.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of an invalidation, docs/spec/s390-zpci.md 5.2; 24 bytes, or absent. It confirms what the client believes
 * to be bound; nothing in it reaches a register.
 */
public final class InvalidateData {
    private static final Layout.Builder DATA = Layout.named("s390_iommu_invalidate_data")
            .size(192)
            .bigEndian()
            .msb0()
            .spec("zPCI, docs/spec/s390-zpci.md 5.2");
    public static final BitField FH = DATA.bits("fh", 0, 31, about("0, or the current handle of a function"));
    public static final BitField DMAAS = DATA.bits("dmaas", 32, 39, oneOf(code(0, "the only one")));
    public static final BitField OP =
            DATA.bits("op", 40, 47, oneOf(code(0, "RANGE: the generic range"), code(1, "ALL: the whole aperture")));
    public static final BitField IOTA = DATA.bits("iota", 64, 127, about("0, or the IOTA as it is registered"));

    public static final Layout LAYOUT = DATA.build();

    // Codes of OP.
    public static final int RANGE = 0;
    public static final int ALL = 1;

    private InvalidateData() {}

    /** The bytes of a payload. */
    public static byte[] of(int handle, int op, long iota) {
        return LAYOUT.encode(FH.of(Integer.toUnsignedLong(handle)) | OP.of(op), iota, 0);
    }
}
