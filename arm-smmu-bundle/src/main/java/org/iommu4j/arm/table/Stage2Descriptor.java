package org.iommu4j.arm.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Stage-2 descriptor of VMSAv8-64, DDI 0487 D8.3; 8 bytes. */
public final class Stage2Descriptor {
    private static final Layout.Builder ENTRY = Layout.named("stage2_descriptor")
            .size(64)
            .littleEndian()
            .spec("DDI 0487 D8.3")
            .ignoreReserved();
    public static final BitField VALID = ENTRY.bit("valid", 0, about("valid"));

    /** A table, or at level 3 a page; otherwise a block. */
    public static final BitField TABLE = ENTRY.bit("table", 1, about("table, at level 3 page; else block"));

    public static final BitField MEM_ATTR = ENTRY.bits("MemAttr", 5, 2, about("memory attribute"));
    public static final BitField READ = ENTRY.bit("S2AP0", 6, about("read"));

    /** May be written. */
    public static final BitField WRITE = ENTRY.bit("S2AP1", 7, about("write"));

    public static final BitField SH = ENTRY.bits("SH", 9, 8, about("shareability"));

    /** Access flag. */
    public static final BitField AF = ENTRY.bit("AF", 10, about("accessed"));

    /** Bits 51:48 of the address with 64 KiB granules. */
    public static final BitField HIGH_ADDRESS = ENTRY.bits("OA51_48", 15, 12, about("bits 51:48 of the address, 64K"));

    public static final BitField ADDRESS = ENTRY.address("OA", 47, 16, about("next table, block or page"));

    /** A write may make it writable. */
    public static final BitField DBM = ENTRY.bit("DBM", 51, about("dirty bit modifier"));

    /** One of a run of equal entries. */
    public static final BitField CONTIGUOUS = ENTRY.bit("Contiguous", 52, about("one of a run"));

    /** Execution, with IDR3.XNX by privilege. */
    public static final BitField XN = ENTRY.bits("XN", 54, 53, about("not executable"));

    /** {@link #XN}: executable when unprivileged only, IDR3.XNX. */
    public static final int XN_UNPRIVILEGED_ONLY = 1;

    /** {@link #XN}: not executable. */
    public static final int XN_NEVER = 2;

    /** {@link #XN}: executable when privileged only, IDR3.XNX. */
    public static final int XN_PRIVILEGED_ONLY = 3;

    public static final BitField SOFTWARE = ENTRY.ignored("software", 58, 55);

    /** The descriptor; the layout takes the address as one of a 64 KiB granule. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(VALID).build();

    private Stage2Descriptor() {}
}
