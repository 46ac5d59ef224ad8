package org.iommu4j.backend;

/**
 * Something wrong, or wasteful, that a {@link Sanitizer} found. All times are positions on its one timeline of edits, fills,
 * commands and accesses; places say the same in terms of the input.
 *
 * @param kind what
 * @param count how often: accesses, entries or commands
 * @param cost {@link Kind#SUPERFLUOUS}: entries that had to be dropped though they were right; else 0
 * @param edit the change of a table word after which the entry was wrong; null if there is none
 * @param fill the entry; null for {@link Kind#SUPERFLUOUS}
 * @param command the invalidation that was to drop it, or was superfluous; null if there is none
 * @param at time of the first such access, free or command
 * @param requester who made the access, 32 bits, unsigned; without meaning unless {@link #hasRequester}
 * @param pasid the access's PASID, or -1
 * @param iova the access's address, or the first that the entry is for
 * @param covering the command that drops the entry; null for {@link Kind#SUPERFLUOUS}
 * @param rule the rule that was broken, with its section; null for {@link Kind#SUPERFLUOUS}
 * @param text a sentence for people
 * @param place of the first such access, free or command
 * @param nearMiss the invalidation that came nearest to dropping the entry; null if none came near, or one covered it
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
        String text,
        Place place,
        NearMiss nearMiss) {

    /** A finding of an unknown place. */
    public Finding(
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
        this(
                kind,
                count,
                cost,
                edit,
                fill,
                command,
                at,
                requester,
                pasid,
                iova,
                covering,
                rule,
                text,
                Place.UNKNOWN,
                null);
    }

    /** True if a requester is concerned: one whose entry it is about. */
    public boolean hasRequester() {
        return fill != null;
    }

    /** The finding with its count and its cost raised. */
    public Finding plus(long times, long moreCost) {
        return new Finding(
                kind,
                count + times,
                cost + moreCost,
                edit,
                fill,
                command,
                at,
                requester,
                pasid,
                iova,
                covering,
                rule,
                text,
                place,
                nearMiss);
    }

    /** Kinds of findings. */
    public enum Kind {
        /** The chip's or the translator's fault: an entry was used that a completed invalidation had to drop. */
        STALE_AFTER_COMPLETION,
        /**
         * Software's fault: after an edit an entry that a real chip may still hold was used, or could have been, and no
         * invalidation that covers it was completed.
         */
        MISSING_INVALIDATION,
        /** A command dropped nothing that had changed; counted for each command, as its bytes tell it apart. */
        SUPERFLUOUS,
        /** Software's fault: an entry that a real chip may still hold leads to a table in a page that was given back. */
        USE_AFTER_FREE_OF_TABLE
    }

    /**
     * A place of the input: a record of a capture, or a step of a case.
     *
     * @param record of the capture, the line of its timeline, counted from 1; 0 if there are none
     * @param step index of the step, counted from 0; -1 if there are no steps
     * @param within round and step inside that step, in words; empty if it has none
     */
    public record Place(long record, int step, String within) {
        /** Nobody said. */
        public static final Place UNKNOWN = new Place(0, -1, "");

        /** A record of a capture. */
        public static Place ofRecord(long record) {
            return new Place(record, -1, "");
        }

        /** A step of a case. */
        public static Place ofStep(int step) {
            return new Place(0, step, "");
        }

        /** The place inside a step of this step. */
        public Place within(String roundAndStep) {
            return new Place(record, step, roundAndStep);
        }

        /** True if somebody said. */
        public boolean isKnown() {
            return record > 0 || step >= 0;
        }

        /** In the middle of a sentence. */
        @Override
        public String toString() {
            String where = step >= 0 ? "step " + step : record > 0 ? "record " + record : "an unknown place";
            return within.isEmpty() ? where : where + " (" + within + ")";
        }
    }

    /**
     * A change of a table word.
     *
     * @param at when
     * @param pa where
     * @param before the word before, in the byte order of the entry
     * @param after the word after, in the byte order of the entry
     * @param format name of the entry's layout; empty if it is not known
     * @param place of the write; of a captured guest that of the record by which it is known, which comes no earlier
     */
    public record Edit(long at, long pa, long before, long after, String format, Place place) {
        /** A change of an entry of unknown format at an unknown place. */
        public Edit(long at, long pa, long before, long after) {
            this(at, pa, before, after, "", Place.UNKNOWN);
        }
    }

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
     * @param requester for whom it was read, unsigned
     * @param place of the access that read it
     */
    public record Fill(
            long at,
            CachedKind kind,
            long tag,
            int pasid,
            long first,
            long lengthBytes,
            long target,
            int requester,
            Place place) {
        /** An entry that was read at an unknown place. */
        public Fill(
                long at,
                CachedKind kind,
                long tag,
                int pasid,
                long first,
                long lengthBytes,
                long target,
                int requester) {
            this(at, kind, tag, pasid, first, lengthBytes, target, requester, Place.UNKNOWN);
        }
    }

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
     * @param decoded its name with the fields that are not zero, or with its words
     * @param bytes as they lie in memory or in the register, hexadecimal; empty if it has no structure of its own
     * @param place where it was carried out
     */
    public record Command(
            long at,
            long completedAt,
            String name,
            long word0,
            long word1,
            long due,
            long dropped,
            String decoded,
            String bytes,
            Place place) {
        /** A command of unknown structure at an unknown place. */
        public Command(long at, long completedAt, String name, long word0, long word1, long due, long dropped) {
            this(at, completedAt, name, word0, word1, due, dropped, name, "", Place.UNKNOWN);
        }
    }

    /**
     * An invalidation that came near to dropping an entry.
     *
     * @param command which one
     * @param text what it missed by, in words: "dropped domain 0x13, the entry is of 0x12"
     */
    public record NearMiss(Command command, String text) {}
}
