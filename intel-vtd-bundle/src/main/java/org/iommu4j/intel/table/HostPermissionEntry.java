package org.iommu4j.intel.table;

import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Entry of a host permission table, VT-d 9.12; 16 bytes, 256 in a table. The lowest level has permissions in both words, the
 * others permissions of large pages in the first and the next table in the second.
 */
public final class HostPermissionEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("host_permission_entry").size(128).littleEndian().spec("VT-d 9.12");

    /** Permissions, four bits for each page: read, write, and two that are reserved. */
    public static final BitField PP = ENTRY.bits("PP", 63, 0, when("HPTS"), about("4 bits for each page: R, W, 0, 0"));

    /** The next table is there; not at the lowest level. */
    public static final BitField AV = ENTRY.bit("AV", 64, when("HPTS"), about("the next table is there"));

    /** Address of the next table; not at the lowest level. */
    public static final BitField ADDR = ENTRY.address("ADDR", 115, 76, when("HPTS"), about("next table"));

    public static final BitField IGNORED = ENTRY.ignored("ignored 127:116", 127, 116);

    /** The entry; which bits are reserved depends on the level, see {@link HostPermissions}. */
    public static final Layout LAYOUT = ENTRY.build();

    /** Bits of the permission of one page: read, write, and two that are reserved. */
    static final int RIGHTS_BITS = 4;

    /** The reserved bits of all permissions of a word. */
    static final long RESERVED_RIGHTS = 0xcccc_cccc_cccc_ccccL;

    /** Size of an entry. */
    static final int BYTES = 16;

    private HostPermissionEntry() {}
}
