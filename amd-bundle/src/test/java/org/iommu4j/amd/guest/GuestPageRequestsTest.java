package org.iommu4j.amd.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.iommu4j.amd.Machine;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.CompletePprRequest;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.PageServiceRequest;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.layout.Register;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Page requests of a guest's device in the PPR log of its virtual unit, and the guest's answers. */
class GuestPageRequestsTest {
    private static final int DEVICE = 0x310;
    private static final int DOMAIN = 5;
    private static final long TABLE = 0x100_0000L;
    private static final long ROOT = 0x200_0000L;
    private static final long LOG = 0x300_0000L;
    private static final int ROOM = 255;
    private static final long SWITCHES = Control.IOMMU_EN.mask()
            | Control.CMD_BUF_EN.mask()
            | Control.GT_EN.mask()
            | Control.EPH_EN.mask()
            | Control.PPR_AUTO_RSP_EN.mask();
    private static final long PAGE_REQUESTS = Control.PPR_EN.mask() | Control.PPR_LOG_EN.mask();
    private static final long ENTRY = DeviceTableEntry.V.mask()
            | DeviceTableEntry.TV.mask()
            | DeviceTableEntry.IR.mask()
            | DeviceTableEntry.IW.mask()
            | DeviceTableEntry.MODE.of(4)
            | ROOT;

    private final List<String> answers = new ArrayList<>();
    private final DevicePort devices = new DevicePort() {
        @Override
        public boolean invalidate(int requester, int pasid, long iova, long lengthBytes) {
            return true;
        }

        @Override
        public void respond(int requester, int pasid, int group, PageResponse response) {
            answers.add(String.format("%x %x %x %s", requester, pasid, group, response));
        }
    };

    private final Machine host = Machine.of(
            new HardwareConfig(
                    AmdViGeneration.V3,
                    Map.of("efr", Map.of("PPRAutoRspSup", 1L)),
                    Map.of(),
                    CacheConfig.WORST_CASE,
                    Map.of()),
            devices);
    private final GuestHost containers = new GuestHost(host);
    private AmdViGuestDecoder guest = new AmdViGuestDecoder(host.chip().config(), host.memory());

    @BeforeEach
    void shouldBringTheGuestUp() {
        write(DevTabBase.REGISTER, TABLE | 0x1ff);
        write(Rings.COMMAND_BUFFER.base(), 0x400_0000L | Rings.LENGTH.of(8));
        write(Rings.PPR_LOG.base(), LOG | Rings.LENGTH.of(8));
        write(Control.REGISTER, SWITCHES | PAGE_REQUESTS);
        entry(ENTRY | DeviceTableEntry.PPR.mask());
        assertEquals(List.of("move 0x310 -1", "move 0x310 5", "bind 5 OK EXACT", "handled"), containers.take());
    }

    private void write(Register register, long value) {
        guest.writeRegister(register.offset(), register.widthBytes(), value, containers);
    }

    private void command(long word0, long word1) {
        guest.command(CompletionWait.LAYOUT.encode(word0, word1), containers);
    }

    private void entry(long word0) {
        host.memory().writeLongLe(TABLE + DEVICE * 32L, word0);
        host.memory().writeLongLe(TABLE + DEVICE * 32L + 8, DOMAIN | DeviceTableEntry.I.mask());
        command(InvalidateDevtabEntry.word0(DEVICE), 0);
    }

    private static PageRequest request(int group) {
        return new PageRequest(DEVICE, DmaAccess.NO_PASID, 0x20_1000L, true, true, false, false, true, group);
    }

    /** A device asks, and the guest's unit is told, as the core does it. */
    private void ask(int group) {
        assertEquals(Outcome.QUEUED, host.chip().request(request(group)));
        guest.pageRequests(DEVICE, containers);
    }

    private PageRequest inLog(int slot) {
        long at = LOG + slot * 16L;
        return PageServiceRequest.decode(
                host.memory().readLongLe(at), host.memory().readLongLe(at + 8));
    }

    private void respond(int group, PageResponse response) {
        command(CompletePprRequest.word0(request(group)), CompletePprRequest.word1(request(group), response));
    }

    private List<String> answers() {
        List<String> told = List.copyOf(answers);
        answers.clear();
        return told;
    }

    @Test
    void shouldLogWhatADeviceAsksAndPassTheGuestsAnswerOn() {
        ask(7);
        assertEquals(request(7), inLog(0));
        guest = AmdViGuestDecoder.restore(guest.save(), host.memory());
        host.swap();
        ask(8);
        assertEquals(request(8), inLog(1));
        assertEquals(
                2 * 16,
                guest.readRegister(
                        Rings.PPR_LOG.tail().offset(), Rings.PPR_LOG.tail().widthBytes()));
        respond(7, PageResponse.SUCCESS);
        respond(8, PageResponse.FAILURE);
        assertEquals(List.of("310 ffffffff 7 SUCCESS", "310 ffffffff 8 FAILURE"), answers());
        containers.take();
        respond(7, PageResponse.SUCCESS);
        assertEquals(List.of("respond 5 ENOENT", "handled"), containers.take());
        assertEquals(List.of(), answers());
    }

    @Test
    void shouldAnswerItselfWhatTheGuestsLogHasNoRoomFor() {
        for (int group = 0; group < ROOM; group++) {
            ask(group);
        }
        ask(ROOM);
        assertEquals(List.of("310 ffffffff ff SUCCESS"), answers());
        assertEquals(0, Status.PPR_OVERFLOW.get(guest.readRegister(Status.REGISTER.offset(), 8)));
    }

    @Test
    void shouldLetADeviceAskOnlyIfTheGuestsEntrySaysSo() {
        ask(7);
        entry(ENTRY);
        assertEquals(List.of("310 ffffffff 7 INVALID"), answers());
        assertEquals(Outcome.INVALID, host.chip().request(request(8)));
        assertEquals(List.of("310 ffffffff 8 INVALID"), answers());
    }

    @Test
    void shouldLetNoDeviceAskWhileTheGuestTakesNothing() {
        ask(7);
        write(Control.REGISTER, SWITCHES);
        assertEquals(List.of("310 ffffffff 7 INVALID"), answers());
        assertEquals(Outcome.INVALID, host.chip().request(request(8)));
        write(Control.REGISTER, SWITCHES | PAGE_REQUESTS);
        answers();
        ask(9);
        assertTrue(answers().isEmpty());
        assertEquals(request(9), inLog(1));
    }
}
