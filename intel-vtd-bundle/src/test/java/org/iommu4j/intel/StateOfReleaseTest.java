package org.iommu4j.intel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.testing.ReleasedState;
import org.junit.jupiter.api.Test;

/** States that release 1.0.0 wrote, of generation 0x0110: this version goes on from them and writes the same. */
class StateOfReleaseTest {
    private final VtdBackend backend = new VtdBackend();
    private final Machine machine = Machine.of(0x110);

    private static Snapshot state(Snapshot.Kind kind) {
        return ReleasedState.of(StateOfReleaseTest.class, "1.0.0", IommuModel.INTEL, kind);
    }

    @Test
    void shouldGoOnWithAChipOfRelease1() {
        Snapshot state = state(Snapshot.Kind.HARDWARE);
        var chip = backend.restoreHardware(state, machine.platform());
        assertArrayEquals(state.bytes(), chip.save().bytes());
        assertEquals(
                new HardwareConfig(
                        0x110,
                        Map.of("cap", Map.of("NFR", 1L), "ecap", Map.of("DT", 1L)),
                        Map.of("VER", 0x20L),
                        CacheConfig.WORST_CASE,
                        Map.of("fault-collapse", "off")),
                chip.config());
        List<byte[]> faults = new ArrayList<>();
        chip.takeEvents(faults::add);
        assertEquals(1, faults.size());
    }

    @Test
    void shouldGoOnWithADriverOfRelease1() {
        Snapshot state = state(Snapshot.Kind.TRANSLATOR);
        assertArrayEquals(
                state.bytes(), backend.restoreTranslator(state, machine).save().bytes());
    }

    @Test
    void shouldGoOnWithAVirtualIommuOfRelease1() {
        Snapshot state = state(Snapshot.Kind.GUEST);
        assertArrayEquals(
                state.bytes(),
                backend.restoreGuestDecoder(state, machine.memory()).save().bytes());
    }
}
