package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** INVALIDATE_IOMMU_PAGES, 48882 2.4.3: translations of a domain, or of one PASID of it. */
public final class InvalidateIommuPages {
    /** No PASID: the translations of the host tables are meant. */
    public static final int NO_PASID = -1;

    private static final Layout.Builder CMD =
            Layout.named("INVALIDATE_IOMMU_PAGES").size(128).littleEndian().spec("AMD 48882 2.4.3");

    /** The PASID; ignored unless GN. */
    public static final BitField PASID = CMD.bits("PASID", 19, 0, when("GTSup"), about("with GN"));

    public static final BitField DOMAIN_ID = CMD.bits("DomainID", 47, 32, about("tag of the translations"));
    public static final BitField OPCODE = CMD.bits("Opcode", 63, 60, oneOf(code(3, "invalidate IOMMU pages")));

    /** The address carries a size. */
    public static final BitField S = CMD.bit("S", 64, about("0: 4 KiB; 1: size is in the address"));

    /** Cached directory entries that cover the range go, too. */
    public static final BitField PDE = CMD.bit("PDE", 65, about("directory entries, too"));

    public static final BitField GN = CMD.bit("GN", 66, when("GTSup"), about("guest virtual address of the PASID"));
    public static final BitField ADDRESS = CMD.address("Address", 127, 76, about("address and size"));

    public static final Layout LAYOUT = CMD.build();

    private InvalidateIommuPages() {}

    /**
     * First word of the command.
     *
     * @param pasid whose guest translations are meant, or {@link #NO_PASID}
     */
    public static long word0(int domain, int pasid) {
        return OPCODE.of(AmdViCommand.OP_IOMMU_PAGES)
                | DOMAIN_ID.of(domain)
                | (pasid == NO_PASID ? 0 : PASID.of(pasid));
    }

    /**
     * Second word of the command.
     *
     * @param pasid as in {@link #word0}
     * @param shift log2 of the size of the block, 12 to 51, or {@link SizeEncoding#ALL}
     * @param directories true if directory entries are meant, too
     */
    public static long word1(int pasid, long base, int shift, boolean directories) {
        return SizeEncoding.word(ADDRESS, S, base, shift)
                | (pasid == NO_PASID ? 0 : GN.mask())
                | (directories ? PDE.mask() : 0);
    }
}
