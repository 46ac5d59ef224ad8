package org.iommu4j.arm.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PASIDTBL: one stream translates through the guest's own table of context descriptors, stage 1. The ASIDs in
 * it are the guest's; the host keeps guests apart by VMIDs.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound. Addresses are host physical: containers map guest memory
 * one to one in this release.
 */
public final class BindPasidTable {
    private static final Layout.Builder DATA = Layout.named("smmu_bind_pasidtbl")
            .size(128)
            .littleEndian()
            .spec("docs/contract.md, BIND_PASIDTBL of SMMUv3");
    public static final BitField TABLE_ROOT =
            DATA.address("table_root", 51, 6, about("context descriptors, as STE.S1ContextPtr"));
    public static final BitField REQUESTER = DATA.bits("requester", 95, 64, about("StreamID"));
    public static final BitField PASID_BITS =
            DATA.bits("pasid_bits", 100, 96, about("log2 of the context descriptors, as STE.S1CDMax"));

    /** Levels of the table. */
    public static final BitField FORMAT = DATA.bits(
            "format",
            103,
            102,
            oneOf(code(0, "linear"), code(1, "two levels, 4 KiB leaves"), code(2, "two levels, 64 KiB leaves")));

    /** Treatment of a transaction without PASID where there are PASIDs. */
    public static final BitField NO_PASID = DATA.bits(
            "no_pasid", 105, 104, oneOf(code(0, "abort"), code(1, "bypass stage 1"), code(2, "context descriptor 0")));

    public static final Layout LAYOUT = DATA.build();

    private static final Layout.Builder HEADER_FLAGS = BindFormat.flags("smmu_bind_pasidtbl");

    /** Transactions pass untranslated; everything but the stream is 0. */
    public static final BitField FLAG_PASS_THROUGH =
            HEADER_FLAGS.bit("PASS_THROUGH", 16, about("transactions pass untranslated; all but requester is 0"));

    /** The device has a TLB of its own, so that invalidations reach it too; needs IDR0.ATS. */
    public static final BitField FLAG_DEVICE_TLB =
            HEADER_FLAGS.bit("DEVICE_TLB", 17, about("the device has a TLB of its own; needs IDR0.ATS"));

    /** The table of BIND_PGTABLE is one of stage 2; needs IDR0.S2P. */
    public static final BitField FLAG_STAGE_2 =
            HEADER_FLAGS.bit("STAGE_2", 18, about("BIND_PGTABLE: a stage-2 table; needs IDR0.S2P"));

    /** The table of BIND_PGTABLE is stage 2 below the guest's own context descriptors; needs both stages. */
    public static final BitField FLAG_NESTED = HEADER_FLAGS.bit(
            "NESTED", 19, about("BIND_PGTABLE: a stage-2 table below the guest's context descriptors"));

    /** The device may ask for pages; needs IDR0.PRI and {@link #FLAG_DEVICE_TLB}. */
    public static final BitField FLAG_PAGE_REQUESTS =
            HEADER_FLAGS.bit("PAGE_REQUESTS", 23, about("the device may ask for pages; needs DEVICE_TLB and IDR0.PRI"));

    /** The header's flags, of every bind of this model. */
    public static final Layout FLAGS_LAYOUT = HEADER_FLAGS.build();

    /** Header flags that are the device's own. */
    public static final int DEVICE_FLAGS = (int) (FLAG_DEVICE_TLB.mask() | FLAG_PAGE_REQUESTS.mask());

    /** All header flags of BIND_PASIDTBL. */
    public static final int FLAGS = (int) FLAG_PASS_THROUGH.mask() | DEVICE_FLAGS;

    /** All header flags of BIND_PGTABLE. */
    public static final int PAGE_TABLE_FLAGS = (int) (FLAG_STAGE_2.mask() | FLAG_NESTED.mask()) | DEVICE_FLAGS;

    /** All header flags of BIND_PASID. */
    public static final int PASID_FLAGS = DEVICE_FLAGS;

    private BindPasidTable() {}
}
