package org.iommu4j.testbench.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.iommu4j.amd.hardware.ForgetfulAmdVi;
import org.iommu4j.arm.hardware.ForgetfulSmmu;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.hardware.ForgetfulVtd;
import org.iommu4j.s390.command.ZpciInstruction;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.command.SpaprRegisters.TceKill;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.fuzz.BrokenBackend;
import org.iommu4j.testbench.run.TestBench;
import org.iommu4j.testing.ForwardingHardware;
import org.iommu4j.testing.ForwardingTranslator;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The small model finds drivers and chips that are broken on purpose, and shows each by a short case: in the build drivers of one
 * vendor, with {@code -Diommu4j.model.all=true} those of all of them, and chips.
 */
class PlantedModelFaultsTest {
    private static final boolean ALL = Boolean.getBoolean("iommu4j.model.all");
    private static final int MOST_STATES = Integer.getInteger("iommu4j.model.states", 100_000);
    private static final int MOST_STEPS = 8;

    /** Changes what a driver does with an invalidation. */
    private interface Invalidation {
        int invalidate(Translator right, int domain, InvalidateRequest request, Completion completion);
    }

    private static UnaryOperator<Backend> driver(Invalidation invalidation) {
        return backend -> BrokenBackend.withDriver(backend, (driver, port) -> new ForwardingTranslator(driver) {
            @Override
            public int invalidate(int domain, InvalidateRequest request, Completion completion) {
                return invalidation.invalidate(driver, domain, request, completion);
            }
        });
    }

    /** The same request with another range and other flags. */
    private static InvalidateRequest changed(InvalidateRequest request, int flags, long size) {
        return new InvalidateRequest()
                .set(
                        request.scope(),
                        flags,
                        request.pasid(),
                        request.vaddr(),
                        size,
                        request.subVersion(),
                        request.payload(),
                        request.payloadOffset(),
                        request.payloadLength());
    }

    private static final UnaryOperator<Backend> DOES_NOTHING =
            driver((right, domain, request, completion) -> completion.done(Fidelity.EXACT));

    private static final UnaryOperator<Backend> FORGETS_RANGES = driver((right, domain, request, completion) ->
            request.selectsRange() ? completion.done(Fidelity.EXACT) : right.invalidate(domain, request, completion));

    private static final UnaryOperator<Backend> FORGETS_DOMAINS = driver((right, domain, request, completion) ->
            request.selectsRange() ? right.invalidate(domain, request, completion) : completion.done(Fidelity.EXACT));

    private static final UnaryOperator<Backend> DROPS_THE_FIRST_PAGE =
            driver((right, domain, request, completion) -> right.invalidate(
                    domain,
                    changed(request, request.flags(), request.selectsRange() ? 4096 : request.size()),
                    completion));

    private static final UnaryOperator<Backend> DROPS_LEAVES =
            driver((right, domain, request, completion) -> right.invalidate(
                    domain,
                    changed(
                            request,
                            request.selectsRange() ? request.flags() | Uapi.FLAGS_VADDR_LEAF : request.flags(),
                            request.size()),
                    completion));

    private static final UnaryOperator<Backend> DROPS_OF_ANOTHER =
            driver((right, domain, request, completion) -> right.invalidate(1 - domain, request, completion));

    private static Backend withoutDetach(Backend backend) {
        return BrokenBackend.withDriver(backend, (driver, port) -> new ForwardingTranslator(driver) {
            @Override
            public int detach(int domain, int requester, Completion completion) {
                return completion.done(Fidelity.EXACT);
            }
        });
    }

    /** Tells the compiler what a method is. */
    private static UnaryOperator<Backend> named(UnaryOperator<Backend> change) {
        return change;
    }

    private static UnaryOperator<Backend> chip(UnaryOperator<Hardware> change) {
        return backend -> BrokenBackend.withChip(backend, change);
    }

    private static UnaryOperator<Backend> vtd(ForgetfulVtd.Loss loss) {
        return backend ->
                BrokenBackend.withChips(backend, (config, platform) -> ForgetfulVtd.create(config, platform, loss));
    }

    private static UnaryOperator<Backend> smmu(ForgetfulSmmu.Loss loss) {
        return backend ->
                BrokenBackend.withChips(backend, (config, platform) -> ForgetfulSmmu.create(config, platform, loss));
    }

    private static UnaryOperator<Backend> amdVi(ForgetfulAmdVi.Loss loss) {
        return backend ->
                BrokenBackend.withChips(backend, (config, platform) -> ForgetfulAmdVi.create(config, platform, loss));
    }

    /** A bridge that takes kills, and drops nothing. */
    private static final UnaryOperator<Backend> LOSES_KILLS = chip(right -> new ForwardingHardware(right) {
        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            if (offset != TceKill.REGISTER.offset()) {
                super.writeRegister(offset, sizeBytes, value);
            }
        }
    });

    /** A machine that answers RPCIT with success, and does nothing. */
    private static final UnaryOperator<Backend> LOSES_REFRESHES = chip(right -> new ForwardingHardware(right) {
        @Override
        public void call(NativeCall call) {
            if (call.function() == ZpciInstruction.RPCIT) {
                call.result(0);
            } else {
                super.call(call);
            }
        }
    });

    static Stream<Arguments> faults() {
        List<Arguments> faults = new ArrayList<>();
        Stream<ModelVendor> vendors = ALL ? ModelVendor.all() : Stream.of(ModelVendor.vtd());
        vendors.forEach(vendor -> {
            faults.add(arguments("invalidates nothing", vendor, DOES_NOTHING));
            faults.add(arguments("forgets ranges", vendor, FORGETS_RANGES));
            faults.add(arguments("forgets whole domains", vendor, FORGETS_DOMAINS));
            faults.add(arguments("invalidates the other domain", vendor, DROPS_OF_ANOTHER));
            faults.add(arguments("does not detach", vendor, named(PlantedModelFaultsTest::withoutDetach)));
        });
        return ALL ? Stream.concat(faults.stream(), others()) : faults.stream();
    }

    private static Stream<Arguments> others() {
        List<Arguments> faults = new ArrayList<>();
        Stream.of(ModelVendor.vtd(), ModelVendor.scalableVtd(), ModelVendor.amdVi(), ModelVendor.smmu())
                .forEach(vendor -> {
                    faults.add(arguments("takes every range for one of leaves", vendor, DROPS_LEAVES));
                    faults.add(arguments("drops the first page of a range", vendor, DROPS_THE_FIRST_PAGE));
                });
        Stream.of(
                        ForgetfulVtd.Loss.PAGES,
                        ForgetfulVtd.Loss.TABLES,
                        ForgetfulVtd.Loss.OTHER_DOMAIN,
                        ForgetfulVtd.Loss.DOMAIN,
                        ForgetfulVtd.Loss.CONTEXT_OF_DEVICE)
                .forEach(loss -> faults.add(arguments("unit keeps " + loss, ModelVendor.vtd(), vtd(loss))));
        Stream.of(ForgetfulSmmu.Loss.STAGE_2, ForgetfulSmmu.Loss.STREAM)
                .forEach(loss -> faults.add(arguments("chip keeps " + loss, ModelVendor.smmu(), smmu(loss))));
        Stream.of(
                        ForgetfulAmdVi.Loss.DEVICE_ENTRY,
                        ForgetfulAmdVi.Loss.HOST_PAGE,
                        ForgetfulAmdVi.Loss.OTHER_DOMAIN,
                        ForgetfulAmdVi.Loss.HOST_DIRECTORIES)
                .forEach(loss -> faults.add(arguments("unit keeps " + loss, ModelVendor.amdVi(), amdVi(loss))));
        faults.add(arguments("bridge loses kills", ModelVendor.spapr(), LOSES_KILLS));
        faults.add(arguments("machine loses refreshes", ModelVendor.zpci(), LOSES_REFRESHES));
        faults.add(arguments("machine loses refreshes", ModelVendor.shadowedZpci(), LOSES_REFRESHES));
        return faults.stream();
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("faults")
    void shouldBeFound(String name, ModelVendor right, UnaryOperator<Backend> change, @TempDir Path folder)
            throws IOException {
        ModelVendor broken = right.with(change);
        List<ModelOp> wrong = new Exploration(() -> new ModelMachine(broken), MOST_STEPS, MOST_STATES).run();

        assertNotNull(wrong, () -> right + ": " + name + " is not found");
        Counterexample example = new Counterexample(broken, wrong);
        assertTrue(example.isMet(), () -> example.ops().toString());
        String line = example.toCase();
        assertEquals(CaseResult.Outcome.FAILED, outcome(broken, line, folder), line);
        assertEquals(CaseResult.Outcome.PASSED, outcome(right, line, folder), line);
    }

    private static CaseResult.Outcome outcome(ModelVendor vendor, String line, Path folder) throws IOException {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(vendor.backend());
            List<CaseResult> results = new ArrayList<>();
            new TestBench(core)
                    .run(
                            List.of(Files.writeString(folder.resolve("case.jsonl"), line + "\n")),
                            Set.of(),
                            false,
                            results::add);
            return results.get(0).outcome();
        }
    }
}
