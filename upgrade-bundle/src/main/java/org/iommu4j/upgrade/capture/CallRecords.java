package org.iommu4j.upgrade.capture;

import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the records of a model mean that has hypercalls or instructions: how a record becomes a call, what the records tell of
 * the chip, and how a frozen machine is brought up by calls.
 *
 * @param rules how records become calls
 * @param told records that are no calls and tell of the chip
 * @param capabilities what the records tell of the chip
 * @param same facts that are the same wherever they are told, unless the machine has several units
 * @param choices in which the captured machines differ from what the chip does by itself
 * @param readers calls, by their names in statistics, that read the structures in memory; what they read follows them in the
 *     timeline, and stood there before
 * @param bringUp how a frozen machine comes to life
 */
public record CallRecords(
        List<CallRule> rules,
        List<Told> told,
        List<Capability> capabilities,
        Set<String> same,
        List<Choice> choices,
        Set<String> readers,
        FrozenCalls bringUp) {
    /** Fact: an access was refused. */
    static final String REFUSED_ACCESS = "refused access";

    /** A model without calls. */
    public static final CallRecords NONE = new CallRecords(
            List.of(),
            List.of(),
            List.of(),
            Set.of(),
            List.of(),
            Set.of(),
            new FrozenCalls(true, false, null, List.of()));

    /** Copies the collections. */
    public CallRecords {
        rules = List.copyOf(rules);
        told = List.copyOf(told);
        capabilities = List.copyOf(capabilities);
        same = Set.copyOf(same);
        choices = List.copyOf(choices);
        readers = Set.copyOf(readers);
    }

    /**
     * A record that is no call and tells facts.
     *
     * @param record kind of the record
     * @param key of the text that decides whether it tells them
     * @param text what that key must hold
     * @param zero what must be 0 beside
     * @param name begin of the facts' names
     * @param values the facts, by the rest of their names
     */
    public record Told(
            String record,
            String key,
            String text,
            CallRule.Value zero,
            String name,
            Map<String, CallRule.Value> values) {
        /** Copies the map. */
        public Told {
            values = Map.copyOf(values);
        }
    }

    /**
     * A capability that facts tell: the first one that the capture has, or the greatest.
     *
     * @param fact of the scan
     * @param group of the capability
     * @param field the capability
     * @param greatest true if the greatest fact counts and the capability is one more: a number of things that count from 0
     * @param shifts if not empty, the capability has a bit {@code 1 << shift} for each bit of the fact, from the least
     *     significant on: a set of page sizes
     */
    public record Capability(String fact, String group, String field, boolean greatest, List<Integer> shifts) {
        /** Copies the list. */
        public Capability {
            shifts = List.copyOf(shifts);
        }

        static Capability of(String fact, String group, String field) {
            return new Capability(fact, group, field, false, List.of());
        }

        static Capability pageSizes(String fact, String group, String field, List<Integer> shifts) {
            return new Capability(fact, group, field, false, shifts);
        }

        static Capability countOf(String fact, String group, String field) {
            return new Capability(fact, group, field, true, List.of());
        }

        long valueOf(long bits) {
            if (shifts.isEmpty()) {
                return greatest ? bits + 1 : bits;
            }
            long value = 0;
            for (int i = 0; i < shifts.size(); i++) {
                value |= (bits >>> i & 1) << shifts.get(i);
            }
            return value;
        }
    }

    /**
     * A choice of the captured machine. It is made only where a capture shows it, so that an older backend, which does not
     * have it, can serve all others.
     *
     * @param fact that shows it, if it is ever told and not 0
     * @param group of a capability; null for an option
     * @param name of the capability, or of the option
     * @param value of the capability, a number; or of the option
     */
    public record Choice(String fact, String group, String name, String value) {}

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
