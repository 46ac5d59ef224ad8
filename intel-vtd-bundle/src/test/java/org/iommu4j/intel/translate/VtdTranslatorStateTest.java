package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.Machine.Words;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A translator that goes on where another stopped. */
class VtdTranslatorStateTest {
    private static final int NO_PASID = Uapi.FLAGS_NO_PASID;

    private static Machine machine(int subVersion) {
        Machine machine = Machine.of(subVersion);
        int levels = subVersion == 0x100 ? 3 : 4;
        machine.map(0x100_0000, levels, 0x5000, 0xaaaa_a000L, 0x100_1000);
        machine.map(0x200_0000, levels, 0x5000, 0xbbbb_b000L, 0x200_1000);
        machine.open(0);
        machine.open(400);
        machine.attach(0, 0x10);
        machine.attach(0, 0x7711, 0x200_0000, levels);
        machine.attach(400, 0x20);
        machine.attach(400, 0x21);
        machine.bind(0, 0x10, 0x100_0000, 0);
        machine.bind(400, 0x20, 0x100_0000, subVersion == 0x100 ? 0 : BindPgtable.DEVICE_TLB);
        machine.takeHex();
        return machine;
    }

    @ParameterizedTest
    @ValueSource(ints = {0x100, 0x110})
    void shouldGoOnAsIfNothingHadHappened(int subVersion) {
        Machine machine = machine(subVersion);
        machine.swap();
        assertEquals(java.util.List.of(), machine.takeHex(), "restoring writes nothing");
        assertEquals(0xaaaa_a000L, machine.read(0x10, 0x5000));
        assertEquals(0xbbbb_b000L, machine.read(0x7711, 0x5000));
        assertEquals(0xaaaa_a000L, machine.read(0x20, 0x5000));
        assertEquals(-1, machine.read(0x21, 0x5000));
        assertEquals(Errno.EBUSY, machine.attach(0, 0x20));
        assertEquals(Errno.OK, machine.invalidate(400, 0, NO_PASID, 0, 0));
        assertEquals(subVersion == 0x100 ? 1 : 2, machine.takeCommands().size());
        assertEquals(Errno.OK, machine.bind(400, 0x21, 0x200_0000, 0));
        assertEquals(0xbbbb_b000L, machine.read(0x21, 0x5000));
        assertEquals(Errno.OK, machine.close(0));
        assertEquals(-1, machine.read(0x10, 0x5000));
        machine.swap();
        assertEquals(0xaaaa_a000L, machine.read(0x20, 0x5000));
        assertEquals(Errno.OK, machine.close(400));
        assertEquals(-1, machine.read(0x20, 0x5000));
    }

    @Test
    void shouldFinishWhatItsPredecessorHadWritten() {
        Machine machine = machine(0x110);
        InvalidateRequest request =
                new InvalidateRequest().set(Uapi.SCOPE_VADDR, NO_PASID, 0, 0x5000, 0x1000, 0x110, new byte[0], 0, 0);
        Completion completion = new Completion();
        machine.read(0x10, 0x5000);
        machine.translator().invalidate(0, request, completion);
        long before = machine.chip().counters().commands();
        machine.swap();
        assertEquals(0, machine.translator().finish(completion));
        assertEquals(before >= 0 ? 3 : 0, machine.chip().counters().commands(), "two pages and the wait");
    }

    @Test
    void shouldSurviveManySwapsWithTheRingGoingRound() {
        Machine machine = machine(0x110);
        machine.takeHex();
        for (int i = 0; i < 700; i++) {
            if (i % 7 == 0) {
                machine.swap();
            }
            assertEquals(Errno.OK, machine.invalidate(0, Uapi.SCOPE_VADDR, NO_PASID, (long) i << 12, 0x1000));
            assertEquals(
                    new Words(0x100f2, (long) i << 12), machine.takeCommands().get(0));
        }
    }

    @Test
    void shouldRefuseDamagedStateWithATypedError() {
        Machine machine = machine(0x110);
        Snapshot state = machine.translator().save();
        Property.check(400, random -> {
            byte[] bytes = state.bytes();
            if (random.nextBoolean()) {
                bytes = java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length));
            } else {
                for (int i = random.nextInt(1, 4); i > 0; i--) {
                    bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
                }
            }
            Snapshot damaged = new Snapshot(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, 1, bytes);
            try {
                VtdTranslator.restore(damaged, machine);
            } catch (BackendException e) {
                assertEquals(true, e.errno() == Errno.EINVAL || e.errno() == Errno.EPROTONOSUPPORT, e::toString);
            }
        });
    }

    @Test
    void shouldRefuseStateOfAnotherVersionOrKind() {
        Machine machine = machine(0x110);
        Snapshot newer = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, 2)
                .section("translator")
                .build();
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(BackendException.class, () -> VtdTranslator.restore(newer, machine))
                        .errno());
        Snapshot hardware = machine.chip().save();
        assertThrows(BackendException.class, () -> VtdTranslator.restore(hardware, machine));
    }
}
