package org.iommu4j.testbench.conform;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.BackendException;
import org.iommu4j.core.service.Progress;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.CaseResult.Outcome;
import org.iommu4j.testbench.FuzzFailure;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.FuzzResult;
import org.iommu4j.testbench.fuzz.Fuzzer;
import org.iommu4j.testbench.run.TestBench;

/** A bundle's own cases, and cases that are made up. */
final class GeneratedChecks {
    /** No made-up case begins after that, in nanoseconds: a bound for what is slow, not an effort. */
    private static final long MOST_NANOS = 120_000_000_000L;

    private final Subject subject;
    private final List<Path> files;
    private final long cases;

    GeneratedChecks(Subject subject, List<Path> files, long cases) {
        this.subject = subject;
        this.files = files;
        this.cases = cases;
    }

    /** The files of its own cases. */
    String own(Progress progress) {
        if (files.isEmpty()) {
            throw new Check.NotCovered("no case file was given");
        }
        Map<Outcome, Integer> counts = new EnumMap<>(Outcome.class);
        List<CaseResult> failed = new ArrayList<>();
        try {
            new TestBench(subject.service()).run(files, Set.of(), true, result -> {
                progress.again();
                counts.merge(result.outcome(), 1, Integer::sum);
                if (result.outcome() == Outcome.FAILED) {
                    failed.add(result);
                }
            });
        } catch (CaseFileException | BackendException e) {
            throw new Check.Unmet(e.getMessage(), e);
        }
        if (!failed.isEmpty()) {
            throw new Check.Unmet(
                    failed.size() + " cases failed; the first: " + failed.get(0).toText());
        }
        return counts.getOrDefault(Outcome.PASSED, 0) + " cases passed, " + counts.getOrDefault(Outcome.SKIPPED, 0)
                + " skipped";
    }

    /** One kind of made-up cases. */
    Check of(FuzzOptions.What kind) {
        return progress -> {
            FuzzOptions options = FuzzOptions.of(subject.model(), subject.seed(), MOST_NANOS)
                    .with(kind)
                    .withCases(0, cases);
            FuzzResult result = new Fuzzer(subject.service()).run(options, step -> progress.again());
            FuzzFailure failure = result.failure();
            if (failure != null) {
                throw new Check.Unmet("case " + failure.caseNumber() + " of seed " + failure.seed() + ": "
                        + failure.kind().text() + ": " + failure.message()
                        + (failure.line().isEmpty() ? "" : "; as a case: " + failure.line()));
            }
            return result.cases() + " cases, " + result.accesses() + " accesses, "
                    + (result.compared() == 0
                            ? "none compared: the bundle has no reference walker"
                            : result.compared() + " compared with the reference walker");
        };
    }
}
