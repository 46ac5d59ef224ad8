package org.iommu4j.core.containers;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.core.service.ContainerCounters;

/**
 * Plain counters with one writer at a time. Arrays by ordinal, since a map of the enum's constants would box its counts.
 */
@SuppressWarnings("EnumOrdinal")
public final class RequestCounters {
    private final long[] byRule = new long[Rule.values().length];
    private final long[] byErrno = new long[Errno.values().length];
    private long received;
    private long completed;
    private long widened;

    /** Counts a request by its answer. */
    void count(Completion completion) {
        received++;
        if (completion.errno() == Errno.OK) {
            completed++;
            if (completion.fidelity() == Fidelity.WIDENED) {
                widened++;
            }
        } else if (completion.rule() != null) {
            byRule[completion.rule().ordinal()]++;
        } else {
            byErrno[completion.errno().ordinal()]++;
        }
    }

    /** Counts requests that were carried out exactly. */
    void countExact(int requests) {
        received += requests;
        completed += requests;
    }

    /** The sum of two sets of counters, for users. */
    static ContainerCounters sum(RequestCounters inside, RequestCounters turnedAway, long parked) {
        Map<String, Long> refused = new TreeMap<>();
        inside.addRefused(refused);
        turnedAway.addRefused(refused);
        return new ContainerCounters(
                inside.received + turnedAway.received, inside.completed, inside.widened, refused, parked);
    }

    private void addRefused(Map<String, Long> refused) {
        for (Rule rule : Rule.values()) {
            add(refused, rule.name(), byRule[rule.ordinal()]);
        }
        for (Errno errno : Errno.values()) {
            add(refused, errno.name(), byErrno[errno.ordinal()]);
        }
    }

    private static void add(Map<String, Long> refused, String name, long count) {
        if (count != 0) {
            refused.merge(name, count, Long::sum);
        }
    }
}
