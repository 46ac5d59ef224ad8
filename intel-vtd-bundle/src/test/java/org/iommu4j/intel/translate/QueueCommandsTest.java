package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.QueueHead;
import org.iommu4j.intel.command.VtdRegisters.QueueTail;
import org.junit.jupiter.api.Test;

/** The driver at errors of the queue, VT-d 6.5.2.11 and 7.3: nothing is acknowledged, and the queue goes on. */
class QueueCommandsTest {
    private static final int DEVICE = 0x310;
    private static final int NO_PASID = Uapi.FLAGS_NO_PASID;

    private static void assertClean(Machine machine) {
        assertEquals(0, machine.readRegister(FaultStatus.REGISTER.offset(), 4) & 0x70);
        assertEquals(
                machine.readRegister(QueueTail.REGISTER.offset(), 8),
                machine.readRegister(QueueHead.REGISTER.offset(), 8));
    }

    @Test
    void shouldReportAnErrorAndGoOnWhenADeviceDoesNotAnswer() {
        AtomicInteger silent = new AtomicInteger();
        Machine machine = Machine.of(
                HardwareConfig.of(0x110),
                (requester, pasid, iova, length) -> silent.get() == 0 || silent.getAndDecrement() == 0);
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.bind(0, DEVICE, 0x10_0000, BindPgtable.DEVICE_TLB);
        silent.set(1);
        assertEquals(Errno.EIO, machine.invalidate(0, Uapi.SCOPE_VADDR, NO_PASID, 0x1000, 0x1000));
        assertEquals(Rule.V38, machine.last().rule());
        assertEquals(0, machine.last().handled());
        assertClean(machine);
        assertEquals(Errno.OK, machine.invalidate(0, Uapi.SCOPE_VADDR, NO_PASID, 0x1000, 0x1000));
    }

    @Test
    void shouldBlockTheDeviceWhenItsOldTranslationsCannotBeDropped() {
        AtomicInteger silent = new AtomicInteger();
        Machine machine = Machine.of(
                HardwareConfig.of(0x110),
                (requester, pasid, iova, length) -> silent.get() == 0 || silent.getAndDecrement() == 0);
        machine.map(0x10_0000, 4, 0x1000, 0xaaaa_a000L, 0x10_1000);
        machine.map(0x20_0000, 4, 0x1000, 0xbbbb_b000L, 0x20_1000);
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.bind(0, DEVICE, 0x10_0000, BindPgtable.DEVICE_TLB);
        silent.set(1);
        assertEquals(Errno.EIO, machine.bind(0, DEVICE, 0x20_0000, 0));
        assertEquals(-1, machine.read(DEVICE, 0x1000));
        assertEquals(Errno.OK, machine.bind(0, DEVICE, 0x20_0000, 0));
        assertEquals(0xbbbb_b000L, machine.read(DEVICE, 0x1000));
    }

    @Test
    void shouldReplaceAWrongDescriptorAndReportIt() {
        Machine machine = Machine.of(0x110);
        machine.open(0);
        machine.attach(0, DEVICE, 0x10_0000, 4);
        // Somebody writes over the next descriptor while it waits for the doorbell.
        long ring = machine.readRegister(0x90, 8) & ~0xfffL;
        machine.chip().stepping(true);
        long slot = ring + machine.readRegister(QueueTail.REGISTER.offset(), 8);
        machine.translator().tap(bytes -> {
            if ((bytes[0] & 0xf) == 5) {
                machine.memory().writeLongLe(slot, 0xb);
                machine.chip().stepping(false);
            }
        });
        assertEquals(Errno.EIO, machine.invalidate(0, 0, NO_PASID, 0, 0));
        assertClean(machine);
        machine.translator().tap(null);
        assertEquals(Errno.OK, machine.invalidate(0, 0, NO_PASID, 0, 0));
        assertTrue(machine.chip().counters().commands() > 0);
    }

    @Test
    void shouldReportTheErrorOfAFullRingWithTheNextFinish() {
        AtomicInteger silent = new AtomicInteger();
        Machine machine = Machine.of(
                HardwareConfig.of(0x110),
                (requester, pasid, iova, length) -> silent.get() == 0 || silent.getAndDecrement() == 0);
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.bind(0, DEVICE, 0x10_0000, BindPgtable.DEVICE_TLB);
        silent.set(1);
        // More pages than fit: the ring is emptied on the way, and that is where the device is silent.
        InvalidateRequest request = new InvalidateRequest();
        Completion completion = new Completion();
        for (int i = 0; i < 300; i++) {
            request.set(Uapi.SCOPE_VADDR, NO_PASID, 0, (long) i << 12, 0x1000, 0x110, new byte[0], 0, 0);
            assertEquals(0, machine.translator().invalidate(0, request, completion));
        }
        assertEquals(Errno.EIO.code(), machine.translator().finish(completion));
        assertClean(machine);
        assertEquals(0, machine.translator().finish(completion), "the error is reported once");
    }

    @Test
    void shouldRepeatWhatFailedBeforeItCountsAsDone() {
        AtomicInteger silent = new AtomicInteger();
        Machine machine = Machine.of(
                HardwareConfig.of(0x110),
                (requester, pasid, iova, length) -> silent.get() == 0 || silent.getAndDecrement() == 0);
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.bind(0, DEVICE, 0x10_0000, BindPgtable.DEVICE_TLB);
        int unbind = Uapi.BIND_FLAG_UNBIND | BindPgtable.DEVICE_TLB;
        silent.set(3);
        assertEquals(Errno.EIO, machine.bind(0, DEVICE, 0x10_0000, unbind));
        assertEquals(Errno.EIO, machine.bind(0, DEVICE, 0x10_0000, unbind));
        machine.swap();
        assertEquals(Errno.EIO, machine.detach(0, DEVICE));
        assertEquals(Errno.OK, machine.detach(0, DEVICE));
        assertEquals(Errno.ENODEV, machine.detach(0, DEVICE));
    }

    @Test
    void shouldKeepADomainIdBackUntilTheCachesHaveBeenEmptied() {
        AtomicInteger silent = new AtomicInteger();
        Machine machine = Machine.of(
                HardwareConfig.of(0x110),
                (requester, pasid, iova, length) -> silent.get() == 0 || silent.getAndDecrement() == 0);
        machine.open(0);
        machine.open(1);
        machine.attach(0, DEVICE);
        machine.bind(0, DEVICE, 0x10_0000, BindPgtable.DEVICE_TLB);
        silent.set(1);
        assertEquals(Errno.EIO, machine.close(0));
        machine.takeHex();
        machine.attach(1, 0x20);
        assertEquals(Errno.OK, machine.bind(1, 0x20, 0x20_0000, 0));
        List<Machine.Words> commands = machine.takeCommands();
        assertEquals(new Machine.Words(0x11, 0), commands.get(0));
        assertEquals(new Machine.Words(0xd2, 0), commands.get(1));
        machine.invalidate(1, 0, NO_PASID, 0, 0);
        assertEquals(new Machine.Words(0x200e2, 0), machine.takeCommands().get(0), "not 1 again");
        machine.attach(1, 0x21);
        machine.bind(1, 0x21, 0x30_0000, 0);
        machine.takeHex();
        machine.invalidate(1, 0, NO_PASID, 0, 0);
        assertEquals(new Machine.Words(0x100e2, 0), machine.takeCommands().get(1), "emptied, so 1 is free");
    }
}
