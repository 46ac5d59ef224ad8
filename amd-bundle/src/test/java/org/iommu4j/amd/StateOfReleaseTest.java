package org.iommu4j.amd;

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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * States that the jars of the releases wrote: 1.0.0 of generation 0x0100, 1.1.0 of 0x0300 with a PASID that the host has bound, and
 * of 0x0320 with domains and a GCR3 table of the guest. This version goes on from them and writes the same.
 */
class StateOfReleaseTest {
    private final AmdViBackend backend = new AmdViBackend();

    private static Snapshot state(String release, Snapshot.Kind kind) {
        return ReleasedState.of(StateOfReleaseTest.class, release, IommuModel.AMD, kind);
    }

    @ParameterizedTest
    @CsvSource({"1.0.0, 0x100", "1.1.0, 0x300", "1.1.0-nested, 0x320"})
    void shouldGoOnWithADriver(String release, int generation) {
        Machine machine = Machine.of(generation);
        Snapshot state = state(release, Snapshot.Kind.TRANSLATOR);
        assertArrayEquals(
                state.bytes(), backend.restoreTranslator(state, machine).save().bytes());
    }

    @ParameterizedTest
    @CsvSource({"1.0.0, 0x100", "1.1.0, 0x300", "1.1.0-nested, 0x320"})
    void shouldGoOnWithAVirtualIommu(String release, int generation) {
        Machine machine = Machine.of(generation);
        Snapshot state = state(release, Snapshot.Kind.GUEST);
        assertArrayEquals(
                state.bytes(),
                backend.restoreGuestDecoder(state, machine.memory()).save().bytes());
    }

    @ParameterizedTest
    @CsvSource({"1.0.0, 0x100, cap, NpCache", "1.1.0, 0x300, efr, HESup", "1.1.0-nested, 0x320, efr, HESup"})
    void shouldGoOnWithAChip(String release, int generation, String group, String capability) {
        Machine machine = Machine.of(generation);
        Snapshot state = state(release, Snapshot.Kind.HARDWARE);
        var chip = backend.restoreHardware(state, machine.platform());
        assertArrayEquals(state.bytes(), chip.save().bytes());
        assertEquals(
                new HardwareConfig(
                        generation,
                        Map.of(group, Map.of(capability, 1L)),
                        Map.of(),
                        CacheConfig.WORST_CASE,
                        Map.of("halt", "go-on")),
                chip.config());
        List<byte[]> events = new ArrayList<>();
        chip.takeEvents(events::add);
        assertEquals(1, events.size());
    }
}
