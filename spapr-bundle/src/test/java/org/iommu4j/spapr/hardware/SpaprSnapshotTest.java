package org.iommu4j.spapr.hardware;

import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.spapr.Machine;
import org.junit.jupiter.api.Test;

class SpaprSnapshotTest {
    private final Machine machine = Machine.bare(2);

    @Test
    void shouldGoOnWithWindowsStopsAndRecords() {
        machine.hcall(0x20, 0x8000_0000L, 0x1000, 0x20_0003);
        machine.hcall(0xf102, 0x0200, 7);
        machine.dma(0x0200, 0, DmaAccess.READ);
        byte[] before = machine.chip().save().bytes();
        machine.swap();
        assertArrayEquals(before, machine.chip().save().bytes());
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000));
        assertEquals(
                DmaAccess.Outcome.BLOCKED,
                machine.dma(0x0200, 0, DmaAccess.READ).outcome());
        assertEquals(List.of("02002000020000000000000000000000"), machine.takeEvents());
    }

    @Test
    void shouldRefuseADamagedState() {
        byte[] bytes = machine.chip().save().bytes();
        for (int i = 0; i < bytes.length; i++) {
            byte[] damaged = bytes.clone();
            damaged[i] ^= 0x40;
            Snapshot state = new Snapshot(IommuModel.SPAPR, Snapshot.Kind.HARDWARE, 1, damaged);
            BackendException refused = assertThrows(
                    BackendException.class, () -> machine.backend().restoreHardware(state, machine.platform()));
            assertEquals(Errno.EINVAL, refused.errno());
        }
    }

    @Test
    void shouldRefuseANewerState() {
        Snapshot state = new Snapshot(IommuModel.SPAPR, Snapshot.Kind.HARDWARE, 99, new byte[0]);
        assertThrows(BackendException.class, () -> machine.backend().restoreHardware(state, machine.platform()));
    }
}
