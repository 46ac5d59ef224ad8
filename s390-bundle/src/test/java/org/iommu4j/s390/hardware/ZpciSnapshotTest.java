package org.iommu4j.s390.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.s390.Machine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The saved state: everything that software or a device can tell goes on, a damaged state is refused whole. */
class ZpciSnapshotTest {
    private static final int FUNCTION = 0x8002_0001;
    private static final long PAGE = 0x1_0000_2000L;

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldGoOnWithStatesHandlesRegistrationsAndEvents(int generation) {
        Machine machine = Machine.of(Machine.config(
                        generation,
                        Map.of("dma_avail", 3L, "sdma", 0x1_0000_0000L),
                        Map.of("function-states", "5=standby")))
                .withFreshTables();
        machine.setUp();
        machine.rpcit(FUNCTION, PAGE, 0x1000);
        machine.enable(machine.disable(machine.enable(0x0002_0002)));
        machine.read(0x8102_0002, PAGE);
        machine.swap();
        assertEquals(1, machine.takeEvents().size());
        assertEquals("12345000", machine.read(FUNCTION, PAGE));
        assertEquals(0, machine.stpcifc(FUNCTION));
        assertEquals("90", machine.fib().substring(16, 18));
        assertEquals(0, machine.stpcifc(0x8102_0002));
        assertEquals("e0", machine.fib().substring(16, 18));
        assertEquals(3, machine.stpcifc(0x0002_0005), "standby");
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(0, machine.mpcifc(0x8102_0002, 7));
    }

    @Test
    void shouldKeepTheBudgetThatTheShadowTakes() {
        Machine machine = Machine.of(2, Map.of("dma_avail", 1L)).withFreshTables();
        machine.setUp();
        machine.rpcit(FUNCTION, PAGE, 0x1000);
        machine.swap();
        machine.page(3, 0x2000_0000L);
        assertEquals(1, machine.rpcit(FUNCTION, 0x1_0000_3000L, 0x1000));
        assertEquals(16, machine.status());
        machine.page(2, 0x400);
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0x2000));
        assertEquals(List.of("1:100003000+1000>20000000"), machine.cached());
    }

    @Test
    void shouldRefuseDamagedStatesWhole() {
        Machine machine = Machine.of(2).withFreshTables();
        machine.setUp();
        machine.rpcit(FUNCTION, PAGE, 0x1000);
        Snapshot good = machine.chip().save();
        SplittableRandom random = new SplittableRandom(7);
        for (int i = 0; i < 300; i++) {
            byte[] bytes = good.bytes();
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
            Snapshot bad = new Snapshot(good.model(), good.kind(), good.version(), bytes);
            BackendException refusal = assertThrows(
                    BackendException.class, () -> machine.backend().restoreHardware(bad, machine.platform()));
            assertEquals(Errno.EINVAL, refusal.errno());
        }
        Snapshot newer = new Snapshot(good.model(), good.kind(), 99, good.bytes());
        assertThrows(BackendException.class, () -> machine.backend().restoreHardware(newer, machine.platform()));
    }
}
