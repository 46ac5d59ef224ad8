package org.iommu4j.amd.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Entry of a GCR3 table, 48882 2.2.6; 8 bytes, 512 in a table: the next table, or the guest table of a PASID. */
public final class Gcr3Entry {
    private static final Layout.Builder ENTRY =
            Layout.named("gcr3_entry").size(64).littleEndian().ignoreReserved().spec("AMD 48882 2.2.6");
    public static final BitField V = ENTRY.bit("V", 0, about("valid"));
    public static final BitField ADDRESS = ENTRY.address("Address", 51, 12, about("next table, or guest CR3"));

    public static final Layout LAYOUT = ENTRY.presentIfAny(V).build();

    /** Size of an entry. */
    public static final int BYTES = 8;

    /** Bits of a PASID that one level looks at. */
    public static final int LEVEL_BITS = 9;

    private static final int INDEX_MASK = (1 << LEVEL_BITS) - 1;

    private Gcr3Entry() {}

    /**
     * Index into a table.
     *
     * @param below levels of tables below it
     */
    public static int index(int pasid, int below) {
        return (pasid >>> (LEVEL_BITS * below)) & INDEX_MASK;
    }
}
