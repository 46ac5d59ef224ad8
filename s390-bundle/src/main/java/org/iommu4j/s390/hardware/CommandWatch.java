package org.iommu4j.s390.hardware;

import org.iommu4j.backend.WalkListener;

/** Entries that a refresh reads, and that instructions drop, told to an observer. */
interface CommandWatch {
    /** For machines without a sanitizer. */
    CommandWatch NOBODY = new CommandWatch() {};

    /** True if every entry is to be read from the anchor on, so that all that is read is seen. */
    default boolean readsFromTheAnchor() {
        return false;
    }

    /** A refresh of a range begins, with what is known of it now. */
    default void begins(TranslationCaches caches, int function, long first, long last) {}

    /** The unit begins to read tables for a part of a refresh. */
    default void reads(int handle, long address, long root) {}

    /** The listener of the table walks of a refresh, or null. */
    default WalkListener listener() {
        return null;
    }

    /** The refresh has come to a part of its range, and dropped it. */
    default void refreshed(int function, long first, long last) {}

    /** The unit has read a translation. */
    default void installed(int function, long first, long lengthBytes, long frame) {}

    /** The walk for a part of a refresh is over. */
    default void read() {}

    /**
     * The refresh is over; complete at once.
     *
     * @param dropped entries dropped so far
     */
    default void ends(int function, long first, long last, long request, long dropped) {}

    /** Everything of a function was dropped, if there was anything. */
    default void dropped(String name, int function, long request, long dropped) {}
}
