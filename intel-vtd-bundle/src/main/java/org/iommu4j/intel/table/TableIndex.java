package org.iommu4j.intel.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Which parts of a source id and of a PASID select the entries of tables, VT-d 3.4.2 and 3.4.3. */
public final class TableIndex {
    private static final Layout.Builder LEGACY =
            Layout.named("source_id").size(64).littleEndian().spec("VT-d 3.4.2");
    public static final BitField BUS = LEGACY.bits("bus", 15, 8, about("entry of the root table"));

    /** Entry of a context table of legacy mode. */
    public static final BitField DEVICE_FUNCTION =
            LEGACY.bits("device and function", 7, 0, about("entry of the context table"));

    private static final Layout.Builder SCALABLE =
            Layout.named("scalable_source_id").size(64).littleEndian().spec("VT-d 3.4.3");

    /** Half of an entry of a root table of scalable mode. */
    public static final BitField HALF_BUS = SCALABLE.bits("half of a bus", 15, 7, about("half of a root entry"));

    /** Entry of a context table of scalable mode. */
    public static final BitField IN_HALF_BUS =
            SCALABLE.bits("device and function in it", 6, 0, about("entry of the context table"));

    private static final Layout.Builder PASIDS =
            Layout.named("pasid").size(64).littleEndian().spec("VT-d 3.4.3");
    public static final BitField PASID_TABLE = PASIDS.bits("table", 19, 6, about("entry of the PASID directory"));
    public static final BitField IN_PASID_TABLE = PASIDS.bits("entry", 5, 0, about("entry of the PASID table"));

    /** PASIDs of one PASID table. */
    public static final int PASIDS_OF_TABLE = 1 << IN_PASID_TABLE.width();

    private TableIndex() {}
}
