package org.iommu4j.testbench.conform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Watch;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.hardware.ForgetfulVtd;
import org.iommu4j.layout.Layout;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.ConformOptions;
import org.iommu4j.testbench.ConformReport;
import org.iommu4j.testbench.ConformReport.Line;
import org.iommu4j.testbench.ConformReport.Result;
import org.iommu4j.testing.ForwardingBackend;
import org.iommu4j.testing.ForwardingHardware;
import org.iommu4j.testing.ForwardingTranslator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every vendor of this repository passes, and a bundle with one thing broken fails the rule that names it. */
class ConformanceTest {
    private static final long PAGE = 4096;
    private static final int OTHER_GENERATION = 0x7fff_fffe;

    @TempDir
    private Path folder;

    private static ConformReport check(
            Path jar, Function<Path, Backend> backends, long limitNanos, UnaryOperator<ConformOptions> options) {
        List<Line> told = new ArrayList<>();
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            Conformance conformance = new Conformance(
                    core, new SimulatedPlatformFactory(), new BackendBundles(core, backends), limitNanos);
            ConformReport report =
                    conformance.run(options.apply(ConformOptions.of(jar).withEffort(3, 2)), told::add);
            assertEquals(told, report.lines());
            return report;
        }
    }

    private ConformReport check(Backend backend, String... rules) throws IOException {
        Path jar = new VendorJar()
                .header("Bundle-Version", backend.describe().version())
                .component(backend.describe().model().label())
                .write(folder);
        return check(jar, path -> backend, Watch.DEFAULT_LIMIT_NANOS, options -> options.withOnly(Set.of(rules)));
    }

    static Stream<Backend> vendors() {
        return Stream.of(
                new VtdBackend(), new SmmuBackend(), new AmdViBackend(), new SpaprBackend(), new ZpciBackend());
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldPassEveryVendorOfThisRepository(Backend vendor) throws IOException {
        ConformReport report = check(vendor);

        assertEquals(List.of(), report.rules(Result.FAILED), report::toText);
        // No case file, no other release and no fixtures are given, and a model may have nothing that a rule could look
        // at.
        assertTrue(report.count(Result.NOT_COVERED) <= 5, report::toText);
        assertEquals(Requirement.values().length, report.lines().size());
    }

    private static Arguments jar(String name, String rule, VendorJar jar) {
        return arguments(name, rule, jar);
    }

    static Stream<Arguments> jars() {
        String contract = "org.iommu4j.contract;version=\"[1.1,2)\"";
        return Stream.of(
                jar("no version", "manifest.identity", new VendorJar().header("Bundle-Version", "one")),
                jar("no name", "manifest.identity", new VendorJar().without("Bundle-SymbolicName")),
                jar(
                        "an import without an end",
                        "manifest.imports",
                        new VendorJar().header("Import-Package", "org.iommu4j.contract;version=\"1.1\"")),
                jar(
                        "an import beyond the next major version",
                        "manifest.imports",
                        new VendorJar().header("Import-Package", "org.iommu4j.contract;version=\"[1.1,2]\"")),
                jar(
                        "an import of the core",
                        "manifest.imports",
                        new VendorJar()
                                .header("Import-Package", contract + ",org.iommu4j.core.service;version=\"[1,2)\"")),
                jar(
                        "a required bundle",
                        "manifest.imports",
                        new VendorJar().header("Require-Bundle", "org.iommu4j.core")),
                jar(
                        "a copy of the contract",
                        "manifest.content",
                        new VendorJar().entry("org/iommu4j/contract/Rule.class", VendorJar.classFile(61))),
                jar(
                        "classes for a newer Java",
                        "manifest.content",
                        new VendorJar().entry("com/example/vendor/New.class", VendorJar.classFile(65))),
                jar("no offer", "manifest.offer", new VendorJar().without("Provide-Capability")),
                jar(
                        "a component that is not there",
                        "manifest.offer",
                        new VendorJar().header("Service-Component", "x")),
                jar("a model that does not exist", "manifest.offer", new VendorJar().component("none")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("jars")
    void shouldFindWhatIsWrongWithAJar(String name, String rule, VendorJar jar) throws IOException {
        ConformReport report = check(
                jar.write(folder),
                path -> new VtdBackend(),
                Watch.DEFAULT_LIMIT_NANOS,
                options -> options.withOnly(
                        Set.of("manifest.identity", "manifest.imports", "manifest.content", "manifest.offer")));

        assertEquals(List.of(rule), report.rules(Result.FAILED), report::toText);
    }

    /** VT-d's bundle with one thing broken. */
    private static class Broken extends ForwardingBackend {
        Broken() {
            super(new VtdBackend());
        }
    }

    private static Backend withDriver(UnaryOperator<Translator> change) {
        return new Broken() {
            @Override
            public Translator createTranslator(int subVersion, NativePort port) {
                return change.apply(super.createTranslator(subVersion, port));
            }
        };
    }

    private static Backend withChip(UnaryOperator<Hardware> change) {
        return new Broken() {
            @Override
            public Hardware createHardware(HardwareConfig config, Platform platform) {
                return change.apply(super.createHardware(config, platform));
            }
        };
    }

    private static Backend withoutInvalidations() {
        return withDriver(driver -> new ForwardingTranslator(driver) {
            @Override
            public int invalidate(int domain, InvalidateRequest request, Completion completion) {
                return completion.done(Fidelity.EXACT);
            }
        });
    }

    private static Backend withoutReservedBits() {
        return withDriver(driver -> new ForwardingTranslator(driver) {
            @Override
            public int invalidate(int domain, InvalidateRequest request, Completion completion) {
                request.retag(request.subVersion());
                int code = super.invalidate(domain, request, completion);
                return completion.errno() == Errno.EINVAL ? completion.begin().done(Fidelity.EXACT) : code;
            }
        });
    }

    /** Says of every bind that it is done, where the driver that it has refuses. */
    private static Backend agreeingToAllBinds() {
        return withDriver(driver -> new ForwardingTranslator(driver) {
            @Override
            public int bind(int domain, BindRequest request, Completion completion) {
                super.bind(domain, request, completion);
                return completion.begin().done(Fidelity.EXACT);
            }
        });
    }

    private static Backend withoutUnbind() {
        return withDriver(driver -> new ForwardingTranslator(driver) {
            @Override
            public int bind(int domain, BindRequest request, Completion completion) {
                return request.unbinds() ? completion.done(Fidelity.EXACT) : super.bind(domain, request, completion);
            }
        });
    }

    private static Backend withoutDetach() {
        return withDriver(driver -> new ForwardingTranslator(driver) {
            @Override
            public int detach(int domain, int requester, Completion completion) {
                return completion.done(Fidelity.EXACT);
            }
        });
    }

    private static Backend withoutClose() {
        return withDriver(driver -> new ForwardingTranslator(driver) {
            @Override
            public int closeDomain(int domain, Completion completion) {
                return completion.done(Fidelity.EXACT);
            }
        });
    }

    /** Lets every blocked access of a device through but those of the core's own trial, which look at address 0. */
    private static Backend withoutBlocking() {
        return withChip(chip -> new ForwardingHardware(chip) {
            @Override
            public void translate(DmaAccess access) {
                super.translate(access);
                if (access.iova() != 0 && access.outcome() != DmaAccess.Outcome.TRANSLATED) {
                    access.translated(access.iova(), PAGE, DmaAccess.READ | DmaAccess.WRITE, false);
                }
            }
        });
    }

    private static Backend withoutBooksAfterRestoring() {
        return new Broken() {
            @Override
            public Translator restoreTranslator(Snapshot state, NativePort port) {
                Translator empty = super.createTranslator(
                        super.restoreTranslator(state, port).subVersion(), port);
                empty.openDomain(0, new Completion());
                return empty;
            }
        };
    }

    private static Backend withChipsFromResetAfterRestoring() {
        return new Broken() {
            @Override
            public Hardware restoreHardware(Snapshot state, Platform platform) {
                return super.createHardware(
                        super.restoreHardware(state, platform).config(), platform);
            }
        };
    }

    /** Reads past the end of a state that is too short. */
    private static Backend breakingOnDamagedStates() {
        return new Broken() {
            @Override
            public Hardware restoreHardware(Snapshot state, Platform platform) {
                try {
                    return super.restoreHardware(state, platform);
                } catch (BackendException e) {
                    throw new ArrayIndexOutOfBoundsException(state.bytes().length);
                }
            }
        };
    }

    private static Backend readingEveryVersion() {
        return new Broken() {
            @Override
            public Hardware restoreHardware(Snapshot state, Platform platform) {
                return super.restoreHardware(
                        new Snapshot(state.model(), state.kind(), describe().stateWritten(), state.bytes()), platform);
            }
        };
    }

    private static Backend leaking() {
        return new Broken() {
            @Override
            public Translator createTranslator(int subVersion, NativePort port) {
                return new ForwardingTranslator(super.createTranslator(subVersion, port)) {
                    @Override
                    public int openDomain(int domain, Completion completion) {
                        port.platform().allocatePages(1);
                        return super.openDomain(domain, completion);
                    }
                };
            }
        };
    }

    private static Backend surprisedByMissingMemory() {
        return new Broken() {
            @Override
            public Translator createTranslator(int subVersion, NativePort port) {
                return new ForwardingTranslator(super.createTranslator(subVersion, port)) {
                    @Override
                    public int attach(int domain, int requester, long table, int levels, Completion completion) {
                        try {
                            port.platform().freePages(port.platform().allocatePages(1), 1);
                        } catch (BackendException e) {
                            throw new IllegalStateException("no memory", e);
                        }
                        return super.attach(domain, requester, table, levels, completion);
                    }
                };
            }
        };
    }

    private static Backend surprisedByItsPort() {
        return new Broken() {
            @Override
            public Translator createTranslator(int subVersion, NativePort port) {
                return new ForwardingTranslator(super.createTranslator(subVersion, port)) {
                    @Override
                    public int bind(int domain, BindRequest request, Completion completion) {
                        try {
                            port.readRegister(0, Integer.BYTES);
                        } catch (BackendException e) {
                            throw new IllegalStateException("the port fails", e);
                        }
                        return super.bind(domain, request, completion);
                    }
                };
            }
        };
    }

    /** Says that it is done, whatever the chip says. */
    private static Backend trustingItsChip() {
        return withDriver(driver -> new ForwardingTranslator(driver) {
            @Override
            public int invalidate(int domain, InvalidateRequest request, Completion completion) {
                int code = super.invalidate(domain, request, completion);
                return code < 0 ? completion.begin().done(Fidelity.EXACT) : code;
            }

            @Override
            public int finish(Completion completion) {
                return super.finish(completion) < 0 ? completion.begin().done(Fidelity.EXACT) : 0;
            }
        });
    }

    private static Backend describing(UnaryOperator<BackendDescription> change) {
        return new Broken() {
            @Override
            public BackendDescription describe() {
                return change.apply(super.describe());
            }
        };
    }

    private static BackendDescription withVersion(BackendDescription of, String version) {
        return new BackendDescription(
                of.model(), of.name(), version, of.generations(), of.stateWritten(), of.stateOldestRead());
    }

    private static Backend makingEveryGeneration() {
        return new Broken() {
            @Override
            public Hardware createHardware(HardwareConfig config, Platform platform) {
                return super.createHardware(
                        config.subVersion() == OTHER_GENERATION ? HardwareConfig.of(0x100) : config, platform);
            }
        };
    }

    private static Backend overlookingSettings() {
        return new Broken() {
            @Override
            public Hardware createHardware(HardwareConfig config, Platform platform) {
                return super.createHardware(
                        HardwareConfig.of(config.subVersion()).with(config.cache()), platform);
            }
        };
    }

    private static Backend declaring(Supplier<List<Layout>> layouts) {
        return new Broken() {
            @Override
            public List<Layout> layouts() {
                return layouts.get();
            }
        };
    }

    private static Layout overlapping() {
        Layout.Builder first = Layout.named("first").spec("example 1");
        Layout.Builder second = Layout.named("second").spec("example 2");
        var low = first.bits("LOW", 7, 0);
        second.bits("ALL", 31, 0);
        return second.shared(low).build();
    }

    private static Layout silent() {
        Layout.Builder layout = Layout.named("silent").spec("example 3");
        layout.bits("A", 7, 0);
        return layout.build();
    }

    private static Backend forgettingPages() {
        return new Broken() {
            @Override
            public Hardware createHardware(HardwareConfig config, Platform platform) {
                return ForgetfulVtd.create(config, platform, ForgetfulVtd.Loss.PAGES);
            }
        };
    }

    private static Backend throwingWhenAsked() {
        return withDriver(driver -> new ForwardingTranslator(driver) {
            @Override
            public int invalidate(int domain, InvalidateRequest request, Completion completion) {
                if (request.selectsRange() && request.vaddr() != 0) {
                    throw new IllegalStateException("an odd range");
                }
                return super.invalidate(domain, request, completion);
            }
        });
    }

    static Stream<Arguments> broken() {
        return Stream.of(
                arguments("describes itself by an exception", "install.trial", describing(of -> {
                    throw new IllegalStateException("no description");
                })),
                arguments(
                        "has another version than its manifest",
                        "describe.self",
                        describing(of -> withVersion(of, "1.2.1"))),
                arguments("makes any generation", "describe.generations", makingEveryGeneration()),
                arguments("overlooks settings", "describe.settings", overlookingSettings()),
                arguments("names two structures alike", "layout.names", declaring(() -> List.of(silent(), silent()))),
                arguments("has fields that overlap", "layout.names", declaring(() -> List.of(overlapping()))),
                arguments("leaves commands out", "layout.documented", declaring(() -> List.of(silent()))),
                arguments("does not block", "contract.blocked", withoutBlocking()),
                arguments("says yes to every bind", "contract.strangers", agreeingToAllBinds()),
                arguments("forgets invalidations", "contract.invalidate", withoutInvalidations()),
                arguments("overlooks reserved bits", "contract.reserved", withoutReservedBits()),
                arguments("does not unbind", "contract.unbind", withoutUnbind()),
                arguments("does not detach", "contract.detach", withoutDetach()),
                arguments("does not close", "contract.close", withoutClose()),
                arguments("keeps pages in its cache", "generated.tables", forgettingPages()),
                arguments("starts restored chips from reset", "state.chip", withChipsFromResetAfterRestoring()),
                arguments("loses its books", "state.driver", withoutBooksAfterRestoring()),
                arguments("loses its books in a swap", "swap.itself", withoutBooksAfterRestoring()),
                arguments("breaks on damaged states", "state.damaged", breakingOnDamagedStates()),
                arguments("reads states of every version", "state.unknown", readingEveryVersion()),
                arguments("takes pages and keeps them", "leave.pages", leaking()),
                arguments("is surprised by missing memory", "host.memory", surprisedByMissingMemory()),
                arguments("is surprised by its port", "host.exceptions", surprisedByItsPort()),
                arguments("trusts a chip that has gone", "host.gone", trustingItsChip()));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("broken")
    void shouldFindWhatIsBroken(String name, String rule, Backend backend) throws IOException {
        Path jar = new VendorJar()
                .header("Bundle-Version", new VtdBackend().describe().version())
                .write(folder);

        ConformReport report = check(
                jar,
                path -> backend,
                Watch.DEFAULT_LIMIT_NANOS,
                options -> options.withOnly(Set.of(rule)).withEffort(200, 2));

        assertEquals(List.of(rule), report.rules(Result.FAILED), report::toText);
    }

    @Test
    void shouldCountWhatTheCoreHadToContain() throws IOException {
        ConformReport report = check(throwingWhenAsked(), "contract.invalidate", "swap.exceptions");

        assertEquals(List.of("swap.exceptions"), report.rules(Result.FAILED), report::toText);
    }

    @Test
    void shouldSayWhereABundleHangsAndGoOn() throws Exception {
        Backend hanging = withDriver(driver -> new ForwardingTranslator(driver) {
            @Override
            public int closeDomain(int domain, Completion completion) {
                // The trial of the core closes a domain in which nothing was bound by a rule of this run.
                if (Thread.currentThread().getName().equals("iommu4j-watched")) {
                    try {
                        Thread.sleep(Long.MAX_VALUE);
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                }
                return super.closeDomain(domain, completion);
            }
        });
        Path jar = new VendorJar()
                .header("Bundle-Version", hanging.describe().version())
                .write(folder);

        ConformReport report = check(
                jar,
                path -> hanging,
                1_000_000_000L,
                options -> options.withOnly(Set.of("describe.self", "leave.pages")));

        assertEquals(List.of("leave.pages"), report.rules(Result.FAILED), report::toText);
        assertEquals(List.of("describe.self"), report.rules(Result.PASSED), report::toText);
        assertTrue(report.toText().contains("did not come back in 1000 ms; it is at"), report::toText);
    }

    @Test
    void shouldFailARelease1ThatCannotGoOnFromAnother() throws IOException {
        Path jar = new VendorJar()
                .header("Bundle-Version", new VtdBackend().describe().version())
                .write(folder);
        Path other = new VendorJar().write(folder);
        Backend older = describing(of -> withVersion(of, "0.9.0"));
        Backend forgetful = withoutBooksAfterRestoring();

        ConformReport report = check(
                jar,
                path -> path.equals(other) ? older : forgetful,
                Watch.DEFAULT_LIMIT_NANOS,
                options -> options.withReleased(List.of(other)).withOnly(Set.of("swap.released")));
        ConformReport good = check(
                jar,
                path -> path.equals(other) ? older : new VtdBackend(),
                Watch.DEFAULT_LIMIT_NANOS,
                options -> options.withReleased(List.of(other)).withOnly(Set.of("swap.released")));

        assertEquals(List.of("swap.released"), report.rules(Result.FAILED), report::toText);
        assertEquals(List.of("swap.released"), good.rules(Result.PASSED), good::toText);
    }

    @Test
    void shouldRunTheCasesOfTheBundle() throws IOException {
        Path good = folder.resolve("good.jsonl");
        Path bad = folder.resolve("bad.jsonl");
        String line =
                "{\"id\":\"version\",\"model\":\"intel\",\"steps\":[{\"op\":\"mmio_read\",\"off\":\"0x0\",\"size\":4,"
                        + "\"expect\":\"%s\"}]}%n";
        Files.writeString(good, String.format(line, "0x10"), StandardCharsets.UTF_8);
        Files.writeString(bad, String.format(line, "0x7f"), StandardCharsets.UTF_8);
        Path jar = new VendorJar()
                .header("Bundle-Version", new VtdBackend().describe().version())
                .write(folder);

        for (Path file : List.of(good, bad)) {
            ConformReport report = check(
                    jar,
                    path -> new VtdBackend(),
                    Watch.DEFAULT_LIMIT_NANOS,
                    options -> options.withCases(List.of(file)).withOnly(Set.of("cases.own")));
            assertEquals(file.equals(good), report.ok(), report::toText);
        }
    }

    @Test
    void shouldRefuseARuleThatDoesNotExist() throws IOException {
        CaseFileException refusal =
                assertThrows(CaseFileException.class, () -> check(new VtdBackend(), "no.such-rule"));

        assertTrue(refusal.getMessage().contains("no rule 'no.such-rule'"), refusal::getMessage);
    }

    @Test
    void shouldRefuseAFileThatIsNotThere() {
        Path missing = folder.resolve("missing.jar");

        assertThrows(
                CaseFileException.class,
                () -> check(missing, path -> new VtdBackend(), Watch.DEFAULT_LIMIT_NANOS, options -> options));
    }
}
