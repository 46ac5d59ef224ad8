package org.iommu4j.upgrade.plain;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Platform;

/**
 * A model that has calls, written as plainly as can be: what a guest's calls do to the tables, and where accesses then go.
 * The same serves as the chip and, for a guest, as what its virtual IOMMU knows.
 */
interface PlainMachine {
    /** Changes that the calls of a guest make. */
    interface Changes {
        /** Nobody wants to know. */
        Changes IGNORED = new Changes() {
            @Override
            public void opened(int requester, long first, long second, long third) {}

            @Override
            public void closed(int requester) {}

            @Override
            public void changed(int requester, long iova, long lengthBytes) {}
        };

        /** A device has a table; the words are those of {@link PlainMachine#bind}. */
        void opened(int requester, long first, long second, long third);

        /** A device has none any more. */
        void closed(int requester);

        /** The guest tells that a range of its table has changed. */
        void changed(int requester, long iova, long lengthBytes);
    }

    /** Goes on in another view of the same machine. */
    void on(Platform view);

    /** Tells of the tables that devices have from reset. */
    void opened(Changes changes);

    /** Carries a call out. */
    void call(NativeCall call, Changes changes);

    /** Gives a device a table. */
    void bind(int requester, long first, long second, long third);

    /** Takes it away. */
    void unbind(int requester);

    /** Forgets what it keeps of a range. */
    void drop(int requester, long iova, long lengthBytes);

    /** Translates. */
    void translate(DmaAccess access);
}
