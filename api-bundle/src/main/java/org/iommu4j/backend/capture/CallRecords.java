package org.iommu4j.backend.capture;

import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The meaning of records for a model that has hypercalls or instructions: how a record becomes a call, what the records tell of
 * the chip, and how a stopped machine is brought up by calls.
 *
 * @param rules how records become calls
 * @param descriptions records that are no calls and describe the chip
 * @param capabilities what the records tell of the chip
 * @param choices in which the captured machines differ from what the chip does by itself
 * @param readers calls, by their names in statistics, that read the structures in memory; what they read follows them in the
 *     timeline, and stood there before
 * @param bringUp how a stopped machine comes to life
 */
public record CallRecords(
        List<CallRule> rules,
        List<Description> descriptions,
        List<Capability> capabilities,
        List<Choice> choices,
        Set<String> readers,
        FrozenCalls bringUp) {
    /** Fact that is told wherever an access was refused. */
    public static final String REFUSED_ACCESS = "refused access";

    /** A model without calls. */
    public static final CallRecords NONE =
            new CallRecords(List.of(), List.of(), List.of(), List.of(), Set.of(), FrozenCalls.NONE);

    /** Copies the collections. */
    public CallRecords {
        rules = List.copyOf(rules);
        descriptions = List.copyOf(descriptions);
        capabilities = List.copyOf(capabilities);
        choices = List.copyOf(choices);
        readers = Set.copyOf(readers);
    }

    /**
     * A record that is no call and describes the chip.
     *
     * @param record kind of the record
     * @param key of the text that decides whether it does
     * @param text what that key must hold
     * @param zero what must be 0 beside
     * @param name begin of the facts' names
     * @param values the facts, by the rest of their names
     * @param unit number of the machine's unit that it describes; null if the machine has one
     */
    public record Description(
            String record,
            String key,
            String text,
            CapturedNumber zero,
            String name,
            Map<String, CapturedNumber> values,
            CapturedNumber unit) {
        /** Copies the map. */
        public Description {
            values = Map.copyOf(values);
        }
    }

    /**
     * A capability that facts tell: the first one that the capture has, or the greatest.
     *
     * @param fact its name
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

        /** A capability that is the fact. */
        public static Capability of(String fact, String group, String field) {
            return new Capability(fact, group, field, false, List.of());
        }

        /** A set of page sizes; {@code shifts} are log2 of the sizes in bytes, bit 0 first. */
        public static Capability pageSizes(String fact, String group, String field, List<Integer> shifts) {
            return new Capability(fact, group, field, false, shifts);
        }

        /** A number of things, of which the facts are indexes. */
        public static Capability countOf(String fact, String group, String field) {
            return new Capability(fact, group, field, true, List.of());
        }

        /** The capability's value. */
        public long valueOf(long fact) {
            if (shifts.isEmpty()) {
                return greatest ? fact + 1 : fact;
            }
            long value = 0;
            for (int i = 0; i < shifts.size(); i++) {
                value |= (fact >>> i & 1) << shifts.get(i);
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
     * How a stopped machine comes to life.
     *
     * @param pages true if the capture has the pages of the guest's tables
     * @param history true if all calls that the guest made before it was stopped are made again: they alone made its tables
     * @param listKey key of a list of objects in the registers of the stopped machine, or null
     * @param rules calls that are made for each of these objects, in this order
     */
    public record FrozenCalls(boolean pages, boolean history, String listKey, List<CallRule> rules) {
        /** Pages alone. */
        public static final FrozenCalls NONE = new FrozenCalls(true, false, null, List.of());

        /** Copies the list. */
        public FrozenCalls {
            rules = List.copyOf(rules);
        }
    }
}
