package org.iommu4j.arm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.testing.GuestHost;
import org.iommu4j.testing.ReleasedState;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * States that releases wrote: 1.0.0 of generation 0x0300 with a table of context descriptors and a page table, 1.1.0 of 0x0303 with
 * two PASIDs that the host has bound, too; an event waits in its queue in both. This version goes on from them and writes the same.
 */
class StateOfReleaseTest {
    private final SmmuBackend backend = new SmmuBackend();

    private static Snapshot state(String release, Snapshot.Kind kind) {
        return ReleasedState.of(StateOfReleaseTest.class, release, IommuModel.ARM_SMMU, kind);
    }

    private static HardwareConfig config(String release) {
        boolean first = release.equals("1.0.0-contexts");
        return new HardwareConfig(
                first ? SmmuGeneration.V3_0 : SmmuGeneration.V3_3,
                Map.of("idr", first ? Map.of("GRAN16K", 1L) : Map.of("STALL_MODEL", 0L, "PRIQS", 4L)),
                Map.of(),
                CacheConfig.WORST_CASE,
                Map.of("reserved-bits", "ignore"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"1.0.0-contexts", "1.1.0-pasids"})
    void shouldGoOnWithADriver(String release) {
        Snapshot state = state(release, Snapshot.Kind.TRANSLATOR);
        Machine machine = Machine.of(config(release));
        assertArrayEquals(
                state.bytes(), backend.restoreTranslator(state, machine).save().bytes());
    }

    @ParameterizedTest
    @ValueSource(strings = {"1.0.0-contexts", "1.1.0-pasids"})
    void shouldGoOnWithAChip(String release) {
        Snapshot state = state(release, Snapshot.Kind.HARDWARE);
        Hardware chip =
                backend.restoreHardware(state, Machine.of(config(release)).platform());
        assertArrayEquals(state.bytes(), chip.save().bytes());
        assertEquals(config(release), chip.config());
        List<byte[]> events = new ArrayList<>();
        chip.takeEvents(events::add);
        assertEquals(1, events.size());
    }

    @ParameterizedTest
    @CsvSource({"1.0.0-contexts, 3", "1.0.0-contexts, 4", "1.1.0-pasids, 3", "1.1.0-pasids, 4"})
    void shouldGoOnWithAVirtualSmmuWhoseStreamsAreBound(String release, int stream) {
        Snapshot state = state(release, Snapshot.Kind.GUEST);
        Machine machine = Machine.of(config(release));
        GuestDecoder guest = backend.restoreGuestDecoder(state, machine.memory());
        assertArrayEquals(state.bytes(), guest.save().bytes());
        GuestHost host = new GuestHost(machine);
        guest.deviceAccess(stream, host);
        assertEquals(List.of(), host.take());
    }
}
