package org.iommu4j.backend;

/**
 * Something wrong, or wasteful, that a {@link Sanitizer} found. All times are positions on its one timeline of edits, fills,
 * commands and accesses.
 *
 * @param kind what
 * @param count how often: accesses, entries or commands
 * @param cost {@link Kind#SUPERFLUOUS}: entries that had to be dropped though they were right; else 0
 * @param edit the change of a table word after which the entry was wrong; null if there is none
 * @param fill the entry; null for {@link Kind#SUPERFLUOUS}
 * @param command the invalidation that was to drop it, or was superfluous; null if there is none
 * @param at time of the first such access, free or command
 * @param requester who made the access; -1 if there was none
 * @param pasid the access's PASID, or -1
 * @param iova the access's address, or the first that the entry is for
 * @param covering the command that drops the entry; null for {@link Kind#SUPERFLUOUS}
 * @param rule the rule that was broken, with its section; null for {@link Kind#SUPERFLUOUS}
 * @param text a sentence for people
 */
public record Finding(
        Kind kind,
        long count,
        long cost,
        Edit edit,
        Fill fill,
        Command command,
        long at,
        int requester,
        int pasid,
        long iova,
        String covering,
        String rule,
        String text) {

    /** Kinds of findings. */
    public enum Kind {
        /** The chip's or the translator's fault: an entry was used that a completed invalidation had to drop. */
        STALE_AFTER_COMPLETION,
        /**
         * Software's fault: after an edit an entry that a real chip may still hold was used, or could have been, and no
         * invalidation that covers it was completed.
         */
        MISSING_INVALIDATION,
        /** A command dropped nothing that had changed; counted for each name. */
        SUPERFLUOUS,
        /** Software's fault: an entry that a real chip may still hold leads to a table in a page that was given back. */
        USE_AFTER_FREE_OF_TABLE
    }

    /**
     * A change of a table word.
     *
     * @param at when
     * @param pa where
     * @param before the little-endian word before
     * @param after the little-endian word after
     */
    public record Edit(long at, long pa, long before, long after) {}

    /**
     * An entry that a chip may keep.
     *
     * @param at when it was read
     * @param kind which cache it is for
     * @param tag as the chip tags it
     * @param pasid the PASID, or -1
     * @param first first address; the requester for {@link CachedKind#CONTEXT}
     * @param lengthBytes size of the page; 1 where the entry is no page
     * @param target the table or page to which it leads
     * @param requester for whom it was read
     */
    public record Fill(
            long at, CachedKind kind, long tag, int pasid, long first, long lengthBytes, long target, int requester) {}

    /**
     * An invalidation.
     *
     * @param at when it was carried out
     * @param completedAt when software could know; -1 if never
     * @param name as the architecture calls it
     * @param word0 its first word
     * @param word1 its second word
     * @param due entries that it had to drop, if the chip held them
     * @param dropped entries that the chip dropped
     */
    public record Command(long at, long completedAt, String name, long word0, long word1, long due, long dropped) {}
}
