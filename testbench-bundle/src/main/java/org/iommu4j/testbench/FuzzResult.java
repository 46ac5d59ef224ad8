package org.iommu4j.testbench;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The result of a run of the fuzzer.
 *
 * @param seed of the run
 * @param cases that were run, the failed one included, its shrinking not
 * @param steps that were carried out
 * @param accesses of devices
 * @param compared accesses that the reference walker had an answer to
 * @param reached what was reached, by group and name: requests by errno, rules, commands, calls, faults, steps
 * @param failure the first failure, or null
 */
public record FuzzResult(
        long seed,
        long cases,
        long steps,
        long accesses,
        long compared,
        Map<String, Map<String, Long>> reached,
        FuzzFailure failure) {
    /** Copies and sorts the maps. */
    public FuzzResult {
        Map<String, Map<String, Long>> sorted = new TreeMap<>();
        reached.forEach((group, names) -> sorted.put(group, Collections.unmodifiableMap(new TreeMap<>(names))));
        reached = Collections.unmodifiableMap(sorted);
    }

    /** The number of times that an item was reached. */
    public long reached(String group, String name) {
        return reached.getOrDefault(group, Map.of()).getOrDefault(name, 0L);
    }

    /** Lines for people: what was reached, then the counts. */
    public String toText() {
        StringBuilder text = new StringBuilder();
        reached.forEach((group, names) -> {
            text.append(group).append(':');
            names.forEach(
                    (name, count) -> text.append(' ').append(name).append('=').append(count));
            text.append('\n');
        });
        return text.append(cases)
                .append(" cases, ")
                .append(steps)
                .append(" steps, ")
                .append(accesses)
                .append(" accesses, ")
                .append(compared)
                .append(" compared, ")
                .append(failure == null ? "no failure" : "1 failure")
                .append(" (seed ")
                .append(seed)
                .append(")\n")
                .toString();
    }
}
