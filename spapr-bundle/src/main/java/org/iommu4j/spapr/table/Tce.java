package org.iommu4j.spapr.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Translation control entry, docs/spec/spapr-tce.md 3.1; 8 bytes. The page size is the window's, not the entry's: for a
 * page of shift s the bits of {@link #RPN} below s are zero. With control 00 hardware ignores the rest. An entry of an
 * upper level has the same form, and points to the next level if any control bit is set.
 */
public final class Tce {
    private static final Layout.Builder ENTRY =
            Layout.named("tce").size(64).bigEndian().msb0().spec("PAPR, TCE format; docs/spec/spapr-tce.md 3.1");
    public static final BitField RPN = ENTRY.address("RPN", 0, 51, about("real address of the page"));
    public static final BitField WRITE = ENTRY.bit("W", 62, about("write allowed"));
    public static final BitField READ = ENTRY.bit("R", 63, about("read allowed"));

    public static final Layout LAYOUT = ENTRY.presentIfAny(READ, WRITE).build();

    /** log2 of the size of one entry in bytes. */
    public static final int SHIFT = 3;

    /** Size of one entry. */
    public static final int BYTES = 1 << SHIFT;

    /** The control field: read and write as {@code DmaAccess} numbers them. */
    public static final long CONTROL = WRITE.mask() | READ.mask();

    private Tce() {}

    /** True if the entry allows anything. */
    public static boolean isValid(long tce) {
        return (tce & CONTROL) != 0;
    }
}
