package org.iommu4j.arm.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Page requests of devices on their way to the guest, and its answers on their way back. */
class PageRequestsTest {
    private static final int DEVICE = 0x1A8;
    private static final int OTHER = 0x1A9;
    private static final int PASID = 7;
    private static final int DOMAIN = 2;
    private static final long TABLE = 0x100_0000;
    private static final long CONTEXTS = 0x200_0000;
    private static final long PAGE = 0x7f00_0020_1000L;
    private static final int DEVICE_TLB = (int) BindPasidTable.FLAG_DEVICE_TLB.mask();
    private static final int PAGE_REQUESTS = (int) BindPasidTable.FLAG_PAGE_REQUESTS.mask();
    private static final int FLAGS = DEVICE_TLB | PAGE_REQUESTS;

    /** Entries of the chip's queue, IDR1.PRIQS. */
    private static final int ROOM = 128;

    /** What devices were told: StreamID, PASID, group, answer. */
    private final List<String> answers = new ArrayList<>();

    private boolean answersInvalidations = true;
    private Machine machine;

    @BeforeEach
    void open() {
        open(SmmuGeneration.V3_3, Map.of(), Map.of());
    }

    private void open(int generation, Map<String, Long> fields, Map<String, String> options) {
        DevicePort devices = new DevicePort() {
            @Override
            public boolean invalidate(int requester, int pasid, long iova, long lengthBytes) {
                return answersInvalidations;
            }

            @Override
            public void respond(int requester, int pasid, int group, PageResponse response) {
                answers.add(String.format("%x %x %x %s", requester, pasid, group, response));
            }
        };
        answers.clear();
        machine = Machine.of(
                new HardwareConfig(generation, Map.of("idr", fields), Map.of(), CacheConfig.WORST_CASE, options),
                devices);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
    }

    private Errno bindPasid(int pasid, int flags) {
        return machine.bind(DOMAIN, Uapi.BIND_PASID, flags, Machine.pasid(DEVICE, pasid, TABLE));
    }

    private void bind(int pasid) {
        assertEquals(Errno.OK, bindPasid(pasid, FLAGS), machine.last()::toString);
    }

    private void unbind(int pasid) {
        assertEquals(Errno.OK, bindPasid(pasid, FLAGS | Uapi.BIND_FLAG_UNBIND), machine.last()::toString);
    }

    private static PageRequest request(int pasid, int group, boolean last) {
        return new PageRequest(DEVICE, pasid, PAGE, true, true, false, false, last, group);
    }

    private List<PageRequest> take() {
        List<PageRequest> taken = new ArrayList<>();
        Completion completion = new Completion();
        assertEquals(0, machine.translator().takePageRequests(DOMAIN, taken, completion), completion::toString);
        return taken;
    }

    private Errno respond(PageRequest last, PageResponse response) {
        Completion completion = new Completion();
        machine.translator().respond(DOMAIN, last, response, completion);
        return completion.errno();
    }

    private List<String> answers() {
        List<String> told = List.copyOf(answers);
        answers.clear();
        return told;
    }

    @Test
    void shouldBringRequestsToTheGuestAndItsAnswersToTheDevice() {
        bind(PASID);
        bind(0);
        assertEquals(List.of(), take());
        assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, 7, false)));
        assertEquals(Outcome.QUEUED, machine.chip().request(request(DmaAccess.NO_PASID, 0x1ff, true)));
        machine.swap();
        assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, 7, true)));
        assertEquals(
                List.of(request(PASID, 7, false), request(DmaAccess.NO_PASID, 0x1ff, true), request(PASID, 7, true)),
                take());
        assertEquals(List.of(), take());
        machine.swap();
        machine.takeCommands();
        assertEquals(Errno.OK, respond(request(PASID, 7, true), PageResponse.SUCCESS));
        // As V21 and V67 of docs/spec/arm-smmu.md 8.1 and 8.3.
        assertEquals("000001a800007841 0000000000002007", machine.takeCommands().get(0));
        assertEquals(Errno.OK, respond(request(DmaAccess.NO_PASID, 0x1ff, true), PageResponse.FAILURE));
        assertEquals("000001a800000041 00000000000001ff", machine.takeCommands().get(0));
        assertEquals(List.of("1a8 7 7 SUCCESS", "1a8 ffffffff 1ff FAILURE"), answers());
        assertEquals(Errno.ENOENT, respond(request(PASID, 7, true), PageResponse.SUCCESS));
        assertEquals(List.of(), answers());
    }

    @Test
    void shouldGiveAStopMarkerThatNobodyAnswers() {
        bind(PASID);
        PageRequest marker = new PageRequest(DEVICE, PASID, 0, false, false, false, false, true, 0);
        assertEquals(Outcome.QUEUED, machine.chip().request(marker));
        assertEquals(List.of(marker), take());
        assertEquals(Errno.ENOENT, respond(marker, PageResponse.SUCCESS));
        unbind(PASID);
        assertEquals(List.of(), answers());
    }

    @Test
    void shouldAnswerWhatIsLeftWhenItsBindingEnds() {
        bind(PASID);
        bind(PASID + 1);
        machine.chip().request(request(PASID, 1, true));
        assertEquals(1, take().size());
        machine.chip().request(request(PASID, 2, true));
        machine.chip().request(request(PASID + 1, 3, true));
        unbind(PASID);
        assertEquals(List.of("1a8 7 2 INVALID", "1a8 7 1 INVALID"), answers());
        assertEquals(List.of(request(PASID + 1, 3, true)), take());
        assertEquals(Errno.ENOENT, respond(request(PASID, 1, true), PageResponse.SUCCESS));
        // The chip does not know PASIDs: the driver answers when it reads the queue.
        assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, 4, true)));
        assertEquals(List.of(), take());
        assertEquals(List.of("1a8 7 4 INVALID"), answers());
        assertEquals(Errno.OK, machine.detach(DOMAIN, DEVICE));
        assertEquals(List.of("1a8 8 3 INVALID"), answers());
    }

    @Test
    void shouldReadWhatADeviceSentBeforeItsInvalidationBeforeAnUnbindIsAnswered() {
        bind(PASID);
        bind(PASID + 1);
        machine.chip().request(request(PASID, 9, true));
        machine.takeCommands();
        unbind(PASID);
        List<String> commands = machine.takeCommands();
        // ATC_INV of everything and a CMD_SYNC; then what was read is answered.
        int response = commands.indexOf("000001a800007841 0000000000001009");
        assertEquals("000001a800000040 0000000000000034", commands.get(response - 2));
        assertEquals("0000000000000046 0000000000000000", commands.get(response - 1));
    }

    @Test
    void shouldLeaveNothingOpenWhenTheDeviceDoesNotAnswerAnUnbind() {
        bind(PASID);
        bind(PASID + 1);
        machine.chip().request(request(PASID, 1, true));
        assertEquals(1, take().size());
        machine.chip().request(request(PASID, 2, true));
        machine.chip().request(request(PASID + 1, 3, true));
        answersInvalidations = false;
        assertEquals(Errno.EIO, bindPasid(PASID, FLAGS | Uapi.BIND_FLAG_UNBIND));
        answersInvalidations = true;
        assertEquals(3, new TreeSet<>(answers).size(), answers::toString);
        assertEquals(3, answers().size());
        assertEquals(List.of(), take());
        machine.close(DOMAIN);
        assertEquals(Errno.OK, machine.open(DOMAIN));
        assertEquals(List.of(), take());
    }

    @Test
    void shouldGoOnAfterTheQueueWasFull() {
        bind(PASID);
        for (int i = 0; i < ROOM; i++) {
            assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, i, true)));
        }
        assertEquals(Outcome.ANSWERED, machine.chip().request(request(PASID, ROOM, true)));
        assertEquals(List.of("1a8 7 80 SUCCESS"), answers());
        machine.swap();
        assertEquals(ROOM, take().size());
        assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, ROOM, true)));
        assertEquals(List.of(request(PASID, ROOM, true)), take());
        unbind(PASID);
        assertEquals(ROOM + 1, answers().size());
    }

    @Test
    void shouldLetADeviceAskOnlyIfItIsBoundSo() {
        machine.attach(DOMAIN, OTHER);
        assertEquals(Errno.OK, bindPasid(PASID, DEVICE_TLB));
        assertEquals(Outcome.INVALID, machine.chip().request(request(PASID, 1, true)));
        assertEquals(List.of("1a8 ffffffff 1 FAILURE"), answers());
        assertEquals(Errno.EBUSY, bindPasid(PASID + 1, FLAGS));
        assertEquals(
                Errno.OK,
                machine.bind(DOMAIN, Uapi.BIND_PGTABLE, FLAGS, Machine.pageTable(OTHER, TABLE)),
                machine.last()::toString);
        assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, 2, true)));
        assertEquals(List.of(), take());
        assertEquals(List.of("1a8 7 2 INVALID"), answers());
        assertEquals(Errno.EINVAL, bindPasid(PASID, PAGE_REQUESTS));
        assertEquals(Rule.V35, machine.last().rule());
    }

    @Test
    void shouldLetAGuestsOwnTableHaveAnyPasidThatItHolds() {
        assertEquals(Errno.OK, machine.bindContexts(DOMAIN, DEVICE, CONTEXTS, 3, 2, FLAGS), machine.last()::toString);
        machine.chip().request(request(PASID, 1, true));
        machine.chip().request(request(PASID + 1, 2, true));
        assertEquals(List.of(request(PASID, 1, true)), take());
        assertEquals(List.of("1a8 8 2 INVALID"), answers());
        assertEquals(
                Errno.OK,
                machine.bindContexts(DOMAIN, DEVICE, CONTEXTS, 3, 2, FLAGS | Uapi.BIND_FLAG_UNBIND),
                machine.last()::toString);
        assertEquals(List.of("1a8 7 1 INVALID"), answers());
    }

    @Test
    void shouldAnswerWhatAStreamAsksThatTheChipDoesNotHave() {
        bind(PASID);
        PageRequest request = new PageRequest(-1, PASID, PAGE, true, false, false, false, true, 7);
        assertEquals(Outcome.QUEUED, machine.chip().request(request));
        assertEquals(List.of(), take());
        assertEquals(List.of("ffffffff 7 7 INVALID"), answers());
    }

    @Test
    void shouldRefuseWhatTheChipDoesNotHave() {
        open(SmmuGeneration.V3_3, Map.of("PRI", 0L), Map.of());
        assertEquals(Errno.EOPNOTSUPP, bindPasid(PASID, FLAGS));
        assertEquals(Rule.V34, machine.last().rule());
        Completion completion = new Completion();
        machine.translator().takePageRequests(DOMAIN, new ArrayList<>(), completion);
        assertEquals(Errno.EOPNOTSUPP, completion.errno());
        assertEquals(Errno.EOPNOTSUPP, respond(request(PASID, 1, true), PageResponse.SUCCESS));
    }

    @ParameterizedTest
    @ValueSource(strings = {"one", "two"})
    void shouldFindThePositionsInWhicheverPageTheyAre(String pages) {
        open(SmmuGeneration.V3_1, Map.of(), Map.of("register-pages", pages));
        bind(PASID);
        machine.chip().request(request(PASID, 1, true));
        machine.swap();
        assertEquals(List.of(request(PASID, 1, true)), take());
        assertEquals(Errno.OK, respond(request(PASID, 1, true), PageResponse.SUCCESS));
        assertEquals(List.of("1a8 7 1 SUCCESS"), answers());
    }

    /** Whatever happens, each group whose last request the chip has taken is answered exactly once. */
    @Test
    void shouldAnswerEveryGroupExactlyOnce() {
        Property.check(8, random -> {
            open();
            int[] asked = {0};
            List<PageRequest> open = new ArrayList<>();
            for (int step = 0; step < 80; step++) {
                step(random, asked, open);
            }
            bind(PASID);
            take();
            assertEquals(Errno.OK, machine.close(DOMAIN));
            assertNotEquals(0, asked[0]);
            assertEquals(asked[0], answers().size());
        });
    }

    private void step(SplittableRandom random, int[] asked, List<PageRequest> open) {
        int pasid = random.nextInt(3);
        switch (random.nextInt(7)) {
            case 0 -> bind(pasid);
            case 1 -> {
                bindPasid(pasid, FLAGS | Uapi.BIND_FLAG_UNBIND);
                open.clear();
            }
            case 2, 3 -> {
                PageRequest request = request(pasid, random.nextInt(512), random.nextBoolean());
                machine.chip().request(request);
                asked[0] += request.last() ? 1 : 0;
            }
            case 4 -> open.addAll(take());
            case 5 -> machine.swap();
            default -> {
                if (!open.isEmpty()) {
                    respond(open.remove(random.nextInt(open.size())), PageResponse.SUCCESS);
                }
            }
        }
    }
}
