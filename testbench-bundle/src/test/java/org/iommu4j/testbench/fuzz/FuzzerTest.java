package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.hardware.ForgetfulVtd;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.FuzzFailure;
import org.iommu4j.testbench.FuzzFailure.Kind;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.FuzzOptions.What;
import org.iommu4j.testbench.FuzzProgress;
import org.iommu4j.testbench.FuzzResult;
import org.iommu4j.testbench.run.TestBench;
import org.iommu4j.testing.ForwardingHardware;
import org.iommu4j.testing.ForwardingTranslator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** It finds nothing in what is right, and exactly that in what is broken. */
class FuzzerTest {
    private static final long FOREVER = Long.MAX_VALUE;
    private static final int CCMD = 0x28;
    private static final int FEDATA = 0x3c;
    private static final Path CASES = Path.of("../intel-vtd-bundle/src/test/resources/cases");

    @TempDir
    Path folder;

    private static FuzzResult run(Backend backend, FuzzOptions options) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            return new Fuzzer(core).run(options, progress -> {});
        }
    }

    private static FuzzOptions options(What what, long first, long cases) {
        return FuzzOptions.of(IommuModel.INTEL, 1, FOREVER).with(what).withCases(first, cases);
    }

    private static FuzzFailure find(Kind kind, int mostSteps, Backend backend, FuzzOptions options) {
        FuzzResult result = run(backend, options);
        FuzzFailure failure = result.failure();
        assertNotNull(failure, result::toText);
        assertEquals(kind, failure.kind(), failure.message());
        assertTrue(failure.steps() <= mostSteps, () -> failure.steps() + " steps: " + failure.line());
        return failure;
    }

    private CaseResult.Outcome replay(Backend backend, FuzzFailure failure) throws IOException {
        Path file = folder.resolve("found.jsonl");
        Files.writeString(file, failure.line());
        List<CaseResult> results = new ArrayList<>();
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            new TestBench(core).run(List.of(file), Set.of(), false, results::add);
        }
        return results.get(0).outcome();
    }

    @ParameterizedTest
    @EnumSource(names = "ALL", mode = EnumSource.Mode.EXCLUDE)
    void shouldFindNothingInWhatIsRight(What what) {
        FuzzResult result = run(new VtdBackend(), options(what, 0, 48));

        assertNull(result.failure(), () -> String.valueOf(result.failure()));
        assertEquals(48, result.cases());
        assertTrue(result.compared() > result.accesses() / 8, result::toText);
        assertTrue(result.reached("accesses", "translated") > 100, result::toText);
        assertTrue(result.reached("accesses", "WRITE_DENIED") > 0, result::toText);
        if (what == What.CONTRACT) {
            assertTrue(result.reached("errno of ioctl", "OK") > 100, result::toText);
            assertTrue(result.reached().get("rules").size() > 15, result::toText);
        } else {
            assertTrue(result.reached("commands", "IOTLB_INVALIDATE") > 0, result::toText);
        }
    }

    @Test
    void shouldFindNothingInKnownCasesThatAreChanged() {
        FuzzOptions options = options(What.ALL, 0, 90)
                .withCorpus(List.of(CASES.resolve("faults.jsonl"), CASES.resolve("fuzz.jsonl")));

        FuzzResult result = run(new VtdBackend(), options);

        assertNull(result.failure(), () -> String.valueOf(result.failure()));
    }

    @Test
    void shouldMakeTheSameCasesOfTheSameSeed() {
        FuzzResult once = run(new VtdBackend(), options(What.ALL, 4, 12));
        FuzzResult again = run(new VtdBackend(), options(What.ALL, 4, 12));

        assertEquals(once, again);
        assertTrue(once.steps() > 0);
    }

    @Test
    void shouldFindAWriteThatThePageDoesNotAllow() throws IOException {
        Backend broken = BrokenBackend.withChip(chip -> new ForwardingHardware(chip) {
            @Override
            public void translate(DmaAccess access) {
                super.translate(access);
                if (access.outcome() == DmaAccess.Outcome.FAULT && access.faultCode() == 5) {
                    access.translated(access.iova(), 4096, DmaAccess.WRITE, false);
                }
            }
        });

        FuzzFailure failure = find(Kind.WRONG_TRANSLATION, 12, broken, options(What.TABLES, 0, 50));

        assertTrue(failure.message().contains("\"code\":\"0x5\""), failure.message());
        assertEquals(CaseResult.Outcome.FAILED, replay(broken, failure));
        assertEquals(CaseResult.Outcome.PASSED, replay(new VtdBackend(), failure));
    }

    @Test
    void shouldFindAnInvalidationThatTheChipLoses() {
        Backend broken = BrokenBackend.withChips(
                new VtdBackend(),
                (config, platform) -> ForgetfulVtd.create(config, platform, ForgetfulVtd.Loss.DOMAIN));

        // In most cases the reference walker is first; in this one the sanitizer sees the use.
        FuzzFailure failure = find(Kind.STALE, 16, broken, options(What.CONTRACT, 10, 1));

        assertTrue(failure.message().startsWith("STALE_AFTER_COMPLETION"), failure.message());
    }

    @Test
    void shouldFindAnInvalidationThatTheDriverLoses() throws IOException {
        Backend broken = BrokenBackend.withDriver((driver, port) -> new ForwardingTranslator(driver) {
            @Override
            public int invalidate(int domain, InvalidateRequest request, Completion completion) {
                return completion.done(Fidelity.EXACT);
            }
        });

        FuzzFailure failure = find(Kind.WRONG_TRANSLATION, 16, broken, options(What.TABLES, 0, 200));

        assertTrue(failure.line().contains("\"op\":\"ioctl\""), failure.line());
        assertEquals(CaseResult.Outcome.FAILED, replay(broken, failure));
        assertEquals(CaseResult.Outcome.PASSED, replay(new VtdBackend(), failure));
    }

    @Test
    void shouldFindARefusalThatChangesARegister() {
        Backend broken = BrokenBackend.withDriver((driver, port) -> new ForwardingTranslator(driver) {
            @Override
            public int bind(int domain, BindRequest request, Completion completion) {
                int code = super.bind(domain, request, completion);
                if (code != 0) {
                    port.writeRegister(FEDATA, Integer.BYTES, port.readRegister(FEDATA, Integer.BYTES) + 1);
                }
                return code;
            }
        });

        FuzzFailure failure = find(Kind.CHANGED_ON_REFUSAL, 3, broken, options(What.CONTRACT, 0, 50));

        assertTrue(failure.message().contains("register FEDATA changed"), failure.message());
    }

    @Test
    void shouldFindAnExceptionOfTheChip() {
        Backend broken = BrokenBackend.withChip(chip -> new ForwardingHardware(chip) {
            @Override
            public void writeRegister(long offset, int sizeBytes, long value) {
                if (offset == CCMD && value < 0) {
                    throw new IllegalStateException("no such command");
                }
                super.writeRegister(offset, sizeBytes, value);
            }
        });

        FuzzFailure failure = find(Kind.UNTYPED_EXCEPTION, 1, broken, options(What.REGISTERS, 0, 100));

        assertTrue(failure.message().startsWith("java.lang.IllegalStateException: no such command"), failure.message());
    }

    @Test
    void shouldFindAnAccessThatNeverEnds() {
        Backend broken = BrokenBackend.withChip(chip -> new ForwardingHardware(chip) {
            @Override
            public void translate(DmaAccess access) {
                while (access.lengthBytes() == 0 && !Thread.currentThread().isInterrupted()) {
                    Thread.onSpinWait();
                }
                super.translate(access);
            }
        });

        FuzzFailure failure =
                find(Kind.HANG, 1, broken, options(What.TABLES, 0, 50).withDeadline(1_500_000_000L));

        assertTrue(failure.message().startsWith("dma did not come back"), failure.message());
    }

    @Test
    void shouldFindPagesThatAreNotGivenBack() {
        Backend broken = BrokenBackend.withDriver((driver, port) -> new ForwardingTranslator(driver) {
            @Override
            public int attach(int domain, int requester, long table, int levels, Completion completion) {
                port.platform().allocatePages(1);
                return super.attach(domain, requester, table, levels, completion);
            }
        });

        FuzzFailure failure = find(Kind.GROWTH, 3, broken, options(What.CONTRACT, 31, 1));

        assertTrue(failure.message().startsWith("64 rounds took 64 pages"), failure.message());
    }

    @Test
    void shouldFindMemoryThatTheChipKeeps() {
        Backend broken = BrokenBackend.withChip(chip -> new ForwardingHardware(chip) {
            private final List<long[]> kept = new ArrayList<>();

            @Override
            public void translate(DmaAccess access) {
                kept.add(new long[] {access.iova(), access.requester()});
                super.translate(access);
            }
        });

        FuzzFailure failure = find(Kind.GROWTH, 8, broken, options(What.TABLES, 2047, 1));

        assertTrue(failure.message().startsWith("20000 rounds keep "), failure.message());
    }

    @Test
    void shouldFindAStateThatIsNotRestored() {
        Backend broken = new BrokenBackend() {
            @Override
            public Hardware restoreHardware(Snapshot state, Platform platform) {
                Hardware restored = super.restoreHardware(state, platform);
                restored.writeRegister(FEDATA, Integer.BYTES, 7);
                return restored;
            }
        };

        find(Kind.ROUND_TRIP, 1, broken, options(What.REGISTERS, 0, 1));
    }

    @Test
    void shouldFindADamagedStateThatIsNotRefusedByName() {
        Backend broken = new BrokenBackend() {
            @Override
            public Hardware restoreHardware(Snapshot state, Platform platform) {
                try {
                    return super.restoreHardware(state, platform);
                } catch (BackendException e) {
                    throw new ArrayIndexOutOfBoundsException(e.getMessage());
                }
            }
        };

        find(Kind.UNTYPED_EXCEPTION, 1, broken, options(What.REGISTERS, 0, 8));
    }

    @Test
    void shouldTellHowFarItIs() {
        List<FuzzProgress> seen = new ArrayList<>();
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new VtdBackend());
            new Fuzzer(core).run(options(What.TABLES, 0, 3), seen::add);
        }

        assertEquals(List.of(1L, 2L, 3L), seen.stream().map(FuzzProgress::cases).toList());
    }

    @Test
    void shouldRefuseAModelThatNobodyServesAndAFileThatIsNone() throws IOException {
        Path file = folder.resolve("some.jsonl");
        Files.writeString(file, "{\"model\":\"intel\"}\n7\n");
        FuzzOptions withFile = options(What.ALL, 0, 1).withCorpus(List.of(file));
        FuzzOptions withNoFile = options(What.ALL, 0, 1).withCorpus(List.of(folder.resolve("none")));
        FuzzOptions other = FuzzOptions.of(IommuModel.ARM_SMMU, 1, 1);

        assertEquals(
                Errno.ENODEV,
                assertThrows(BackendException.class, () -> run(new VtdBackend(), other))
                        .errno());
        CaseFileException wrong = assertThrows(CaseFileException.class, () -> run(new VtdBackend(), withFile));
        assertEquals(2, wrong.line());
        assertThrows(CaseFileException.class, () -> run(new VtdBackend(), withNoFile));
    }
}
