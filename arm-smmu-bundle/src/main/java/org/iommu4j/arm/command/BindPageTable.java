package org.iommu4j.arm.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PGTABLE: one stream translates through one stage-1 table of the guest, for the lower half of the address
 * space. The host makes the context descriptor and chooses its ASID. Flags are those of {@link BindPasidTable}.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound.
 */
public final class BindPageTable {
    private static final Layout.Builder DATA =
            Layout.named("smmu_bind_pgtable").size(192).littleEndian().spec("docs/contract.md, BIND_PGTABLE of SMMUv3");

    /** Top level of the table. */
    public static final BitField TABLE_ROOT = DATA.address("table_root", 51, 4, about("table, as CD.TTB0"));

    /** The stream. */
    public static final BitField REQUESTER = DATA.bits("requester", 95, 64, about("StreamID"));

    /** Input size: 64 less the address bits that the table translates. */
    public static final BitField T0SZ = DATA.bits("t0sz", 101, 96, about("64 - input size, as CD.T0SZ"));

    /** Granule. */
    public static final BitField GRANULE =
            DATA.bits("granule", 105, 104, oneOf(code(0, "4K"), code(1, "64K"), code(2, "16K")), about("as CD.TG0"));

    /** Output size. */
    public static final BitField IPS = DATA.bits("ips", 110, 108, about("output size code, as CD.IPS"));

    /** Byte order of the table. */
    public static final BitField BIG_ENDIAN = DATA.bit("big_endian", 111, about("as CD.ENDI"));

    /** Memory attributes. */
    public static final BitField MAIR = DATA.bits("mair", 191, 128, about("memory attributes, as CD.MAIR"));

    /** The payload. */
    public static final Layout LAYOUT = DATA.build();

    private BindPageTable() {}
}
