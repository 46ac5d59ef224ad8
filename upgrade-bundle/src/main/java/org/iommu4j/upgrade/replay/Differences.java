package org.iommu4j.upgrade.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.core.service.ExplainHints;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.ReplayResult.Difference;
import org.iommu4j.upgrade.ReplayResult.RequestTally;
import org.iommu4j.upgrade.ReplayResult.Step;
import org.iommu4j.upgrade.capture.CaptureRecord;

/** The first differences of a replay, with the walks behind them. */
final class Differences {
    private final int limit;
    private final ExplainHints hints;
    private final List<Difference> kept = new ArrayList<>();

    /**
     * Keeps that many.
     *
     * @param hints what decodes the bytes of the model
     */
    Differences(int limit, ExplainHints hints) {
        this.limit = limit;
        this.hints = hints;
    }

    /**
     * Keeps a difference of an access; repeats the access to see the walk.
     *
     * @param name of the captured unit; empty if the machine has one
     * @param captured what the captured hardware read for it
     */
    void access(String name, String what, long t, Unit unit, DmaAccess access, String expected, List<Step> captured) {
        if (kept.size() >= limit) {
            return;
        }
        String got = outcome(access);
        List<Step> steps = new ArrayList<>();
        access.explainTo((structure, pa, word) -> steps.add(new Step(structure, pa, word)));
        unit.dma(access);
        access.explainTo(null);
        List<String> explain = Stream.concat(steps.stream(), captured.stream())
                .map(step -> hints.entry(
                        step.what(), step.pa(), step.word(), unit.platform().memory()))
                .filter(hint -> !hint.isEmpty())
                .distinct()
                .toList();
        kept.add(new Difference(
                name,
                what,
                t,
                OptionalInt.of(access.requester()),
                access.iova(),
                expected,
                got,
                steps,
                captured,
                explain));
    }

    /**
     * Keeps a difference of a register.
     *
     * @param name of the captured unit; empty if the machine has one
     */
    void register(String name, CaptureRecord.RegisterRead read, int subVersion, long expected, long got) {
        if (kept.size() < limit) {
            List<String> explain = Stream.of(expected, got)
                    .flatMap(value -> hints.registers(subVersion, read.offset(), read.sizeBytes(), value).stream())
                    .distinct()
                    .toList();
            kept.add(new Difference(
                    name,
                    "register",
                    read.t(),
                    OptionalInt.empty(),
                    read.offset(),
                    hex(expected),
                    hex(got),
                    List.of(),
                    List.of(),
                    explain));
        }
    }

    /**
     * Keeps a difference of a call.
     *
     * @param name of the captured unit; empty if the machine has one
     * @param t of the record; -1 if the call brought a frozen machine up
     */
    void call(String name, long t, CallPlayer.Mismatch mismatch) {
        if (kept.size() < limit) {
            kept.add(new Difference(
                    name,
                    "call",
                    t,
                    OptionalInt.empty(),
                    0,
                    mismatch.what() + " " + mismatch.expected(),
                    mismatch.got(),
                    List.of(),
                    List.of(),
                    mismatch.explain()));
        }
    }

    /** Keeps a difference between what was sent and what the containers counted, whatever the limit. */
    void requests(RequestTally sent, RequestTally counted) {
        kept.add(new Difference(
                "", "requests", -1, OptionalInt.empty(), 0, sent.toString(), counted.toString(), List.of(), List.of()));
    }

    /** The outcome of an access for people. */
    static String outcome(DmaAccess access) {
        return switch (access.outcome()) {
            case TRANSLATED -> mapping(access.spa(), granted(access)) + (access.hit() ? " from a cache" : "");
            case FAULT -> "fault " + hex(access.faultCode());
            case BLOCKED -> "blocked";
            case BUS_ERROR -> "bus error";
        };
    }

    /** Read and write rights of a translated access; where no table translated it, nothing is withheld. */
    static int granted(DmaAccess access) {
        int both = DmaAccess.READ | DmaAccess.WRITE;
        return access.pageBytes() == 0 ? both : access.grantedRights() & both;
    }

    /** A mapping for people. */
    static String mapping(long pa, int perm) {
        return hex(pa)
                + switch (perm) {
                    case 0 -> " none";
                    case DmaAccess.READ -> " read";
                    case DmaAccess.WRITE -> " write";
                    case DmaAccess.READ | DmaAccess.WRITE -> " read/write";
                    default -> "";
                };
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    List<Difference> kept() {
        return kept;
    }
}
