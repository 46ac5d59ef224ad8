package org.iommu4j.s390;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.testing.ReleasedState;
import org.junit.jupiter.api.Test;

/** States that release 1.0.0 wrote, of generation 2: this version goes on from them and writes the same. */
class StateOfReleaseTest {
    private final ZpciBackend backend = new ZpciBackend();
    private final Machine machine = Machine.of(2);

    private static Snapshot state(Snapshot.Kind kind) {
        return ReleasedState.of(StateOfReleaseTest.class, "1.0.0", IommuModel.S390, kind);
    }

    @Test
    void shouldGoOnWithFunctionsAndTheirShadowOfRelease1() {
        Snapshot state = state(Snapshot.Kind.HARDWARE);
        var chip = backend.restoreHardware(state, machine.platform());
        assertArrayEquals(state.bytes(), chip.save().bytes());
        assertEquals(
                new HardwareConfig(
                        2,
                        Map.of("clp", Map.of("dma_avail", 3L, "maxstbl", 64L)),
                        Map.of(),
                        CacheConfig.WORST_CASE,
                        Map.of("function-states", "5=standby")),
                chip.config());
        DmaAccess access = new DmaAccess().begin(0x8002_0001, 0x1_0000_2000L, DmaAccess.READ);
        chip.translate(access);
        assertEquals(0x1234_5000L, access.spa());
    }

    @Test
    void shouldGoOnWithADriverOfRelease1() {
        Snapshot state = state(Snapshot.Kind.TRANSLATOR);
        assertArrayEquals(
                state.bytes(), backend.restoreTranslator(state, machine).save().bytes());
    }

    @Test
    void shouldGoOnWithVirtualFunctionsOfRelease1() {
        Snapshot state = state(Snapshot.Kind.GUEST);
        assertArrayEquals(
                state.bytes(),
                backend.restoreGuestDecoder(state, machine.memory()).save().bytes());
    }
}
