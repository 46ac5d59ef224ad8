package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.BOTH;
import static org.iommu4j.intel.hardware.VtdUnit.DEVICE;
import static org.iommu4j.intel.hardware.VtdUnit.DOMAIN;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

class VtdSnapshotTest {
    @Test
    void shouldGoOnInTheMiddleOfAQueueWithPendingFaults() {
        VtdUnit unit = recipe().cache(CacheConfig.WORST_CASE)
                .cap("NFR", 1)
                .ecap("DT", 1)
                .option("fault-collapse", "off")
                .register("VER", 0x20)
                .make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, BOTH);
        unit.translating().queueing(1);
        unit.dma(DEVICE, 0x1000, READ);
        unit.dma(DEVICE + 1, 0x7000, READ);
        unit.chip.stepping(true);
        unit.put(0x11, 0);
        unit.put(0x0000000200000025L, 0x1000040);
        unit.ring();
        assertEquals(1, unit.chip.step(1));

        Snapshot state = unit.chip.save();
        assertEquals(IommuModel.INTEL, state.model());
        assertEquals(Snapshot.Kind.HARDWARE, state.kind());
        assertEquals(SimulatedVtd.STATE_VERSION, state.version());
        List<Long> before = registers(unit);
        SimulatedVtd old = unit.chip;
        unit.chip = SimulatedVtd.restore(state, unit.platform);
        assertEquals(before, registers(unit));
        assertEquals(old.config(), unit.chip.config());
        assertArrayEquals(state.bytes(), unit.chip.save().bytes());
        assertEquals(0, unit.cached("iotlb"));

        unit.assertTranslates(DEVICE, 0x1000, READ, 0x5000);
        assertEquals(0, unit.memory.readIntLe(0x1000040));
        unit.chip.stepping(false);
        assertEquals(2, unit.memory.readIntLe(0x1000040));
        unit.dma(DEVICE + 1, 0x7000, READ);
        assertEquals(true, unit.access.recorded());
        unit.dma(DEVICE + 1, 0x7000, READ);
        assertEquals(3, unit.read(VtdUnit.FSTS), "the records of before count");
        int[] events = new int[1];
        unit.chip.takeEvents(bytes -> events[0]++);
        assertEquals(2, events[0]);
    }

    @Test
    void shouldKnowTheModeOfItsTables() {
        VtdUnit unit = recipe().make().queueing(0);
        unit.write8(VtdUnit.RTADDR, 0x400);
        unit.write(VtdUnit.GCMD, VtdUnit.QIE | VtdUnit.SRTP);
        unit.chip = SimulatedVtd.restore(unit.chip.save(), unit.platform);
        unit.put(0x45, 0);
        unit.ring();
        assertEquals(7, unit.iqei());
    }

    @Test
    void shouldGoOnWithAnErrorOfTheQueue() {
        VtdUnit unit = recipe().make().queueing(0);
        unit.put(0xb, 0);
        unit.put(0x0000000200000025L, 0x1000040);
        unit.ring();
        unit.chip = SimulatedVtd.restore(unit.chip.save(), unit.platform);
        assertEquals(3, unit.iqei());
        unit.memory.writeLongLe(unit.queue, 0x45);
        unit.write(VtdUnit.FSTS, 0x10);
        assertEquals(2, unit.memory.readIntLe(0x1000040));
    }

    @Test
    void shouldGoOnWithTheLatchedRootTableAndNotTheWrittenOne() {
        VtdUnit unit = recipe().generation(VtdGeneration.LEGACY_REG).host(39).make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, BOTH);
        unit.translating();
        unit.write8(VtdUnit.RTADDR, unit.tables.newTable());
        unit.chip = SimulatedVtd.restore(unit.chip.save(), unit.platform);
        unit.assertTranslates(DEVICE, 0x1000, READ, 0x5000);
    }

    @Test
    void shouldRefuseOtherVersionsKindsAndModels() {
        VtdUnit unit = recipe().make();
        Snapshot state = unit.chip.save();
        assertRefused(
                Errno.EPROTONOSUPPORT, unit, new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 2).build());
        assertRefused(Errno.EINVAL, unit, new Snapshot(IommuModel.AMD, state.kind(), 1, state.bytes()));
        assertRefused(Errno.EINVAL, unit, new Snapshot(state.model(), Snapshot.Kind.GUEST, 1, state.bytes()));
    }

    @Test
    void shouldRefuseDamagedStates() {
        VtdUnit unit = recipe().make().translating().queueing(0);
        byte[] bytes = unit.chip.save().bytes();
        Property.check(300, random -> {
            byte[] damaged = bytes.clone();
            if (random.nextBoolean()) {
                damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
            } else {
                damaged = Arrays.copyOf(bytes, random.nextInt(bytes.length));
            }
            Snapshot state = new Snapshot(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1, damaged);
            assertThrows(BackendException.class, () -> SimulatedVtd.restore(state, unit.platform));
        });
    }

    private static void assertRefused(Errno errno, VtdUnit unit, Snapshot state) {
        BackendException refusal =
                assertThrows(BackendException.class, () -> SimulatedVtd.restore(state, unit.platform));
        assertEquals(errno, refusal.errno());
    }

    private static List<Long> registers(VtdUnit unit) {
        List<Long> values = new ArrayList<>();
        for (int offset = 0; offset < 0x300; offset += 8) {
            values.add(unit.read8(offset));
        }
        return values;
    }
}
