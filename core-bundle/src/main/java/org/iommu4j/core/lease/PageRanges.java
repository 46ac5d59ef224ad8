package org.iommu4j.core.lease;

import java.util.Map;
import java.util.TreeMap;

/** A set of pages of 4096 bytes, kept as ranges. For one thread at a time. */
public final class PageRanges {
    private static final int PAGE_SHIFT = 12;

    /** First page of each range, and the page behind its last; no two ranges touch. */
    private final TreeMap<Long, Long> ranges = new TreeMap<>();

    /** True if there are none. */
    boolean isEmpty() {
        return ranges.isEmpty();
    }

    /** An action on a range of pages. */
    @FunctionalInterface
    interface Action {
        /** Takes one range; a longer one than an int can count comes in parts. */
        void accept(long pa, int pages);
    }

    /** Adds pages; some may be in the set. */
    void add(long pa, int pages) {
        put(pa >>> PAGE_SHIFT, (pa >>> PAGE_SHIFT) + pages);
    }

    /** Adds all pages of another set. */
    void addAll(PageRanges other) {
        other.ranges.forEach(this::put);
    }

    private void put(long from, long behind) {
        long first = from;
        long end = behind;
        Map.Entry<Long, Long> touching = ranges.floorEntry(end);
        while (touching != null && touching.getValue() >= first) {
            first = Math.min(first, touching.getKey());
            end = Math.max(end, touching.getValue());
            ranges.remove(touching.getKey());
            touching = ranges.floorEntry(end);
        }
        ranges.put(first, end);
    }

    /** Removes pages; false, and nothing is removed, if one of them is not in the set or they are no whole pages. */
    boolean remove(long pa, int pages) {
        long first = pa >>> PAGE_SHIFT;
        long end = first + pages;
        Map.Entry<Long, Long> range = ranges.floorEntry(first);
        if (pages < 1 || first << PAGE_SHIFT != pa || range == null || range.getValue() < end) {
            return false;
        }
        ranges.remove(range.getKey());
        if (range.getKey() < first) {
            ranges.put(range.getKey(), first);
        }
        if (end < range.getValue()) {
            ranges.put(end, range.getValue());
        }
        return true;
    }

    /** True if an address is in one of the pages. */
    boolean contains(long pa) {
        Map.Entry<Long, Long> range = ranges.floorEntry(pa >>> PAGE_SHIFT);
        return range != null && range.getValue() > pa >>> PAGE_SHIFT;
    }

    /** A copy of the set. */
    PageRanges copy() {
        PageRanges copy = new PageRanges();
        copy.ranges.putAll(ranges);
        return copy;
    }

    /** Removes everything. */
    void clear() {
        ranges.clear();
    }

    /** Shows each range. */
    void forEach(Action action) {
        ranges.forEach((first, end) -> {
            for (long at = first; at < end; at += Integer.MAX_VALUE) {
                action.accept(at << PAGE_SHIFT, (int) Math.min(end - at, Integer.MAX_VALUE));
            }
        });
    }
}
