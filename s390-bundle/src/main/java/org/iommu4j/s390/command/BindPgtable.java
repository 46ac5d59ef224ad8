package org.iommu4j.s390.command;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PGTABLE: an IOTA registration of one function with its aperture, as MPCIFC operation 4 has it. It follows
 * the 20 bytes of the bind header; with the outer 12 bytes every 64-bit field is aligned in the whole message.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound. Addresses are host physical: containers map guest
 * memory one to one in this release.
 */
public final class BindPgtable {
    private static final Layout.Builder DATA = Layout.named("s390_bind_pgtable")
            .size(256)
            .bigEndian()
            .msb0()
            .spec("docs/contract.md, BIND_PGTABLE of zPCI");
    public static final BitField REQUESTER =
            DATA.bits("requester", 0, 31, about("function handle of any life; its index names the function"));

    /** The anchor as MPCIFC registers it: origin, T, P, table type; the storage key must be 0. */
    public static final BitField IOTA = DATA.bits(
            "iota", 64, 127, about("I/O translation anchor: origin 64:113, T 116, P 118, table type 123:125"));

    public static final BitField PBA = DATA.address("pba", 128, 179, about("first address, a multiple of 4096"));
    public static final BitField PAL =
            DATA.bits("pal", 192, 255, about("last address, inclusive; its low 12 bits are ones"));

    public static final Layout LAYOUT = DATA.build();

    /** The header's flags; the vendor part defines none of its own. */
    public static final Layout FLAGS_LAYOUT =
            BindFormat.flags("s390_bind_pgtable").build();

    /** All header flags that zPCI defines. */
    public static final int FLAGS = 0;

    private BindPgtable() {}

    /** The bytes of a payload. */
    public static byte[] of(int handle, long iota, long pba, long pal) {
        return LAYOUT.encode(REQUESTER.of(Integer.toUnsignedLong(handle)), iota, PBA.of(pba), pal);
    }
}
