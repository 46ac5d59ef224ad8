package org.iommu4j.upgrade.capture;

import java.util.List;
import java.util.Set;

/**
 * What the records of a model mean that has hypercalls or instructions: how a record becomes a call, what the calls tell of
 * the chip, and how a frozen machine is brought up by calls.
 *
 * @param rules how records become calls
 * @param capabilities what the calls tell of the chip
 * @param readers calls, by their names in statistics, that read the structures in memory; what they read follows them in the
 *     timeline, and stood there before
 * @param bringUp how a frozen machine comes to life
 */
public record CallRecords(
        List<CallRule> rules, List<ShiftMask> capabilities, Set<String> readers, FrozenCalls bringUp) {
    /** A model without calls. */
    public static final CallRecords NONE =
            new CallRecords(List.of(), List.of(), Set.of(), new FrozenCalls(true, false, null, List.of()));

    /** Copies the collections. */
    public CallRecords {
        rules = List.copyOf(rules);
        capabilities = List.copyOf(capabilities);
        readers = Set.copyOf(readers);
    }

    /**
     * A capability that is a set of page sizes, told by the bits of a fact.
     *
     * @param fact of the scan
     * @param group of the capability
     * @param field the capability: a bit {@code 1 << shift} for each page size
     * @param shifts log2 of the page size in bytes that each bit of the fact stands for, from the least significant on
     */
    public record ShiftMask(String fact, String group, String field, List<Integer> shifts) {
        /** Copies the list. */
        public ShiftMask {
            shifts = List.copyOf(shifts);
        }

        long valueOf(long bits) {
            long value = 0;
            for (int i = 0; i < shifts.size(); i++) {
                value |= (bits >>> i & 1) << shifts.get(i);
            }
            return value;
        }
    }

    /**
     * How a frozen machine comes to life.
     *
     * @param pages true if the capture has the pages of the guest's tables
     * @param history true if all calls that the guest made before it was stopped are made again: they alone made its tables
     * @param listKey key of a list of objects in the frozen registers, or null
     * @param rules calls that are made for each of these objects, in this order
     */
    public record FrozenCalls(boolean pages, boolean history, String listKey, List<CallRule> rules) {
        /** Copies the list. */
        public FrozenCalls {
            rules = List.copyOf(rules);
        }
    }
}
