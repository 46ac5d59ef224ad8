package org.iommu4j.simulation.sanitizer;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.TranslationObserver;

/**
 * One thing that a command had to remove.
 *
 * @param kind of entries
 * @param tag theirs, or {@link TranslationObserver#ANY}
 * @param pasid theirs, or {@link TranslationObserver#ANY}
 * @param first first address, unsigned
 * @param last last address, unsigned
 * @param command which command
 */
record Reach(CachedKind kind, long tag, int pasid, long first, long last, Invalidation command) {
    private static final int ANY = TranslationObserver.ANY;

    /** True if the command drops everything of its kind and tag. */
    boolean isWhole() {
        return first == 0 && last == -1L;
    }

    /** True if the command drops entries of a tag. */
    boolean isOf(long other) {
        return tag == other || (tag == ANY && !command.isSpared(other));
    }

    /**
     * The single difference by which the command missed an entry: kind, tag, PASID or range.
     *
     * @return words for people; null if it missed by more, or did not miss
     */
    String missed(ShadowEntry entry, InvalidationRules rules) {
        boolean overlaps =
                Long.compareUnsigned(first, entry.last()) <= 0 && Long.compareUnsigned(entry.first, last) <= 0;
        if (kind != entry.kind) {
            return overlaps && isOfSameWalk(entry)
                    ? "dropped " + kind.label() + " entries, the entry is one of " + entry.kind.label()
                    : null;
        }
        boolean sameTag = isOf(entry.tag);
        boolean samePasid = pasid == ANY || pasid == entry.pasid;
        if (overlaps && samePasid && !sameTag) {
            return "dropped " + rules.tagName(kind) + " " + hex(tag) + ", the entry is of " + hex(entry.tag);
        }
        if (overlaps && sameTag && !samePasid) {
            return "dropped PASID " + pasid(pasid) + ", the entry is of " + pasid(entry.pasid);
        }
        if (overlaps && sameTag && command.at < entry.at) {
            return "dropped it before it was read";
        }
        if (!overlaps && sameTag && samePasid) {
            if (kind == CachedKind.CONTEXT) {
                return "dropped requester " + hex(first) + ", the entry is of " + hex(entry.first);
            }
            if (last + 1 == entry.first || entry.last() + 1 == first) {
                return "dropped " + hex(first) + " to " + hex(last) + ", the entry is of " + hex(entry.first) + " to "
                        + hex(entry.last());
            }
        }
        return null;
    }

    /** True if the entry is one that the same walk gives, and that other commands or other fields drop. */
    private boolean isOfSameWalk(ShadowEntry entry) {
        return kind == CachedKind.TRANSLATION
                && (entry.kind == CachedKind.DEVICE || (entry.kind == CachedKind.PAGING_STRUCTURE && isOf(entry.tag)));
    }

    private static String pasid(int value) {
        return value < 0 ? "none" : hex(value);
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
