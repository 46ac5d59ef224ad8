package org.iommu4j.testbench.run;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
import org.iommu4j.core.service.IommuService;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.CaseResult.Outcome;
import org.iommu4j.testbench.TestBenchService;

/** Runs cases and opens test benches through a core. */
public final class TestBench implements TestBenchService {
    private static final String STALE = "the chip used a translation that a completed invalidation had to drop";
    private static final String OTHER_FINDINGS = "the sanitizer found something else than the case expects";

    private final IommuService service;

    /** A bench that works through that core. */
    public TestBench(IommuService service) {
        this.service = service;
    }

    @Override
    public void run(List<Path> files, Set<String> only, boolean sanitized, Consumer<CaseResult> results) {
        List<TestCase> cases = new ArrayList<>();
        for (Path file : files) {
            read(file, cases);
        }
        if (!only.isEmpty()) {
            for (String id : only) {
                if (cases.stream().noneMatch(one -> one.id().equals(id))) {
                    throw new CaseFileException("", 0, 0, "", "no case has the id '" + id + "'", null);
                }
            }
            cases.removeIf(one -> !only.contains(one.id()));
        }
        Set<String> checked = new HashSet<>();
        for (TestCase one : cases) {
            if (checked.add(one.chip().model() + " " + one.chip().hardware().subVersion() + " " + one.config())) {
                check(one);
            }
        }
        for (TestCase one : cases) {
            boolean watched = sanitized || one.findings() != null;
            results.accept(run(one, watched ? Sanitizer.Mode.ON : Sanitizer.Mode.OFF)
                    .from(new CaseResult.Source(one.file(), one.line()), one.findings() != null));
        }
    }

    private void read(Path file, List<TestCase> cases) {
        String name = file.toString();
        long line = 1;
        try (Reader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            StringBuilder text = new StringBuilder();
            int next;
            do {
                next = in.read();
                if (next >= 0 && next != '\n') {
                    if (text.length() == Json.MAX_LINE) {
                        throw new CaseFileException(
                                name, line, 0, "", "longer than " + Json.MAX_LINE + " characters", null);
                    }
                    text.append((char) next);
                } else {
                    if (!text.toString().isBlank()) {
                        cases.add(TestCase.parse(name, line, text.toString(), model -> calls(service, model)));
                    }
                    text.setLength(0);
                    line++;
                }
            } while (next >= 0);
        } catch (Malformed e) {
            throw e.in(name, line);
        } catch (NoSuchFileException e) {
            throw new CaseFileException(name, 0, 0, "", "no such file", e);
        } catch (CharacterCodingException e) {
            throw new CaseFileException(name, line, 0, "", "not UTF-8", e);
        } catch (IOException e) {
            throw new CaseFileException(name, 0, 0, "", "cannot be read: " + e.getMessage(), e);
        }
    }

    /** The hypercalls or instructions of a model; null if it is not installed. */
    static List<CallFormat> calls(IommuService service, IommuModel model) {
        Backend backend = service.backend(model);
        return backend == null ? null : backend.calls();
    }

    /** Refuses a configuration that makes no sense, before anything runs. */
    private void check(TestCase one) {
        try {
            Machine.open(service, one.chip(), Step.Needs.NOTHING).close();
        } catch (BackendException e) {
            if (e.errno() == Errno.EINVAL) {
                throw new CaseFileException(one.file(), one.line(), one.configColumn(), "config", e.getMessage(), e);
            }
        }
    }

    private CaseResult run(TestCase one, Sanitizer.Mode sanitizer) {
        try (Machine machine = Machine.open(service, one.chip(), one.needs(), sanitizer)) {
            CaseResult result = run(one, machine);
            SanitizerReport findings = machine.findings();
            Map<Finding, List<String>> hints = machine.hints().findings(findings);
            return (result.outcome() == Outcome.PASSED ? judge(one, findings, hints, result) : result)
                    .with(findings, hints);
        } catch (BackendException e) {
            return e.errno() == Errno.EPROTONOSUPPORT
                    ? CaseResult.skipped(one.id(), e.getMessage())
                    : CaseResult.failed(one.id(), e.getMessage());
        }
    }

    /** Of a case that passed, what its findings make of it. */
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

    private static CaseResult run(TestCase one, Machine machine) {
        for (int i = 0; i < one.steps().size(); i++) {
            Step step = one.steps().get(i);
            machine.at(Finding.Place.ofStep(i));
            try {
                Answer answer = step.action().run(machine);
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
    public BenchSession open(IommuModel model, int subVersion, String config) {
        Chip chip;
        try {
            chip = Chip.of(model, subVersion, config.isBlank() ? null : Json.parse(config));
        } catch (Malformed e) {
            throw e.in("", 0);
        }
        try {
            return new Bench(service, chip);
        } catch (BackendException e) {
            if (e.errno() == Errno.EINVAL) {
                throw new CaseFileException("", 0, 0, "config", e.getMessage(), e);
            }
            throw e;
        }
    }
}
