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
 * @param control second word; one that stage 2 has beyond is 0
 * @param vmid the guest's own, which its commands name; {@link #ANY_VMID} for a stream that each of them reaches, as those of EL2
 */
record GuestBinding(int flags, long root, long control, int vmid) {
    /** None: the guest's unit has no stage 2, or the stream is one of EL2. */
    static final int ANY_VMID = -1;

    private static final int WORDS_WITHOUT_VMID = 2;
    private static final int WORDS = 3;

    /** Transactions pass untranslated. */
    static GuestBinding passing(int streamId) {
        return new GuestBinding(
                (int) BindPasidTable.FLAG_PASS_THROUGH.mask(), 0, BindPasidTable.REQUESTER.of(streamId), ANY_VMID);
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
                StreamTableEntry.S2_VMID.getInt(control));
    }

    /** True if it is a stage-2 table. */
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
        return isStage2() ? Uapi.BIND_PGTABLE : Uapi.BIND_PASIDTBL;
    }

    /** The vendor part. */
    byte[] payload() {
        return isStage2() ? BindPageTable.LAYOUT.encode(root, control, 0) : BindPasidTable.LAYOUT.encode(root, control);
    }

    /** A binding of saved words; null if there are too few or too many. */
    static GuestBinding of(int flags, long[] words) {
        if (words.length == WORDS_WITHOUT_VMID) {
            return new GuestBinding(flags, words[0], words[1], ANY_VMID);
        }
        return words.length == WORDS ? new GuestBinding(flags, words[0], words[1], (int) words[2]) : null;
    }

    /** The words to save: a VMID, which releases before 1.3.0 do not know, only if there is one. */
    long[] words() {
        return vmid == ANY_VMID ? new long[] {root, control} : new long[] {root, control, vmid};
    }
}
