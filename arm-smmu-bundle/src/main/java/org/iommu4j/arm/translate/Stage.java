package org.iommu4j.arm.translate;

import java.util.Arrays;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuRegisters.Idr5;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.arm.table.ContextTable;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.driver.bind.BindPart;

/**
 * What streams of a domain translate through: a stage-2 table, a table of context descriptors of the guest, both, or stage-1 tables
 * with context descriptors of the host. Each has a VMID of its own, since streams of one VMID must agree in whatever a TLB keeps of
 * their entries, IHI 0070 5.2.1.
 */
final class Stage {
    /** Kind of the table. */
    enum Kind {
        /** A stage-2 table, as a container's own tables are attached. */
        STAGE_2,
        /** A stage-2 table of the guest: BIND_PGTABLE. */
        GUEST_STAGE_2,
        /** A stage-2 table of the guest below its context descriptors: BIND_PGTABLE. */
        GUEST_NESTED,
        /** The guest's context descriptors: BIND_PASIDTBL. */
        CONTEXT_TABLE,
        /** A stage-1 table of the guest: BIND_PGTABLE. */
        PAGE_TABLE,
        /** Stage-1 tables of the guest by PASID, in context descriptors of the host: BIND_PASID. */
        HOST_CONTEXTS,
        /** No table: transactions pass untranslated. */
        BYPASS
    }

    /** ASID of the context descriptors that the host makes: each is alone in its VMID. */
    static final int HOST_ASID = 1;

    /** Attributes of fetches: write-back, inner shareable. */
    private static final int WRITE_BACK = 1;

    private static final int INNER_SHAREABLE = 3;
    private static final int FOUR_LEVELS = 4;
    private static final int LEVEL_BITS = 9;
    private static final int PAGE_SHIFT = 12;

    private final Kind kind;
    private final long[] ste;
    private final long[] cd;
    private int vmid;
    private long contextPage;
    private long contextPointer;
    private int users;

    /**
     * A stage without users.
     *
     * @param ste words of the stream table entry, without VMID, EATS and what the host adds
     * @param cd words of the context descriptor; empty if the host makes none
     */
    Stage(Kind kind, long[] ste, long... cd) {
        this.kind = kind;
        this.ste = ste.clone();
        this.cd = cd.clone();
    }

    /** The stage of a stage-2 table of 4 KiB granules with 2 to 4 levels: 30, 39 or 48 bits. */
    static Stage ofTable(long table, int levels, SmmuCapabilities chip) {
        int bits = Math.min(PAGE_SHIFT + levels * LEVEL_BITS, chip.outputBits());
        // With a narrow chip the top level would have too few entries: tables of the next level are concatenated.
        int startCode = FOUR_LEVELS - levels;
        long[] ste = new long[StreamTableEntry.WORDS];
        ste[0] = StreamTableEntry.V.mask() | StreamTableEntry.CONFIG.of(StreamTableEntry.STAGE_2);
        ste[2] = StreamTableEntry.S2_T0SZ.of(Long.SIZE - bits)
                | StreamTableEntry.S2_SL0.of(2 - startCode)
                | StreamTableEntry.S2_TG.of(Granule.K4.stage2Code())
                | StreamTableEntry.S2_PS.of(Idr5.OAS.get(chip.idr5()))
                | StreamTableEntry.S2_AA64.mask()
                | StreamTableEntry.S2_R.mask();
        ste[3] = StreamTableEntry.S2_TTB.of(table);
        return new Stage(Kind.STAGE_2, ste);
    }

    /** The stage of a guest's context descriptors, or of a stream that passes. */
    static Stage ofContextTable(BindPart part) {
        if (part.hasFlag(BindPasidTable.FLAG_PASS_THROUGH)) {
            long[] bypass = new long[StreamTableEntry.WORDS];
            bypass[0] = StreamTableEntry.V.mask() | StreamTableEntry.CONFIG.of(StreamTableEntry.BYPASS);
            return new Stage(Kind.BYPASS, bypass);
        }
        long[] ste = stage1();
        ste[0] |= StreamTableEntry.S1_CONTEXT_PTR.of(part.get(BindPasidTable.TABLE_ROOT))
                | StreamTableEntry.S1_CD_MAX.of(part.get(BindPasidTable.PASID_BITS))
                | StreamTableEntry.S1_FORMAT.of(part.get(BindPasidTable.FORMAT));
        ste[1] |= StreamTableEntry.S1_DSS.of(part.get(BindPasidTable.NO_PASID));
        return new Stage(Kind.CONTEXT_TABLE, ste);
    }

    /** The stage of one table of the guest. */
    static Stage ofPageTable(BindPart part) {
        if (part.hasFlag(BindPasidTable.FLAG_STAGE_2)) {
            return new Stage(Kind.GUEST_STAGE_2, stage2(part));
        }
        if (part.hasFlag(BindPasidTable.FLAG_NESTED)) {
            return new Stage(Kind.GUEST_NESTED, nested(part));
        }
        return new Stage(Kind.PAGE_TABLE, stage1(), context(part, HOST_ASID));
    }

    /** The words of both stages: the third word of the payload says where the context descriptors are. */
    private static long[] nested(BindPart part) {
        long contexts = part.get(BindPageTable.MAIR);
        long[] ste = stage2(part);
        ste[0] = StreamTableEntry.CONFIG.set(ste[0], StreamTableEntry.NESTED)
                | StreamTableEntry.S1_CONTEXT_PTR.of(BindPageTable.CONTEXT_POINTER.get(contexts))
                | StreamTableEntry.S1_CD_MAX.of(BindPageTable.CONTEXT_BITS.get(contexts))
                | StreamTableEntry.S1_FORMAT.of(BindPageTable.CONTEXT_FORMAT.get(contexts));
        ste[1] |= stage1()[1] | StreamTableEntry.S1_DSS.of(BindPageTable.CONTEXT_NO_PASID.get(contexts));
        return ste;
    }

    private static long[] stage2(BindPart part) {
        long[] ste = new long[StreamTableEntry.WORDS];
        ste[0] = StreamTableEntry.V.mask() | StreamTableEntry.CONFIG.of(StreamTableEntry.STAGE_2);
        ste[2] = StreamTableEntry.S2_T0SZ.of(part.get(BindPageTable.T0SZ))
                | StreamTableEntry.S2_SL0.of(part.get(BindPageTable.START_LEVEL))
                | StreamTableEntry.S2_TG.of(part.get(BindPageTable.GRANULE))
                | StreamTableEntry.S2_PS.of(part.get(BindPageTable.IPS))
                | StreamTableEntry.S2_ENDI.of(part.get(BindPageTable.BIG_ENDIAN))
                | StreamTableEntry.S2_AFFD.of(part.get(BindPageTable.NO_ACCESS_FAULTS))
                | StreamTableEntry.S2_HA.of(part.get(BindPageTable.UPDATE_ACCESS))
                | StreamTableEntry.S2_HD.of(part.get(BindPageTable.UPDATE_DIRTY))
                | StreamTableEntry.S2_S.of(part.get(BindPageTable.STALLS))
                | StreamTableEntry.S2_R.of(1 - part.get(BindPageTable.NO_RECORDS))
                | StreamTableEntry.S2_AA64.mask();
        ste[1] = StreamTableEntry.S2_FWB.of(part.get(BindPageTable.FORCE_WRITE_BACK));
        ste[3] = StreamTableEntry.S2_TTB.of(part.get(BindPageTable.TABLE_ROOT));
        return ste;
    }

    /** The stage of one stream's PASIDs, of which none is bound yet. */
    static Stage ofPasids(SmmuCapabilities chip) {
        return new Stage(Kind.HOST_CONTEXTS, HostContexts.addTo(stage1(), chip));
    }

    /** The same stage with other words of the stream table entry. */
    Stage withWords(long[] words) {
        return new Stage(kind, words, cd);
    }

    /** Words of the host's context descriptor of a guest's stage-1 table, as BIND_PGTABLE and BIND_PASID give it. */
    static long[] context(BindPart part, int asid) {
        long control = ContextDescriptor.T0SZ.of(part.get(BindPageTable.T0SZ))
                | ContextDescriptor.TG0.of(part.get(BindPageTable.GRANULE))
                | ContextDescriptor.IR0.of(WRITE_BACK)
                | ContextDescriptor.OR0.of(WRITE_BACK)
                | ContextDescriptor.SH0.of(INNER_SHAREABLE)
                | ContextDescriptor.ENDI.of(part.get(BindPageTable.BIG_ENDIAN))
                | ContextDescriptor.EPD1.mask()
                | ContextDescriptor.V.mask()
                | ContextDescriptor.IPS.of(part.get(BindPageTable.IPS))
                | ContextDescriptor.AA64.mask()
                | ContextDescriptor.R.mask()
                | ContextDescriptor.A.mask()
                | ContextDescriptor.ASET.mask()
                | ContextDescriptor.ASID.of(asid);
        return new long[] {
            control, ContextDescriptor.TTB0.of(part.get(BindPageTable.TABLE_ROOT)), 0, part.get(BindPageTable.MAIR)
        };
    }

    private static long[] stage1() {
        long[] ste = new long[StreamTableEntry.WORDS];
        ste[0] = StreamTableEntry.V.mask() | StreamTableEntry.CONFIG.of(StreamTableEntry.STAGE_1);
        ste[1] = StreamTableEntry.S1_CIR.of(WRITE_BACK)
                | StreamTableEntry.S1_COR.of(WRITE_BACK)
                | StreamTableEntry.S1_CSH.of(INNER_SHAREABLE);
        return ste;
    }

    Kind kind() {
        return kind;
    }

    /** Words as they were given, for a saved state and the rules. */
    long[] ste() {
        return ste.clone();
    }

    /** Words of the host's context descriptor; empty if it makes none. */
    long[] cd() {
        return cd.clone();
    }

    /** True if its context descriptors are the host's, in a page of their own. */
    boolean hasHostContexts() {
        return kind == Kind.PAGE_TABLE || kind == Kind.HOST_CONTEXTS;
    }

    /** First word of the stream table entry, with the physical address of the host's context descriptors. */
    long ste0() {
        return ste[0] | StreamTableEntry.S1_CONTEXT_PTR.of(contextPage);
    }

    int vmid() {
        return vmid;
    }

    void vmid(int newVmid) {
        vmid = newVmid;
    }

    /** Page of the host's context descriptors; 0 if it makes none. */
    long contextPage() {
        return contextPage;
    }

    /**
     * Chooses where the host's context descriptors are.
     *
     * @param page their physical address
     * @param pointer how a stream table entry names it: with two stages an intermediate address
     */
    void contextPage(long page, long pointer) {
        contextPage = page;
        contextPointer = pointer;
    }

    /** True if stage 2 translates. */
    boolean hasStage2() {
        return StreamTableEntry.hasStage2(StreamTableEntry.CONFIG.getInt(ste[0]));
    }

    /** True if it is stage 2 alone: of tables, not of a container's memory map below a guest's. */
    boolean isStage2Table() {
        return kind == Kind.STAGE_2 || kind == Kind.GUEST_STAGE_2;
    }

    /** True if both stages are the guest's. */
    boolean isNestedGuest() {
        return kind == Kind.GUEST_NESTED;
    }

    /** True if transactions may wait for their guest: the guest's context descriptors or its stage-2 table decide. */
    boolean mayStall() {
        return kind == Kind.CONTEXT_TABLE || kind == Kind.GUEST_NESTED || StreamTableEntry.S2_S.isSet(ste[2]);
    }

    /** Granule of its stage-2 tables. */
    Granule stage2Granule() {
        return Granule.ofStage2(StreamTableEntry.S2_TG.getInt(ste[2]));
    }

    int users() {
        return users;
    }

    void users(int count) {
        users = count;
    }

    /** True if another one leads to the same tables in the same way; the PASIDs of a stream are its own. */
    boolean isSame(Stage other) {
        return kind != Kind.HOST_CONTEXTS
                && kind == other.kind
                && Arrays.equals(ste, other.ste)
                && Arrays.equals(cd, other.cd);
    }

    /** The stream table entry of a device that uses this. */
    long[] entry(int deviceFlags) {
        long[] words = ste.clone();
        words[0] |= StreamTableEntry.S1_CONTEXT_PTR.of(contextPointer);
        if (BindPasidTable.FLAG_DEVICE_TLB.isSet(deviceFlags)) {
            words[StreamTableEntry.EATS.word()] |= StreamTableEntry.EATS.of(StreamTableEntry.EATS_FULL);
        }
        if (BindPasidTable.FLAG_PAGE_REQUESTS.isSet(deviceFlags)) {
            words[StreamTableEntry.PPAR.word()] |= StreamTableEntry.PPAR.mask();
        }
        words[2] |= StreamTableEntry.S2_VMID.of(vmid);
        return words;
    }

    /** log2 of the PASIDs of its streams; 0 if they have none. */
    int pasidBits() {
        return StreamTableEntry.S1_CD_MAX.getInt(ste[0]);
    }

    /** Treatment of a transaction without PASID: a code of STE.S1DSS. */
    int withoutPasid() {
        return StreamTableEntry.S1_DSS.getInt(ste[1]);
    }

    /** log2 of the context descriptors below a level-1 descriptor; 0 for a linear table. */
    int leafBits() {
        return ContextTable.leafBits(ste[0]);
    }
}
