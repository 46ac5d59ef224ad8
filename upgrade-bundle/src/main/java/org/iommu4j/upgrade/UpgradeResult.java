package org.iommu4j.upgrade;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.IommuModel;

/**
 * Result of an upgrade run.
 *
 * @param model whose bundle was swapped
 * @param released version of the released bundle
 * @param built version of the built bundle
 * @param capture the guest
 * @param seconds how long it ran
 * @param replays how often the guest was replayed from begin to end
 * @param requests what all clients sent, and what they were answered
 * @param exactlyOnce requests that were completed or refused exactly once, as the containers counted independently
 * @param deliberate refusals that the load asked for on purpose; each named the right rule
 * @param lost requests that left no trace in a container, or none in the native commands
 * @param doubled requests that a container or the native commands show more than once
 * @param reordered requests whose native commands came out of order
 * @param translations of the captured guest
 * @param notJudged translations of the guest that nobody can say to be right or wrong, by reason
 * @param accesses of devices beside the captured guest; each was checked
 * @param stale accesses that saw an old translation after a completed invalidation
 * @param blocked accesses that found no backend in time
 * @param swaps how the swaps went
 * @param findings what the sanitizers of the guest and of the second client found
 * @param problems what went wrong, one line each; empty if nothing did
 * @param releasedSha256 digest of the released bundle's jar in hex; empty if it is not known
 * @param builtSha256 digest of the built bundle's jar
 */
public record UpgradeResult(
        IommuModel model,
        String released,
        String built,
        String capture,
        double seconds,
        int replays,
        ReplayResult.RequestTally requests,
        long exactlyOnce,
        long deliberate,
        long lost,
        long doubled,
        long reordered,
        Tally translations,
        Map<String, Long> notJudged,
        long accesses,
        long stale,
        long blocked,
        Swaps swaps,
        SanitizerReport findings,
        List<String> problems,
        String releasedSha256,
        String builtSha256) {

    /** Copies the list and the map, in order of its keys. */
    public UpgradeResult {
        notJudged = Collections.unmodifiableMap(new TreeMap<>(notJudged));
        problems = List.copyOf(problems);
    }

    /**
     * Counts and pauses of the swaps.
     *
     * @param sideBySide swaps to a bundle that was installed beside the serving one
     * @param inPlace swaps by an update of the serving bundle
     * @param failed swaps that were refused or rolled back
     * @param pauses times in which the units stood still, of all swaps that were done
     * @param pausesBeside of those side by side
     * @param pausesInPlace of those in place
     * @param parked requests that waited
     * @param requests how long clients waited for each request or access of the load
     */
    public record Swaps(
            int sideBySide,
            int inPlace,
            int failed,
            Times pauses,
            Times pausesBeside,
            Times pausesInPlace,
            long parked,
            Times requests) {
        /** Swaps that were done. */
        public int done() {
            return sideBySide + inPlace;
        }
    }

    /** True if nothing was lost, doubled, reordered, stale or different, and every step could be made. */
    public boolean ok() {
        return lost == 0
                && doubled == 0
                && reordered == 0
                && stale == 0
                && blocked == 0
                && translations.different() == 0
                && exactlyOnce == requests.sent()
                && swaps.failed() == 0
                && problems.isEmpty();
    }

    /** A short table for people; lines end with a line feed. */
    public String toText() {
        return UpgradeReport.text(this);
    }

    /** The same as one JSON object in one line. */
    public String toJson() {
        return UpgradeReport.json(this);
    }
}
