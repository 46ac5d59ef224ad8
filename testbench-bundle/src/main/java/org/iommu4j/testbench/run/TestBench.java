package org.iommu4j.testbench.run;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Watch;
import org.iommu4j.json.Json;
import org.iommu4j.json.JsonException;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.BundleJars;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.CaseResult.Outcome;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.TestBenchService;

/** Runs cases and opens test benches through a core. */
public final class TestBench implements TestBenchService {
    private static final String STALE = "the chip used a translation that a completed invalidation had to drop";
    private static final String OTHER_FINDINGS = "the sanitizer found something else than the case expects";

    /** Most configurations whose check is remembered; others are checked again. */
    private static final int MOST_CHECKED = 4096;

    /** Most ids that are remembered, to refuse a second case of one. */
    static final int MOST_IDS = 1 << 17;

    /** Most cases that hang before a run ends: each leaves a thread behind. */
    static final int MOST_HANGS = 3;

    private final IommuService service;

    /** Null where there is no container of bundles. */
    private final BundleService bundles;

    private final BundleJars jars;
    private final long limitNanos;

    /** A bench that works through a core, and cannot swap; a case that takes longer than the fuzzer allows a case hangs. */
    public TestBench(IommuService service) {
        this(service, FuzzOptions.DEFAULT_DEADLINE_NANOS);
    }

    /** A copy with another limit. */
    TestBench(IommuService service, long limitNanos) {
        this(service, null, BundleJars.NONE, limitNanos);
    }

    /** A bench that swaps the bundles of a container, from jars that are found by {@code jars}. */
    public TestBench(IommuService service, BundleService bundles, BundleJars jars) {
        this(service, bundles, jars, FuzzOptions.DEFAULT_DEADLINE_NANOS);
    }

    private TestBench(IommuService service, BundleService bundles, BundleJars jars, long limitNanos) {
        this.service = service;
        this.bundles = bundles;
        this.jars = jars;
        this.limitNanos = limitNanos;
    }

    @Override
    public TestBenchService withJars(BundleJars found) {
        return new TestBench(service, bundles, found, limitNanos);
    }

    private Swaps swaps() {
        return new Swaps(service, bundles, jars);
    }

    @Override
    public void run(List<Path> files, Set<String> only, boolean sanitized, Consumer<CaseResult> results) {
        List<CaseLines> lines = files.stream().map(CaseLines::new).toList();
        Set<String> missing = new LinkedHashSet<>(only);
        Set<String> checked = new HashSet<>();
        Map<String, CaseResult.Source> places = new HashMap<>();
        try (Watch watch = new Watch(limitNanos)) {
            forEach(files, lines, only, one -> {
                missing.remove(one.id());
                expectFirst(one, places);
                String config = one.chip().model() + " " + one.chip().hardware().subVersion() + " " + one.config();
                if (!one.others().isEmpty() || !checked.contains(config)) {
                    check(one, watch);
                    if (checked.size() < MOST_CHECKED) {
                        checked.add(config);
                    }
                }
            });
            for (String id : missing) {
                throw new CaseFileException("", 0, 0, "", "no case has the id '" + id + "'", null);
            }
            AtomicInteger hangs = new AtomicInteger();
            forEach(files, lines, only, one -> {
                if (hangs.get() == MOST_HANGS) {
                    throw new BackendException(
                            Errno.ETIMEDOUT,
                            MOST_HANGS + " cases did not come back: '" + one.id() + "' and what follows was not run");
                }
                boolean watched = sanitized || one.isWatched();
                results.accept(run(one, watched ? Sanitizer.Mode.ON : Sanitizer.Mode.OFF, watch, hangs)
                        .from(new CaseResult.Source(one.file(), one.line()), one.findings() != null));
            });
        }
    }

    /** Refuses a second case of a model with one id: a result or a finding would not say which of the two it is of. */
    private static void expectFirst(TestCase one, Map<String, CaseResult.Source> places) {
        String name = one.chip().model().label() + " " + one.id();
        CaseResult.Source first = places.get(name);
        if (first == null && places.size() < MOST_IDS) {
            places.put(name, new CaseResult.Source(one.file(), one.line()));
        }
        if (first != null) {
            throw new CaseFileException(
                    one.file(),
                    one.line(),
                    0,
                    "id",
                    "'" + OneLine.name(one.id()) + "' is the id of the case in line " + first.line() + " of "
                            + first.file() + ", too",
                    null);
        }
    }

    /** Reads the cases one by one, so that no more than one is held. */
    private void forEach(List<Path> files, List<CaseLines> lines, Set<String> only, Consumer<TestCase> cases) {
        for (int i = 0; i < lines.size(); i++) {
            String name = files.get(i).toString();
            lines.get(i).forEach((number, text) -> {
                TestCase one;
                try {
                    one = TestCase.parse(name, number, text, model -> calls(service, model));
                } catch (JsonException e) {
                    throw CaseText.in(name, number, e);
                }
                if (only.isEmpty() || only.contains(one.id())) {
                    cases.accept(one);
                }
            });
        }
    }

    /** The hypercalls or instructions of a model; null if it is not installed. */
    static List<CallFormat> calls(IommuService service, IommuModel model) {
        Backend backend = service.backend(model);
        return backend == null ? null : backend.calls();
    }

    /** Refuses a configuration that makes no sense, before anything runs. */
    private void check(TestCase one, Watch watch) {
        try {
            watch.run(progress -> {
                for (Chip chip : one.chips()) {
                    Units.open(service, chip, Step.Needs.NOTHING, Sanitizer.Mode.OFF, swaps())
                            .close();
                }
                return null;
            });
        } catch (Watch.HangException e) {
            throw new CaseFileException(one.file(), one.line(), 0, "", "making the machine " + e.getMessage(), e);
        } catch (BackendException e) {
            if (e.errno() == Errno.EINVAL) {
                throw new CaseFileException(one.file(), one.line(), one.configColumn(), "config", e.getMessage(), e);
            }
        }
    }

    private CaseResult run(TestCase one, Sanitizer.Mode sanitizer, Watch watch, AtomicInteger hangs) {
        try {
            return watch.run(progress -> run(one, sanitizer, progress));
        } catch (Watch.HangException e) {
            hangs.incrementAndGet();
            return CaseResult.failed(one.id(), e.progress().step(), e.progress().op(), "", "", e.getMessage());
        }
    }

    private CaseResult run(TestCase one, Sanitizer.Mode sanitizer, Progress progress) {
        try (Units units = Units.open(service, one.chip(), one.needs(), sanitizer, swaps())) {
            units.tell(progress);
            CaseResult result = run(one, units);
            SanitizerReport findings = units.findings();
            Map<Finding, List<String>> hints = units.first().hints().findings(findings);
            return (result.outcome() == Outcome.PASSED ? judge(one, findings, hints, result) : result)
                    .with(findings, hints);
        } catch (BackendException e) {
            return e.errno() == Errno.EPROTONOSUPPORT
                    ? CaseResult.skipped(one.id(), e.getMessage())
                    : CaseResult.failed(one.id(), e.getMessage());
        }
    }

    /** The result of a case that passed, with the sanitizer's findings taken into account. */
    private static CaseResult judge(
            TestCase one, SanitizerReport findings, Map<Finding, List<String>> hints, CaseResult passed) {
        if (one.findings() == null) {
            return findings.chipFaults() == 0
                    ? passed
                    : CaseResult.failed(one.id(), STALE).explained(stale(findings, hints));
        }
        return one.findings().hold(findings.findings())
                ? passed
                : CaseResult.failed(
                        one.id(),
                        -1,
                        "",
                        one.findings().toJson(),
                        ExpectedFindings.json(findings.findings()),
                        OTHER_FINDINGS);
    }

    private static List<String> stale(SanitizerReport findings, Map<Finding, List<String>> hints) {
        return findings.findings().stream()
                .filter(finding -> finding.kind() == Finding.Kind.STALE_AFTER_COMPLETION)
                .flatMap(finding -> hints.getOrDefault(finding, List.of()).stream())
                .distinct()
                .toList();
    }

    private static CaseResult run(TestCase one, Units units) {
        for (int i = 0; i < one.steps().size(); i++) {
            Step step = one.steps().get(i);
            units.progress().begin(i, step.op());
            units.at(Finding.Place.ofStep(i));
            try {
                Answer answer = step.action().run(units.first());
                if (!answer.met()) {
                    return CaseResult.failed(
                                    one.id(),
                                    i,
                                    step.op(),
                                    Json.write(answer.expected()),
                                    Json.write(answer.values()),
                                    answer.where())
                            .explained(answer.explain());
                }
            } catch (Step.StepFailure | BackendException | BusErrorException e) {
                return CaseResult.failed(one.id(), i, step.op(), "", "", e.getMessage());
            }
        }
        return CaseResult.passed(one.id());
    }

    @Override
    public BenchSession open(IommuModel model, int subVersion, String config, boolean sanitized) {
        Chip chip;
        try {
            chip = Chip.of(model, subVersion, config.isBlank() ? null : CaseText.parse(config));
        } catch (JsonException e) {
            throw CaseText.in("", 0, e);
        }
        try {
            return new Bench(service, chip, config, sanitized, swaps(), limitNanos);
        } catch (BackendException e) {
            if (e.errno() == Errno.EINVAL) {
                throw new CaseFileException("", 0, 0, "config", e.getMessage(), e);
            }
            throw e;
        }
    }
}
