package org.iommu4j.core.fake;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The calls of all backends of a test outside of trials, in one place that outlives each of them. */
public final class Journal {
    private final Map<Integer, List<Long>> invalidations = new ConcurrentHashMap<>();
    private final List<String> events = new ArrayList<>();

    /** Notes a completed invalidation. */
    public void completed(int domain, long number) {
        if (Traps.isTrial()) {
            return;
        }
        List<Long> numbers = invalidations.computeIfAbsent(domain, any -> new ArrayList<>());
        synchronized (numbers) {
            numbers.add(number);
        }
    }

    /** The numbers of the completed invalidations of a domain, in order. */
    public List<Long> completed(int domain) {
        List<Long> numbers = invalidations.getOrDefault(domain, List.of());
        synchronized (numbers) {
            return List.copyOf(numbers);
        }
    }

    /** Notes anything else. */
    public synchronized void event(String what) {
        if (!Traps.isTrial()) {
            events.add(what);
        }
    }

    /** Everything else. */
    public synchronized List<String> events() {
        return List.copyOf(events);
    }
}
