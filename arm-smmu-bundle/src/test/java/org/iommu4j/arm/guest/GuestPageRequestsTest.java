package org.iommu4j.arm.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.PageRequestEntry;
import org.iommu4j.arm.command.PageRequestResponse;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Page requests of a guest's device in the queue of its virtual SMMU, and the guest's answers. */
class GuestPageRequestsTest {
    private static final int STREAM = 3;
    private static final long STREAMS = 0x100_0000;
    private static final long CONTEXTS = 0x300_0000;
    private static final long PAGES = 0x600_0000;
    private static final long SWITCHES = Cr0.CMDQEN.mask() | Cr0.EVENTQEN.mask() | Cr0.SMMUEN.mask();

    /** log2 of the entries of the guest's queue. */
    private static final int LOG2_SIZE = 2;

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
            new HardwareConfig(SmmuGeneration.V3_2, Map.of(), Map.of(), CacheConfig.WORST_CASE, Map.of()), devices);
    private final GuestHost containers = new GuestHost(host);
    private SmmuGuestDecoder guest = new SmmuGuestDecoder(host.chip().config(), host.memory());

    @BeforeEach
    void shouldBringTheGuestUp() {
        write(StreamTableBase.REGISTER.offset(), 8, STREAMS);
        write(StreamTableBase.CONFIG.offset(), 4, 6);
        write(Queue.COMMANDS.baseRegister().offset(), 8, 0x500_0008L);
        write(Queue.PAGE_REQUESTS.baseRegister().offset(), 8, PAGES | LOG2_SIZE);
        write(Cr0.REGISTER.offset(), 4, SWITCHES | Cr0.PRIQEN.mask());
        // STE: V, Config 5, eight context descriptors, S1DSS 2, EATS 1.
        host.store(STREAMS + STREAM * 64L, CONTEXTS | 0xb | 3L << 59, 2 | 1L << 28, 9, 0);
        command(SmmuCommand.CFGI_STE.word() | (long) STREAM << 32, 1);
        guest.deviceAccess(STREAM, containers);
        assertEquals(List.of("move 0x3 3", "bind 3 OK EXACT", "handled"), containers.take());
    }

    private void write(long offset, int size, long value) {
        guest.writeRegister(offset, size, value, containers);
    }

    private void command(long word0, long word1) {
        guest.command(SmmuCommand.SYNC.layout().encode(word0, word1), containers);
    }

    private static PageRequest request(int pasid, int group) {
        return new PageRequest(STREAM, pasid, 0x7f00_0020_1000L, true, true, false, false, true, group);
    }

    /** A device asks, and the guest's unit is told, as the core does it. */
    private void ask(int pasid, int group) {
        assertEquals(Outcome.QUEUED, host.chip().request(request(pasid, group)));
        guest.pageRequests(STREAM, containers);
    }

    private PageRequest inQueue(int slot) {
        long at = PAGES + slot * 16L;
        return PageRequestEntry.decode(
                host.memory().readLongLe(at), host.memory().readLongLe(at + 8));
    }

    private long produced() {
        return guest.readRegister(Queue.PAGE_REQUESTS.producer().offset(), 4);
    }

    private void respond(int pasid, int group, PageResponse response) {
        PageRequest last = request(pasid, group);
        command(PageRequestResponse.word0(last), PageRequestResponse.word1(last, response));
    }

    private List<String> answers() {
        List<String> told = List.copyOf(answers);
        answers.clear();
        return told;
    }

    @Test
    void shouldQueueWhatADeviceAsksAndPassTheGuestsAnswerOn() {
        ask(5, 7);
        assertEquals(1, produced());
        assertEquals(request(5, 7), inQueue(0));
        guest = SmmuGuestDecoder.restore(guest.save(), host.memory());
        host.swap();
        ask(DmaAccess.NO_PASID, 8);
        assertEquals(request(DmaAccess.NO_PASID, 8), inQueue(1));
        respond(5, 7, PageResponse.SUCCESS);
        respond(DmaAccess.NO_PASID, 8, PageResponse.INVALID);
        assertEquals(List.of("3 5 7 SUCCESS", "3 ffffffff 8 INVALID"), answers());
        containers.take();
        respond(5, 7, PageResponse.SUCCESS);
        assertEquals(List.of("respond 3 ENOENT", "handled"), containers.take());
        assertEquals(List.of(), answers());
    }

    @Test
    void shouldAnswerItselfWhatTheGuestsQueueHasNoRoomFor() {
        for (int group = 0; group < 1 << LOG2_SIZE; group++) {
            ask(5, group);
        }
        ask(5, 9);
        assertEquals(List.of("3 5 9 SUCCESS"), answers());
        assertTrue(Queue.PAGE_REQUESTS.overflow().isSet(produced()));
    }

    @Test
    void shouldLetNoDeviceAskWhileTheGuestsQueueIsOff() {
        ask(5, 7);
        write(Cr0.REGISTER.offset(), 4, SWITCHES);
        // The stream is bound anew without page requests: what was open is invalid.
        assertEquals(List.of("3 5 7 INVALID"), answers());
        assertEquals(Outcome.QUEUED, host.chip().request(request(5, 8)));
        guest.pageRequests(STREAM, containers);
        assertEquals(1, produced());
        assertEquals(List.of("3 5 8 INVALID"), answers());
    }
}
