package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.UnaryOperator;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.BackendSource;
import org.iommu4j.core.backends.CoreEvents;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakePlatform;
import org.iommu4j.core.fake.FakeShim;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.BackendStatus.State;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.swap.ModelRegistry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BackendArrivalTest {
    private final Bench bench = new Bench();

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldServeWhenFirst() {
        FakeBackend backend = bench.arrived("1.0.0");
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        assertTrue(bench.serves(backend));
        assertNull(bench.core.backend(IommuModel.AMD));
        assertEquals(List.of(), bench.core.swaps());
    }

    @Test
    void shouldTakeOverWhenNewer() {
        bench.arrived("1.9.0");
        bench.arrived("1.10.0");
        assertEquals(State.STANDBY, bench.state("1.9.0"));
        assertEquals(State.ACTIVE, bench.state("1.10.0"));
    }

    @Test
    void shouldStandByWhenOlder() {
        bench.arrived("1.1.0");
        bench.arrived("1.0.0");
        assertEquals(State.ACTIVE, bench.state("1.1.0"));
        assertEquals(State.STANDBY, bench.state("1.0.0"));
    }

    @Test
    void shouldStandByWhenVersionIsEqual() {
        FakeBackend first = bench.arrived("1.0.0");
        bench.arrived("1.0.0");
        assertTrue(bench.serves(first));
        assertEquals(State.STANDBY, bench.state("1.0.0"));
        assertEquals(2, bench.core.backends().size());
    }

    @Test
    void shouldRetireWhenLeaving() {
        FakeBackend first = bench.arrived("1.0.0");
        FakeBackend second = bench.arrived("1.1.0");
        bench.core.leaving(first);
        assertEquals(State.RETIRED, bench.state("1.0.0"));
        bench.core.leaving(second);
        assertEquals(State.RETIRED, bench.state("1.1.0"));
        assertNull(bench.core.backend(IommuModel.INTEL));
        bench.core.leaving(second);
        assertThrows(BackendException.class, () -> bench.unit(1));
    }

    @Test
    void shouldFallBackToTheBestThatIsLeft() {
        bench.arrived("1.0.0");
        bench.arrived("1.1.0");
        FakeBackend newest = bench.arrived("1.2.0");
        Unit unit = bench.unit(1);
        bench.core.leaving(newest);
        assertEquals(State.ACTIVE, bench.state("1.1.0"));
        assertEquals(State.STANDBY, bench.state("1.0.0"));
        unit.writeRegister(0x100, 8, 5);
        assertEquals(5, unit.readRegister(0x100, 8));
    }

    @Test
    void shouldFailWhenDescribeThrows() {
        FakeBackend broken = bench.backend("1.0.0");
        broken.traps().on("describe", () -> {
            throw new LinkageError("no such method");
        });
        bench.core.arrived(broken);
        BackendStatus status = bench.core.backends().get(0);
        assertEquals(State.FAILED, status.state());
        assertTrue(status.reason().contains("no such method"), status.reason());
        assertNull(bench.core.backend(IommuModel.INTEL));
        bench.core.leaving(broken);
        assertEquals(State.RETIRED, bench.core.backends().get(0).state());
    }

    @Test
    void shouldFailWhenDescriptionMakesNoSense() {
        expectFailed(description -> null, "model");
        expectFailed(d -> new BackendDescription(null, "x", "1.0.0", d.generations(), 1, 1), "model");
        expectFailed(d -> new BackendDescription(d.model(), "x", "one", d.generations(), 1, 1), "version=one");
        expectFailed(d -> new BackendDescription(d.model(), "x", "1.0.0", List.of(), 1, 1), "generation");
        expectFailed(d -> new BackendDescription(d.model(), "x", "1.0.0", d.generations(), 1, 2), "stateOldestRead=2");
        expectFailed(
                d -> new BackendDescription(
                        d.model(), "x", "1.0.0", List.of(FakeBackend.generation(1), FakeBackend.generation(1)), 1, 1),
                "twice");
        expectFailed(d -> new BackendDescription(IommuModel.AMD, "x", "1.0.0", d.generations(), 1, 1), "AMD");
    }

    private void expectFailed(UnaryOperator<BackendDescription> lie, String because) {
        bench.core.arrived(bench.backend("1.0.0").saying(lie));
        List<BackendStatus> all = bench.core.backends();
        BackendStatus status = all.get(all.size() - 1);
        assertEquals(State.FAILED, status.state());
        assertTrue(status.reason().contains(because), status.reason());
    }

    @Test
    void shouldFailWhenAShimIsForAnotherModel() {
        bench.core.arrived(bench.backend("1.0.0").with(new FakeShim(IommuModel.S390, 1, 2, "foreign", Fidelity.EXACT)));
        assertEquals(State.FAILED, bench.core.backends().get(0).state());
    }

    @Test
    void shouldKeepServingWhenABrokenOneArrives() {
        FakeBackend sound = bench.arrived("1.0.0");
        FakeBackend broken = bench.backend("2.0.0");
        broken.traps().on("bindFormats", () -> {
            throw new StackOverflowError();
        });
        bench.core.arrived(broken);
        assertTrue(bench.serves(sound));
        assertNotNull(bench.unit(1));
    }

    @Test
    void shouldRefuseUnitsThatCannotBeMade() {
        BackendException none = assertThrows(BackendException.class, () -> bench.unit(1));
        assertEquals(Errno.ENODEV, none.errno());
        FakeBackend backend = bench.arrived("1.0.0");
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(BackendException.class, () -> bench.unit(77)).errno());
        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> bench.core.openUnit(null))
                        .errno());
        backend.traps().on("createTranslator", () -> {
            throw new IllegalStateException("no");
        });
        BackendException broken = assertThrows(BackendException.class, () -> bench.unit(1));
        assertEquals(Errno.EIO, broken.errno());
        assertNull(broken.getCause());
        assertEquals(List.of(), bench.core.units());
    }

    @Test
    void shouldRefuseCallsWithoutModelOrLimits() {
        assertThrows(BackendException.class, () -> bench.core.backend(null));
        assertThrows(BackendException.class, () -> bench.core.negotiate(null, 1));
        assertThrows(BackendException.class, () -> bench.core.swap(IommuModel.INTEL, "1.0.0", null));
        assertThrows(BackendException.class, () -> bench.core.preview(null, "1.0.0"));
        assertEquals("", bench.core.preview(IommuModel.INTEL, null).to());
    }

    @Test
    void shouldNotLetInABackendThatLeftWhileItWasAsked() {
        FakeBackend hasty = bench.backend("1.0.0");
        ModelRegistry registry = new ModelRegistry(IommuModel.INTEL, FakePlatform::new, CoreEvents.UNHEARD);
        BackendEntry entry = BackendEntry.usable(1, hasty, BackendEntry.ask(hasty));
        assertNull(registry.leaving(entry));
        assertNull(registry.arrived(entry));
        assertEquals(State.RETIRED, entry.state());
        assertNull(registry.active());
    }

    @Test
    void shouldListABackendThatIsNotMadeInTimeAndServeOtherModels() {
        CountDownLatch never = new CountDownLatch(1);
        BackendSource hanging = new BackendSource("a.vendor [7]", IommuModel.AMD, () -> {
            try {
                never.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return null;
        });
        assertTrue(bench.core.arrived(hanging));
        bench.arrived("1.0.0");
        BackendStatus status = bench.core.backends().get(0);
        assertEquals(BackendStatus.State.FAILED, status.state());
        assertEquals(IommuModel.AMD, status.model());
        assertTrue(
                bench.core
                        .absence(IommuModel.AMD)
                        .startsWith("a.vendor [7]: making a backend did not end within 5000 ms"),
                bench.core.absence(IommuModel.AMD));
        assertNotNull(bench.core.backend(IommuModel.INTEL));
        bench.core.leaving(hanging);
        assertEquals(BackendStatus.State.RETIRED, bench.core.backends().get(0).state());
        assertEquals("", bench.core.absence(IommuModel.AMD));
    }

    @Test
    void shouldKnowNothingOfASourceThatHasNoBackend() {
        assertFalse(bench.core.arrived(new BackendSource("a.vendor [7]", IommuModel.AMD, () -> null)));
        assertEquals(List.of(), bench.core.backends());
    }
}
