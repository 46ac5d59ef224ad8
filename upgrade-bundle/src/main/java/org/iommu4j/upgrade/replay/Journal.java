package org.iommu4j.upgrade.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.iommu4j.upgrade.ReplayResult.CommandTally;

/** Outcomes of a guest's commands, and of its other requests. */
final class Journal {
    private static final int MAX_KINDS = 256;

    private final Map<String, CommandCounter> commands = new TreeMap<>();
    private final Map<String, CommandCounter> sources = new TreeMap<>();
    private final Map<String, String> misnamed = new TreeMap<>();
    private final Map<String, Long> substituted = new TreeMap<>();

    /** The counter of a kind of command. */
    CommandCounter command(String kind) {
        return counter(commands, kind);
    }

    /** The counter of another source of requests. */
    CommandCounter source(String name) {
        return counter(sources, name);
    }

    private static CommandCounter counter(Map<String, CommandCounter> counters, String name) {
        String kept = counters.containsKey(name) || counters.size() < MAX_KINDS ? name : "further kinds";
        return counters.computeIfAbsent(kept, key -> new CommandCounter());
    }

    /**
     * Counts a command as decoded if it is recognized as what the capture says; the counter of its kind.
     *
     * @param explain gives what decodes the command
     */
    CommandCounter named(String event, String name, Supplier<String> explain) {
        CommandCounter counter = command(event == null ? name : event);
        if (event == null || event.equals(name)) {
            counter.decoded();
        } else if (misnamed.size() < MAX_KINDS) {
            misnamed.computeIfAbsent("decoded as " + name + ", the capture says " + event, sentence -> {
                String hint = explain.get();
                return hint.isEmpty() ? sentence : sentence + "; the first: " + hint;
            });
        }
        return counter;
    }

    /** Counts a command whose bytes the capture does not have, and in whose place another one is executed; its counter. */
    CommandCounter substituted(String event) {
        CommandCounter counter = command(event);
        counter.decoded();
        substituted.merge(event, 1L, Long::sum);
        return counter;
    }

    Map<String, CommandTally> commands() {
        return tallies(commands);
    }

    Map<String, CommandTally> sources() {
        return tallies(sources);
    }

    private static Map<String, CommandTally> tallies(Map<String, CommandCounter> counters) {
        Map<String, CommandTally> tallies = new TreeMap<>();
        counters.forEach((name, counter) -> tallies.put(name, counter.tally()));
        return tallies;
    }

    /** One sentence for each name that differs from the capture's, and for each kind of command that was substituted. */
    List<String> notes() {
        List<String> notes = new ArrayList<>(misnamed.values());
        substituted.forEach((event, count) -> notes.add(count + " times " + event
                + " without bytes in the capture: a command that drops at least as much was executed in its place"));
        return notes;
    }
}
