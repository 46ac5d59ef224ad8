package org.iommu4j.amd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.testing.ReleasedState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * States that release 1.1.0 wrote, of generation 0x0300 with a PASID that the host has bound, and of 0x0320 with domains and a GCR3
 * table of the guest: this version goes on from them and writes the same.
 */
class StateOfReleaseTest {
    private static final String RELEASE = "1.1.0";

    private final AmdViBackend backend = new AmdViBackend();

    private static Snapshot state(String release, Snapshot.Kind kind) {
        return ReleasedState.of(StateOfReleaseTest.class, release, IommuModel.AMD, kind);
    }

    @ParameterizedTest
    @CsvSource({"1.1.0, 0x300", "1.1.0-nested, 0x320"})
    void shouldGoOnWithADriver(String release, int generation) {
        Machine machine = Machine.of(generation);
        Snapshot state = state(release, Snapshot.Kind.TRANSLATOR);
        assertArrayEquals(
                state.bytes(), backend.restoreTranslator(state, machine).save().bytes());
    }

    @ParameterizedTest
    @CsvSource({"1.1.0, 0x300", "1.1.0-nested, 0x320"})
    void shouldGoOnWithAVirtualIommu(String release, int generation) {
        Machine machine = Machine.of(generation);
        Snapshot state = state(release, Snapshot.Kind.GUEST);
        assertArrayEquals(
                state.bytes(),
                backend.restoreGuestDecoder(state, machine.memory()).save().bytes());
    }

    @Test
    void shouldGoOnWithAChip() {
        Machine machine = Machine.of(AmdViGeneration.V3);
        Snapshot state = state(RELEASE, Snapshot.Kind.HARDWARE);
        var chip = backend.restoreHardware(state, machine.platform());
        assertArrayEquals(state.bytes(), chip.save().bytes());
        assertEquals(
                new HardwareConfig(
                        AmdViGeneration.V3,
                        Map.of("efr", Map.of("HESup", 1L)),
                        Map.of(),
                        CacheConfig.WORST_CASE,
                        Map.of("halt", "go-on")),
                chip.config());
        List<byte[]> events = new ArrayList<>();
        chip.takeEvents(events::add);
        assertEquals(1, events.size());
    }
}
