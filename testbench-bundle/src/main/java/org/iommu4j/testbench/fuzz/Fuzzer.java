package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.testbench.FuzzFailure;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.FuzzProgress;
import org.iommu4j.testbench.FuzzResult;
import org.iommu4j.testbench.FuzzService;
import org.iommu4j.testbench.run.Absence;
import org.iommu4j.testbench.run.StepRunner;

/** Generates and judges cases through a core. */
public final class Fuzzer implements FuzzService {
    private static final int CODECS_EVERY = 64;
    private static final int KNOWN_EVERY = 3;
    private static final long NO_CASE = -1;

    private final IommuService service;
    private final int mostShrinkRuns;

    /** A fuzzer that works through that core. */
    public Fuzzer(IommuService service) {
        this(service, Shrinker.MOST_RUNS);
    }

    /**
     * A fuzzer that works through that core.
     *
     * @param mostShrinkRuns most runs in which a failed case is made smaller
     */
    Fuzzer(IommuService service, int mostShrinkRuns) {
        this.service = service;
        this.mostShrinkRuns = mostShrinkRuns;
    }

    @Override
    public FuzzResult run(FuzzOptions options, Consumer<FuzzProgress> progress) {
        Backend backend = service.backend(options.model());
        if (backend == null) {
            throw Absence.of(service, options.model());
        }
        Corpus corpus = Corpus.read(options.corpus(), options.model());
        Coverage coverage = new Coverage(backend);
        Codecs codecs = new Codecs(backend);
        long begun = System.nanoTime();
        long cases = 0;
        FuzzFailure failure = null;
        while (failure == null
                && cases < options.cases()
                && (cases == 0 || System.nanoTime() - begun < options.durationNanos())) {
            long number = options.firstCase() + cases;
            long seed = new SplittableRandom(options.seed() ^ Long.reverse(number)).nextLong();
            cases++;
            if (number % CODECS_EVERY == 0) {
                failure = codecs(codecs, options, seed);
            }
            if (failure == null) {
                failure = one(backend, corpus, options, number, seed, coverage, cases, progress);
            }
            progress.accept(new FuzzProgress(cases, coverage.steps(), coverage.compared(), 0));
        }
        return new FuzzResult(
                options.seed(),
                cases,
                coverage.steps(),
                coverage.accesses(),
                coverage.compared(),
                coverage.reached(),
                failure);
    }

    private static FuzzFailure codecs(Codecs codecs, FuzzOptions options, long seed) {
        try {
            codecs.check(seed);
            return null;
        } catch (Failed e) {
            return new FuzzFailure(e.kind(), e.getMessage(), options.seed(), NO_CASE, 0, "", e.explain());
        }
    }

    private FuzzFailure one(
            Backend backend,
            Corpus corpus,
            FuzzOptions options,
            long number,
            long seed,
            Coverage coverage,
            long cases,
            Consumer<FuzzProgress> progress) {
        Setup setup;
        Attempt attempt;
        if (!corpus.isEmpty() && number % KNOWN_EVERY == 1) {
            Corpus.Changed changed = corpus.change(options.model(), seed, number % 2 == 0);
            setup = changed.setup();
            attempt = new Attempt(service, backend, setup, FuzzScene.EMPTY);
            attempt.run(changed.actions(), begun -> List.of(), options.deadlineNanos());
        } else {
            CaseGenerator generator = new CaseGenerator(backend, options.what(), seed, number);
            setup = generator.setup();
            attempt = new Attempt(service, backend, setup, FuzzScene.EMPTY);
            attempt.run(generator.beginning(), generator::rest, options.deadlineNanos());
        }
        if (attempt.ended()) {
            coverage.add(attempt.coverage());
        }
        if (attempt.refused()) {
            coverage.count("cases", "refused configuration");
        }
        if (attempt.failed() == null) {
            return null;
        }
        Shrinker shrinker = new Shrinker(
                service,
                backend,
                options.deadlineNanos(),
                mostShrinkRuns,
                run -> progress.accept(new FuzzProgress(cases, coverage.steps(), coverage.compared(), run)));
        Shrinker.Shrunken small = shrinker.shrink(setup, attempt);
        return new FuzzFailure(
                small.failed().kind(),
                small.failed().getMessage(),
                options.seed(),
                number,
                small.steps().size(),
                line(options, number, small),
                small.failed().explain());
    }

    private static String line(FuzzOptions options, long number, Shrinker.Shrunken small) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("id", "fuzz-" + options.seed() + "-" + number);
        fields.put("model", options.model().label());
        if (small.setup().subVersion() != 0) {
            fields.put("subVersion", Steps.hex(small.setup().subVersion()));
        }
        fields.put("about", small.failed().kind().text() + ": " + small.failed().getMessage());
        if (!small.setup().config().isEmpty()) {
            fields.put("config", StepRunner.parse(small.setup().config()));
        }
        Map<String, Object> origin = new LinkedHashMap<>();
        origin.put("seed", options.seed());
        origin.put("case", number);
        origin.put("kind", small.failed().kind().name());
        if (!small.failed().explain().isEmpty()) {
            origin.put("explain", small.failed().explain());
        }
        fields.put("x-fuzz", StepRunner.parse(StepRunner.json(origin)));
        List<Object> steps = new ArrayList<>(small.steps());
        boolean contract = small.steps().stream().anyMatch(step -> Steps.CONTRACT.contains(Steps.text(step, "op")));
        if (small.setup().driver() && !contract) {
            // A step of the contract brings the driver.
            steps.add(0, Steps.step("native"));
        }
        fields.put("steps", steps);
        return StepRunner.json(fields);
    }
}
