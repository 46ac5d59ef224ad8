package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Unit;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testbench.run.StepRunner;
import org.iommu4j.testing.ForwardingTranslator;
import org.iommu4j.testing.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * After a backend was lost with its state each device reaches what it reached before, on every model and generation: devices are attached,
 * bound and unbound at random, by each operation that the model has, then nothing of the driver can be saved. {@code
 * -Dlaws.cases=N} takes N cases of each model.
 */
class CrashReplayTest {
    private static final int CASES = Integer.getInteger("laws.cases", 3);
    private static final int MACHINES = 2;
    private static final int STEPS = 8;

    /** Generations without a kill register read and store each entry of a window again. */
    private static final String SMALL_WINDOW = "{\"dma\": {\"dma32_size\": \"0x200000\"}}";

    private static final int ACCESSES = 100;
    private static final Set<IommuModel> FAULTS_STOP = EnumSet.of(IommuModel.SPAPR, IommuModel.S390);

    static Stream<Arguments> vendors() {
        return Stream.of(
                arguments(new VtdBackend(), ""),
                arguments(new SmmuBackend(), ""),
                arguments(new AmdViBackend(), ""),
                arguments(new SpaprBackend(), SMALL_WINDOW),
                arguments(new ZpciBackend(), ""));
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldReachWhatItReachedBefore(Backend vendor, String config) {
        int[] translated = new int[1];
        Property.check(CASES, random -> translated[0] += compare(vendor, config, random));
        assertTrue(translated[0] > CASES, translated[0] + " accesses came through");
    }

    /** A backend whose driver cannot be saved. */
    private static Backend crashing(Backend vendor) {
        return BrokenBackend.withDriver(vendor, (driver, port) -> new ForwardingTranslator(driver) {
            @Override
            public Snapshot save() {
                throw new IllegalStateException("crashed");
            }
        });
    }

    /** One crash, with some machines of each generation; the accesses that came through before. */
    private static int compare(Backend vendor, String config, SplittableRandom random) {
        Backend lost = crashing(vendor);
        List<Case> cases = new ArrayList<>();
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(lost);
            for (Generation generation : vendor.describe().generations()) {
                for (int i = 0; i < MACHINES; i++) {
                    StepRunner runner = StepRunner.open(
                            core, vendor.describe().model(), generation.subVersion(), config, true, false, false);
                    cases.add(new Case(runner, random));
                }
            }
            core.leaving(lost);
            core.arrived(vendor);
            return cases.stream().mapToInt(Case::expectTheSame).sum();
        } finally {
            cases.forEach(one -> one.runner.close());
        }
    }

    /** A machine, what was done there, and what its devices reached. */
    private static final class Case {
        private final StepRunner runner;
        private final FuzzScene scene;
        private final int device;
        private final List<FuzzScene.Bind> own;
        private final List<String> done = new ArrayList<>();
        private final long order;
        private final List<OptionalLong> before;

        Case(StepRunner runner, SplittableRandom random) {
            this.runner = runner;
            scene = runner.support().fuzz().prepare(runner.hardware(), runner.port(), random);
            device = any(scene.requesters(), random);
            attach(random);
            own = scene.binds().stream()
                    .filter(bind -> !"ENODEV".equals(bind(bind, 0)))
                    .toList();
            for (int i = 0; i < STEPS; i++) {
                step(random);
            }
            order = random.nextLong();
            before = accesses();
        }

        int expectTheSame() {
            assertEquals(before, accesses(), done::toString);
            return (int) before.stream().filter(OptionalLong::isPresent).count();
        }

        private void step(SplittableRandom random) {
            int kind = random.nextInt(6);
            if (kind == 0) {
                run(Steps.step("detach", "requester", Steps.hex(Integer.toUnsignedLong(device))));
                attach(random);
            } else if (!own.isEmpty()) {
                bind(any(own, random), kind < 3 ? 0 : Uapi.BIND_FLAG_UNBIND);
            }
        }

        private void attach(SplittableRandom random) {
            FuzzScene.Root root = scene.roots().isEmpty() || random.nextBoolean() ? null : any(scene.roots(), random);
            run(Steps.step(
                    "attach",
                    "requester",
                    Steps.hex(Integer.toUnsignedLong(device)),
                    "table",
                    root == null ? null : Steps.hex(root.table()),
                    "levels",
                    root == null ? null : root.levels()));
        }

        private Object bind(FuzzScene.Bind bind, int flag) {
            Unit unit = runner.unit();
            byte[] request = new RequestWriter(Abi.LP64_LE, unit.model(), unit.subVersion())
                    .bind(bind.operation(), bind.flags() | flag, bind.payload());
            return run(CaseRun.ioctl(request, Abi.LP64_LE));
        }

        private Object run(Map<String, Object> step) {
            Object errno = runner.run(StepRunner.json(step)).values().get("errno");
            done.add(StepRunner.json(step) + " " + errno);
            return errno;
        }

        /**
         * Where the device gets at the pages that are known to be reached by some device, in some order: an address, or nowhere. Where a
         * fault stops devices the first one is the last access.
         */
        private List<OptionalLong> accesses() {
            Unit unit = runner.unit();
            List<DmaAccess> accesses = new ArrayList<>();
            scene.ways()
                    .forEach(way -> accesses.add(new DmaAccess()
                            .begin(device, way.iova(), DmaAccess.READ)
                            .withPasid(way.pasid())));
            Collections.shuffle(accesses, new Random(order));
            List<OptionalLong> reached = new ArrayList<>();
            for (DmaAccess access : accesses.subList(0, Math.min(ACCESSES, accesses.size()))) {
                unit.dma(access);
                boolean passed = access.outcome() == DmaAccess.Outcome.TRANSLATED;
                reached.add(passed ? OptionalLong.of(access.spa()) : OptionalLong.empty());
                if (!passed && FAULTS_STOP.contains(unit.model())) {
                    break;
                }
            }
            return reached;
        }
    }

    private static <T> T any(List<T> list, SplittableRandom random) {
        return list.get(random.nextInt(list.size()));
    }
}
