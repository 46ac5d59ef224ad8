package org.iommu4j.arm.guest;

import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.contract.Uapi;

/**
 * What a guest's stream table says of a stream, as the vendor part of BIND_PASIDTBL, or of BIND_PGTABLE for a stage-2 table.
 *
 * @param flags of the bind header
 * @param root first word of the vendor part
 * @param control second word
 * @param contexts third word of a stream with both stages, as {@link BindPageTable#CONTEXTS} has it; else 0
 * @param vmid the guest's own, which its commands name; {@link #ANY_VMID} for a stream that each of them reaches, as those of EL2
 */
record GuestBinding(int flags, long root, long control, long contexts, int vmid) {
    /** None: the guest's unit has no stage 2, or the stream is one of EL2. */
    static final int ANY_VMID = -1;

    private static final int WORDS_WITHOUT_VMID = 2;
    private static final int WORDS = 3;
    private static final int WORDS_OF_BOTH_STAGES = 4;

    /** Transactions pass untranslated. */
    static GuestBinding passing(int streamId) {
        return new GuestBinding(
                (int) BindPasidTable.FLAG_PASS_THROUGH.mask(), 0, BindPasidTable.REQUESTER.of(streamId), 0, ANY_VMID);
    }

    /**
     * A stage-2 table, of a legal entry.
     *
     * @param deviceFlags those of {@link BindPasidTable#DEVICE_FLAGS} that the device has
     */
    static GuestBinding stage2(int streamId, long[] ste, int deviceFlags, boolean forcesWriteBack) {
        long control = ste[StreamTableEntry.S2_T0SZ.word()];
        return new GuestBinding(
                (int) BindPasidTable.FLAG_STAGE_2.mask() | deviceFlags,
                BindPageTable.TABLE_ROOT.of(StreamTableEntry.S2_TTB.get(ste)),
                BindPageTable.REQUESTER.of(streamId)
                        | BindPageTable.T0SZ.of(StreamTableEntry.S2_T0SZ.get(control))
                        | BindPageTable.GRANULE.of(StreamTableEntry.S2_TG.get(control))
                        | BindPageTable.IPS.of(StreamTableEntry.S2_PS.get(control))
                        | BindPageTable.BIG_ENDIAN.of(StreamTableEntry.S2_ENDI.get(control))
                        | BindPageTable.START_LEVEL.of(StreamTableEntry.S2_SL0.get(control))
                        | BindPageTable.NO_ACCESS_FAULTS.of(StreamTableEntry.S2_AFFD.get(control))
                        | BindPageTable.UPDATE_ACCESS.of(StreamTableEntry.S2_HA.get(control))
                        | BindPageTable.UPDATE_DIRTY.of(StreamTableEntry.S2_HD.get(control))
                        | BindPageTable.NO_RECORDS.of(StreamTableEntry.S2_R.isSet(control) ? 0 : 1)
                        | BindPageTable.STALLS.of(StreamTableEntry.S2_S.get(control))
                        | BindPageTable.FORCE_WRITE_BACK.of(forcesWriteBack ? 1 : 0),
                0,
                StreamTableEntry.S2_VMID.getInt(control));
    }

    /**
     * The context descriptors of a stream, above the stage-2 table that this is.
     *
     * @param stage1 what BIND_PASIDTBL would have of them
     */
    GuestBinding below(GuestBinding stage1) {
        return new GuestBinding(
                (flags ^ (int) BindPasidTable.FLAG_STAGE_2.mask()) | (int) BindPasidTable.FLAG_NESTED.mask(),
                root,
                control,
                BindPageTable.CONTEXT_POINTER.of(BindPasidTable.TABLE_ROOT.get(stage1.root))
                        | BindPageTable.CONTEXT_BITS.of(BindPasidTable.PASID_BITS.get(stage1.control))
                        | BindPageTable.CONTEXT_FORMAT.of(BindPasidTable.FORMAT.get(stage1.control))
                        | BindPageTable.CONTEXT_NO_PASID.of(BindPasidTable.NO_PASID.get(stage1.control)),
                vmid);
    }

    /** True if it has both stages. */
    boolean isNested() {
        return BindPasidTable.FLAG_NESTED.isSet(flags);
    }

    /** True if it has a stage-2 table, below stage 1 or alone. */
    boolean hasStage2() {
        return isStage2() || isNested();
    }

    /** True if it is a stage-2 table alone. */
    boolean isStage2() {
        return BindPasidTable.FLAG_STAGE_2.isSet(flags);
    }

    /** True if a command of a VMID, or of {@link #ANY_VMID}, concerns it. */
    boolean isOf(int ofVmid) {
        return vmid == ANY_VMID || ofVmid == ANY_VMID || vmid == ofVmid;
    }

    /** Granule of a stage-2 table. */
    Granule granule() {
        return Granule.ofStage2(BindPageTable.GRANULE.getInt(control));
    }

    /** The operation that binds it. */
    int operation() {
        return hasStage2() ? Uapi.BIND_PGTABLE : Uapi.BIND_PASIDTBL;
    }

    /** The vendor part. */
    byte[] payload() {
        return hasStage2()
                ? BindPageTable.LAYOUT.encode(root, control, contexts)
                : BindPasidTable.LAYOUT.encode(root, control);
    }

    /** A binding of saved words; null if there are too few or too many. */
    static GuestBinding of(int flags, long[] words) {
        if (words.length < WORDS_WITHOUT_VMID || words.length > WORDS_OF_BOTH_STAGES) {
            return null;
        }
        int vmid = words.length == WORDS_WITHOUT_VMID ? ANY_VMID : (int) words[2];
        return new GuestBinding(flags, words[0], words[1], words.length > WORDS ? words[WORDS] : 0, vmid);
    }

    /** The words to save: what releases before 1.3.0 do not know, a VMID and context descriptors above stage 2, only if it is there. */
    long[] words() {
        if (isNested()) {
            return new long[] {root, control, vmid, contexts};
        }
        return vmid == ANY_VMID ? new long[] {root, control} : new long[] {root, control, vmid};
    }
}
