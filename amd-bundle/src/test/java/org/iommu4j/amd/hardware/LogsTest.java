package org.iommu4j.amd.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.HardwareEvent;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.PageRequest;
import org.junit.jupiter.api.Test;

/** Event log and PPR log: overflow, restart, interrupts, suppression, 48882 2.5 and 2.6. */
final class LogsTest {
    private static final long BLOCKED = DeviceTableEntry.V.mask() | DeviceTableEntry.TV.mask();

    private static void fault(AmdViUnit unit) {
        unit.dma(AmdViUnit.DEVICE, 0x1000, AmdViUnit.READ);
    }

    private static AmdViUnit unit() {
        AmdViUnit unit = AmdViUnit.recipe().make().messages().translating();
        unit.device(AmdViUnit.DEVICE, BLOCKED, 0, 0, 0);
        return unit;
    }

    @Test
    void shouldDropWhatDoesNotFitAndStopUntilSoftwareRestarts() {
        // V186, V187
        AmdViUnit unit = unit();
        for (int i = 0; i < 255; i++) {
            fault(unit);
        }
        assertEquals(0xff0, unit.read(Rings.EVENT_LOG.tail()));
        assertFalse(unit.status(Status.EVENT_OVERFLOW));
        fault(unit);
        assertTrue(unit.status(Status.EVENT_OVERFLOW));
        assertFalse(unit.status(Status.EVENT_LOG_RUN));
        assertEquals(0xff0, unit.read(Rings.EVENT_LOG.tail()));

        unit.off(Control.EVENT_LOG_EN);
        unit.write(Status.REGISTER, Status.EVENT_OVERFLOW.mask() | Status.EVENT_LOG_INT.mask());
        unit.write(Rings.EVENT_LOG.head(), 0xff0);
        unit.on(Control.EVENT_LOG_EN);
        fault(unit);
        assertEquals(0, unit.read(Rings.EVENT_LOG.tail()));
        assertTrue(unit.status(Status.EVENT_LOG_INT));
        assertEquals(List.of("00000310 20500000 00001000 00000000"), unit.events());
    }

    @Test
    void shouldDropWhereTheNextTailIsTheHead() {
        // V42
        AmdViUnit unit = unit();
        unit.off(Control.EVENT_LOG_EN);
        unit.set(Rings.EVENT_LOG, 0x10, 0);
        unit.on(Control.EVENT_LOG_EN);
        fault(unit);
        assertTrue(unit.status(Status.EVENT_OVERFLOW));
        assertEquals(0, unit.read(Rings.EVENT_LOG.tail()));
    }

    @Test
    void shouldSetTheInterruptBitAlwaysAndSendTheMessageIfEnabled() {
        // V189
        AmdViUnit unit = unit();
        fault(unit);
        assertTrue(unit.status(Status.EVENT_LOG_INT));
        assertEquals(0, unit.interrupts.size());
        unit.on(Control.EVENT_INT_EN);
        fault(unit);
        assertEquals(1, unit.interrupts.size());
    }

    @Test
    void shouldLogOnlyTheFirstFaultOfACachedEntryThatSaysSo() {
        AmdViUnit unit = unit();
        unit.device(AmdViUnit.DEVICE, BLOCKED, DeviceTableEntry.SE.mask(), 0, 0);
        fault(unit);
        fault(unit);
        assertEquals(1, unit.events().size());
        unit.commanding();
        unit.submit(InvalidateDevtabEntry.word0(AmdViUnit.DEVICE), 0);
        fault(unit);
        assertEquals(1, unit.events().size());
    }

    @Test
    void shouldKeepHardwareErrorsInRegistersToo() {
        AmdViUnit unit = AmdViUnit.recipe()
                .field("efr", "HESup", 1)
                .ram(0x10_0000L)
                .cache(CacheConfig.NONE)
                .make()
                .translating();
        fault(unit);
        assertEquals(0x32000000_00000310L, unit.read(HardwareEvent.LOW_REGISTER));
        assertEquals(0x106200L, unit.read(HardwareEvent.HIGH_REGISTER));
        assertTrue(HardwareEvent.HEV.isSet(unit.read(HardwareEvent.STATUS_REGISTER)));
        fault(unit);
        assertTrue(HardwareEvent.HEO.isSet(unit.read(HardwareEvent.STATUS_REGISTER)));
        unit.write(HardwareEvent.STATUS_REGISTER, 3);
        assertEquals(0, unit.read(HardwareEvent.STATUS_REGISTER));
    }

    private static PageRequest request(int pasid, boolean last) {
        return new PageRequest(AmdViUnit.DEVICE, pasid, 0x7f0000001000L, true, true, false, false, last, 7);
    }

    private static AmdViUnit takingPageRequests(AmdViUnit unit) {
        unit.write(Rings.PPR_LOG.base(), AmdViUnit.PPR_LOG | AmdViUnit.LEAST_LENGTH);
        unit.device(AmdViUnit.DEVICE, DeviceTableEntry.V.mask() | DeviceTableEntry.GV.mask(), 0, 0, 0);
        return unit.on(Control.PPR_LOG_EN, Control.PPR_EN, Control.PPR_INT_EN);
    }

    @Test
    void shouldLogPageRequestsBitForBit() {
        AmdViUnit unit = takingPageRequests(unit());
        assertEquals(PageRequest.Outcome.QUEUED, unit.chip.request(request(0x345, true)));
        assertEquals(0x1164020703450310L, unit.memory.readLongLe(AmdViUnit.PPR_LOG));
        assertEquals(0x7f0000001000L, unit.memory.readLongLe(AmdViUnit.PPR_LOG + 8));
        assertTrue(unit.status(Status.PPR_INT));
        assertEquals(1, unit.interrupts.size());
    }

    @Test
    void shouldLosePageRequestsWhileTheLogIsFull() {
        // V194
        AmdViUnit unit = takingPageRequests(unit());
        for (int i = 0; i < 255; i++) {
            assertEquals(PageRequest.Outcome.QUEUED, unit.chip.request(request(0x345, true)));
        }
        assertEquals(PageRequest.Outcome.DROPPED, unit.chip.request(request(0x345, true)));
        assertTrue(unit.status(Status.PPR_OVERFLOW));
        assertFalse(unit.status(Status.PPR_LOG_RUN));
    }

    @Test
    void shouldAnswerTheLastRequestOfAGroupItselfWhileTheLogIsFull() {
        // V195
        AmdViUnit unit =
                AmdViUnit.recipe().field("efr", "PPRAutoRspSup", 1).make().translating();
        takingPageRequests(unit).on(Control.PPR_AUTO_RSP_EN);
        for (int i = 0; i < 255; i++) {
            unit.chip.request(request(0x345, true));
        }
        assertEquals(PageRequest.Outcome.ANSWERED, unit.chip.request(request(0x345, true)));
        assertEquals(PageRequest.Outcome.DROPPED, unit.chip.request(request(0x345, false)));
        assertFalse(unit.status(Status.PPR_OVERFLOW));
    }

    @Test
    void shouldRefusePageRequestsThatADeviceMustNotMake() {
        AmdViUnit unit = takingPageRequests(unit());
        unit.device(AmdViUnit.DEVICE, DeviceTableEntry.V.mask(), 0, 0, 0);
        assertEquals(PageRequest.Outcome.INVALID, unit.chip.request(request(0x345, true)));
        assertEquals(List.of("03450310 91640207 00001000 00007f00"), unit.events());
        assertEquals(PageRequest.Outcome.QUEUED, unit.chip.request(request(-1, true)));
        unit.off(Control.PPR_EN);
        assertEquals(PageRequest.Outcome.INVALID, unit.chip.request(request(-1, true)));
    }

    @Test
    void shouldDropPageRequestsOfADeviceIdThatThereIsNot() {
        AmdViUnit unit = takingPageRequests(unit());
        PageRequest request = new PageRequest(0x1_0310, -1, 0x1000, true, false, false, false, true, 7);
        assertEquals(PageRequest.Outcome.DROPPED, unit.chip.request(request));
        assertEquals(List.of(), unit.events());
    }
}
