package org.iommu4j.arm.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PGTABLE: one stream translates through one table of the guest. Flags are those of {@link BindPasidTable}.
 *
 * <p>A stage-1 table is for the lower half of the address space; the host makes the context descriptor and chooses its ASID. With the flag
 * STAGE_2 it is a stage-2 table, of which the host writes the stream table entry; its VMID is the host's.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound.
 */
public final class BindPageTable {
    private static final Layout.Builder DATA =
            Layout.named("smmu_bind_pgtable").size(192).littleEndian().spec("docs/contract.md, BIND_PGTABLE of SMMUv3");

    /** Top level of the table. */
    public static final BitField TABLE_ROOT =
            DATA.address("table_root", 51, 4, about("table, as CD.TTB0 or STE.S2TTB"));

    public static final BitField REQUESTER = DATA.bits("requester", 95, 64, about("StreamID"));

    /** Input size: 64 less the address bits that the table translates. */
    public static final BitField T0SZ = DATA.bits("t0sz", 101, 96, about("64 - input size, as CD.T0SZ or STE.S2T0SZ"));

    public static final BitField GRANULE = DATA.bits(
            "granule", 105, 104, oneOf(code(0, "4K"), code(1, "64K"), code(2, "16K")), about("as CD.TG0 or STE.S2TG"));
    public static final BitField IPS = DATA.bits("ips", 110, 108, about("output size code, as CD.IPS or STE.S2PS"));

    /** Byte order of the table. */
    public static final BitField BIG_ENDIAN = DATA.bit("big_endian", 111, about("as CD.ENDI or STE.S2ENDI"));

    /** First level of a stage-2 table. */
    public static final BitField START_LEVEL = DATA.bits("start_level", 113, 112, about("stage 2: as STE.S2SL0"));

    /** Descriptors of stage 2 whose access flag is 0 do not fault. */
    public static final BitField NO_ACCESS_FAULTS = DATA.bit("no_access_faults", 114, about("stage 2: as STE.S2AFFD"));

    /** The chip sets the access flag of stage 2. */
    public static final BitField UPDATE_ACCESS = DATA.bit("update_access", 115, about("stage 2: as STE.S2HA"));

    /** The chip sets the dirty state of stage 2. */
    public static final BitField UPDATE_DIRTY = DATA.bit("update_dirty", 116, about("stage 2: as STE.S2HD"));

    public static final BitField NO_RECORDS = DATA.bit("no_records", 117, about("stage 2: STE.S2R is 0"));
    public static final BitField STALLS = DATA.bit("stalls", 118, about("stage 2: as STE.S2S"));
    public static final BitField FORCE_WRITE_BACK = DATA.bit("force_write_back", 119, about("stage 2: as STE.S2FWB"));

    /** Memory attributes; with both stages the context descriptors above, as {@link #CONTEXTS} has them. */
    public static final BitField MAIR =
            DATA.bits("mair", 191, 128, about("stage 1: as CD.MAIR; NESTED: smmu_bind_contexts"));

    public static final Layout LAYOUT = DATA.build();

    private static final Layout.Builder ABOVE =
            Layout.named("smmu_bind_contexts").size(64).littleEndian().spec("docs/contract.md, BIND_PGTABLE of SMMUv3");

    /** Levels of the table of context descriptors. */
    public static final BitField CONTEXT_FORMAT = ABOVE.bits(
            "format",
            5,
            4,
            oneOf(code(0, "linear"), code(1, "two levels, 4 KiB leaves"), code(2, "two levels, 64 KiB leaves")));

    /** The table of context descriptors, or the single one: an intermediate address. */
    public static final BitField CONTEXT_POINTER =
            ABOVE.address("context_pointer", 51, 6, about("intermediate address, as STE.S1ContextPtr"));

    /** Treatment of a transaction without PASID where there are PASIDs. */
    public static final BitField CONTEXT_NO_PASID = ABOVE.bits(
            "no_pasid", 53, 52, oneOf(code(0, "abort"), code(1, "bypass stage 1"), code(2, "context descriptor 0")));

    /** log2 of the context descriptors. */
    public static final BitField CONTEXT_BITS = ABOVE.bits("pasid_bits", 63, 59, about("as STE.S1CDMax"));

    /** The third word with both stages. */
    public static final Layout CONTEXTS = ABOVE.build();

    private BindPageTable() {}
}
