package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class InterposerTest {
    private final Bench bench = new Bench();

    @BeforeEach
    void start() {
        bench.arrived("1.0.0");
    }

    @AfterEach
    void stop() {
        bench.close();
    }

    /** A unit that notes the calls that it passes on. */
    private static Unit noting(Unit unit, List<String> calls) {
        return (Unit) Proxy.newProxyInstance(
                Unit.class.getClassLoader(), new Class<?>[] {Unit.class}, (proxy, method, arguments) -> {
                    calls.add(method.getName());
                    try {
                        return method.invoke(unit, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    @Test
    void shouldGiveClientsAndTheListWhatTheLastInterposerGave() throws Exception {
        List<String> calls = new ArrayList<>();
        List<Unit> given = new ArrayList<>();
        Unit outer;
        try (AutoCloseable first = bench.core.interpose((unit, config) -> noting(unit, calls));
                AutoCloseable second = bench.core.interpose((unit, config) -> {
                    given.add(unit);
                    return noting(unit, calls);
                })) {
            assertNotSame(first, second);
            outer = bench.unit(1);
        }

        assertSame(outer, bench.core.units().get(0));
        calls.clear();
        assertEquals(1, outer.subVersion());
        assertEquals(List.of("subVersion", "subVersion"), calls);
        assertEquals(1, given.size());
        // Nobody looks on any more.
        calls.clear();
        bench.unit(1).close();
        assertEquals(List.of(), calls);
    }

    @Test
    void shouldOpenAUnitWhateverAnInterposerDoes() throws Exception {
        try (AutoCloseable failing = bench.core.interpose((unit, config) -> {
                    throw new IllegalStateException("on purpose");
                });
                AutoCloseable careless = bench.core.interpose((unit, config) -> null)) {
            assertNotSame(failing, careless);
            assertEquals(1, bench.unit(1).subVersion());
        }
    }

    @Test
    void shouldGiveVirtualIommusTheMemoryThatClientsHave() throws Exception {
        List<String> calls = new ArrayList<>();
        try (AutoCloseable interposing = bench.core.interpose((unit, config) -> noting(unit, calls))) {
            assertNotSame(interposing, bench);
            Unit unit = bench.unit(1);
            calls.clear();
            unit.openGuest(HardwareConfig.of(1), new RecordingRequests());
        }
        assertEquals(List.of("openGuest", "platform"), calls);
    }

    @Test
    void shouldCountTheChipsOfAUnit() {
        Unit unit = bench.unit(1);
        assertEquals(1, unit.chips());
        bench.arrived("1.1.0");
        assertEquals(2, unit.chips());
        bench.swap("9.9.9");
        assertEquals(2, unit.chips());
        bench.swap("1.0.0");
        assertEquals(3, unit.chips());
    }
}
