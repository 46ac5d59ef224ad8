package org.iommu4j.spapr;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.testing.ReleasedState;
import org.junit.jupiter.api.Test;

/** States that release 1.0.0 wrote, of generation 2: this version goes on from them and writes the same. */
class StateOfReleaseTest {
    private final SpaprBackend backend = new SpaprBackend();
    private final Machine machine = Machine.bare(HardwareConfig.of(2));

    private static Snapshot state(Snapshot.Kind kind) {
        return ReleasedState.of(StateOfReleaseTest.class, "1.0.0", IommuModel.SPAPR, kind);
    }

    @Test
    void shouldGoOnWithAPlatformOfRelease1() {
        Snapshot state = state(Snapshot.Kind.HARDWARE);
        var chip = backend.restoreHardware(state, machine.platform());
        assertArrayEquals(state.bytes(), chip.save().bytes());
        NativeCall query = new NativeCall().begin(0xf101).word(0, -1).word(1, 0);
        chip.call(query);
        assertEquals(0x1000_0000, query.word(5));
    }

    @Test
    void shouldGoOnWithADriverOfRelease1() {
        Snapshot state = state(Snapshot.Kind.TRANSLATOR);
        assertArrayEquals(
                state.bytes(), backend.restoreTranslator(state, machine).save().bytes());
    }

    @Test
    void shouldGoOnWithAVirtualHypervisorOfRelease1() {
        Snapshot state = state(Snapshot.Kind.GUEST);
        assertArrayEquals(
                state.bytes(),
                backend.restoreGuestDecoder(state, machine.platform()).save().bytes());
    }
}
