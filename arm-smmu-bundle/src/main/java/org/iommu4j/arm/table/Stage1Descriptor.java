package org.iommu4j.arm.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Stage-1 descriptor of VMSAv8-64, DDI 0487 D8.3; 8 bytes. */
public final class Stage1Descriptor {
    private static final Layout.Builder ENTRY = Layout.named("stage1_descriptor")
            .size(64)
            .littleEndian()
            .spec("DDI 0487 D8.3")
            .ignoreReserved();
    public static final BitField VALID = ENTRY.bit("valid", 0, about("valid"));

    /** A table, or at level 3 a page; otherwise a block. */
    public static final BitField TABLE = ENTRY.bit("table", 1, about("table, at level 3 page; else block"));

    public static final BitField ATTR_INDEX = ENTRY.bits("AttrIndx", 4, 2, about("memory attribute"));
    public static final BitField UNPRIVILEGED = ENTRY.bit("AP1", 6, about("unprivileged access"));
    public static final BitField READ_ONLY = ENTRY.bit("AP2", 7, about("read only"));
    public static final BitField SH = ENTRY.bits("SH", 9, 8, about("shareability"));

    /** Access flag. */
    public static final BitField AF = ENTRY.bit("AF", 10, about("accessed"));

    public static final BitField NOT_GLOBAL = ENTRY.bit("nG", 11, about("of one ASID only"));

    /** Bits 51:48 of the address with 64 KiB granules. */
    public static final BitField HIGH_ADDRESS = ENTRY.bits("OA51_48", 15, 12, about("bits 51:48 of the address, 64K"));

    public static final BitField ADDRESS = ENTRY.address("OA", 47, 16, about("next table, block or page"));

    /** A write may make it writable. */
    public static final BitField DBM = ENTRY.bit("DBM", 51, about("dirty bit modifier"));

    /** One of a run of equal entries. */
    public static final BitField CONTIGUOUS = ENTRY.bit("Contiguous", 52, about("one of a run"));

    public static final BitField PXN = ENTRY.bit("PXN", 53, about("not executable, privileged"));

    /** Not executable when unprivileged; at EL2 without E2H at all. */
    public static final BitField UXN = ENTRY.bit("UXN", 54, about("not executable, unprivileged"));

    /** Of a table: everything below is not executable when privileged. */
    public static final BitField PXN_TABLE = ENTRY.bit("PXNTable", 59, about("table: PXN below"));

    /** Of a table: everything below is not executable when unprivileged. */
    public static final BitField UXN_TABLE = ENTRY.bit("UXNTable", 60, about("table: UXN below"));

    public static final BitField NO_UNPRIVILEGED_TABLE =
            ENTRY.bit("APTable0", 61, about("table: privileged only below"));
    public static final BitField READ_ONLY_TABLE = ENTRY.bit("APTable1", 62, about("table: read only below"));
    public static final BitField SOFTWARE = ENTRY.ignored("software", 58, 55);

    /** The descriptor; the layout takes the address as one of a 64 KiB granule. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(VALID).build();

    private Stage1Descriptor() {}
}
