package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.backend.ReferenceWalker.Verdict;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.testbench.run.StepRunner;

/** Asks the reference walker while only one answer is legal, and tracks whether that is so. */
final class Judge {
    private static final int PAGE = 4096;
    private static final int MOST_BYTES = 1 << 20;

    private final Platform machine;
    private ReferenceWalker walker;

    /** Entries in memory, by their addresses, that were edited, so that a chip may go on with what it has cached of them. */
    private final Set<Long> outdated = new HashSet<>();

    /** True if nothing but those is outdated of what a chip may have cached. */
    private boolean settled = true;

    /** True if the chip may have cached anything since it was settled. */
    private boolean used;

    /**
     * A judge of a fresh machine.
     *
     * @param walker the model's, or null
     */
    Judge(ReferenceWalker walker, StepRunner runner) {
        this.walker = walker;
        machine = runner.unit().platform();
    }

    /** True while only one answer is legal. */
    boolean isSettled() {
        return settled && outdated.isEmpty();
    }

    /** Memory was written in many places, or by a device. */
    void edited() {
        settled &= !mayOutdate();
    }

    /** Software wrote to memory from an address on. */
    void edited(long pa) {
        if (mayOutdate()) {
            outdated.add(pa);
        }
    }

    private boolean mayOutdate() {
        return walker == null ? used : walker.edited(used);
    }

    /** Whatever a chip may have cached of the entry at an address was dropped. */
    void dropped(long pa) {
        outdated.remove(pa);
    }

    /** A device made an access, which ended in a fault or did not. */
    void accessed(int requester, boolean faulted) {
        used = true;
        if (walker != null) {
            walker.accessed(requester, faulted);
        }
    }

    /** Every cached entry was dropped. */
    void settled() {
        settled = true;
        outdated.clear();
        used = false;
    }

    /** Software does things from now on that the judge does not see. */
    void lost() {
        walker = null;
    }

    /** Software wrote a register. */
    void wrote(long offset, int sizeBytes, long value) {
        if (walker != null && walker.wrote(offset, sizeBytes, value)) {
            settled &= !used;
        }
    }

    /** Software made a call. */
    void called(NativeCall call, long[] arguments) {
        if (walker != null && walker.called(call, arguments)) {
            settled &= !used;
        }
    }

    /** A device was attached. */
    void attached(int requester, long table, int levels) {
        if (walker != null) {
            walker.attached(requester, table, levels);
        }
    }

    /** A device was detached. */
    void detached(int requester) {
        if (walker != null) {
            walker.detached(requester);
        }
    }

    /** A binding was made or undone. */
    void bound(BindRequest request) {
        if (walker != null) {
            walker.bound(request);
        }
    }

    /** An invalidation was carried out, or was answered {@code EIO}: whether that is right. */
    Verdict invalidated(InvalidateRequest request, boolean done) {
        return walker == null ? Verdict.OPEN : walker.invalidated(request, done);
    }

    /** The outcome that an access must have, as a step's {@code expect}; null if several are legal. */
    Map<String, Object> expectation(Map<String, Object> step, String op) {
        long length = Steps.number(step, "len", dataLength(step));
        if (walker == null || !isSettled() || length < 0 || length > MOST_BYTES) {
            return null;
        }
        long iova = Steps.number(step, "iova", 0);
        DmaAccess access = new DmaAccess();
        List<long[]> segments = new ArrayList<>();
        long done = 0;
        do {
            long at = iova + done;
            int piece = (int) Math.min(length - done, PAGE - (at & (PAGE - 1)));
            if (!walker.translate(AccessStep.begin(step, op, access, at, piece, length - done))) {
                return null;
            }
            if (access.outcome() == DmaAccess.Outcome.FAULT) {
                return Map.of("fault", Map.of("code", Steps.hex(access.faultCode()), "iova", Steps.hex(at)));
            }
            if (access.outcome() == DmaAccess.Outcome.BLOCKED) {
                return Map.of("fault", Map.of("name", "BLOCKED"));
            }
            if (!AccessStep.isAllowed(access, machine)) {
                return Map.of("fault", Map.of("name", "BUS_ERROR"));
            }
            segments.add(new long[] {access.spa(), piece});
            done += piece;
        } while (done < length);
        List<Object> expected = new ArrayList<>();
        for (long[] segment : segments) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("pa", Steps.hex(segment[0]));
            one.put("len", segment[1]);
            expected.add(one);
        }
        return Map.of("segments", expected);
    }

    private static long dataLength(Map<String, Object> step) {
        return step.containsKey("data") ? Steps.bytes(step, "data").length : 1;
    }
}
