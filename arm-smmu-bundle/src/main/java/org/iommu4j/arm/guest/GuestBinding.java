package org.iommu4j.arm.guest;

import org.iommu4j.arm.command.BindPasidTable;

/**
 * What a guest's stream table says of a stream, as the vendor part of BIND_PASIDTBL.
 *
 * @param flags of the bind header
 * @param root first word of the vendor part
 * @param control second word
 */
record GuestBinding(int flags, long root, long control) {
    /** Transactions pass untranslated. */
    static GuestBinding passing(int streamId) {
        return new GuestBinding(
                (int) BindPasidTable.FLAG_PASS_THROUGH.mask(), 0, BindPasidTable.REQUESTER.of(streamId));
    }

    /** The vendor part. */
    byte[] payload() {
        return BindPasidTable.LAYOUT.encode(root, control);
    }

    /** A binding of saved words. */
    static GuestBinding of(int flags, long[] words) {
        return new GuestBinding(flags, words[0], words[1]);
    }

    /** The words to save. */
    long[] words() {
        return new long[] {root, control};
    }
}
