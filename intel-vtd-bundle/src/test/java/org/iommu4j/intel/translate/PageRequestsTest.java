package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
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
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.Machine.Words;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Page requests of devices on their way to the guest, and its answers on their way back. */
class PageRequestsTest {
    private static final int DEVICE = 0x310;
    private static final int PASID = 0x345;
    private static final int DOMAIN = 2;
    private static final long TABLE = 0x100_0000;
    private static final long PAGE = 0x7f00_0020_1000L;
    private static final int FLAGS =
            (int) BindPgtable.FLAG_FIRST_STAGE.mask() | BindPgtable.DEVICE_TLB | BindPgtable.PAGE_REQUESTS;

    /** Most records of a queue of one page, of which one stays free. */
    private static final int ROOM = 127;

    /** What devices were told: requester, PASID, group, answer. */
    private final List<String> answers = new ArrayList<>();

    private boolean answersInvalidations = true;
    private Machine machine;

    @BeforeEach
    void open() {
        open(Map.of());
    }

    private void open(Map<String, Long> ecap) {
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
        machine = Machine.of(
                new HardwareConfig(0x400, Map.of("ecap", ecap), Map.of(), CacheConfig.WORST_CASE, Map.of()), devices);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
    }

    private void bind(int pasid) {
        Errno errno = pasid == 0
                ? machine.bind(DOMAIN, DEVICE, TABLE, FLAGS)
                : machine.bindPasid(DOMAIN, DEVICE, pasid, TABLE, FLAGS);
        assertEquals(Errno.OK, errno, machine.last()::toString);
    }

    private void unbind(int pasid) {
        int flags = FLAGS | Uapi.BIND_FLAG_UNBIND;
        Errno errno = pasid == 0
                ? machine.bind(DOMAIN, DEVICE, TABLE, flags)
                : machine.bindPasid(DOMAIN, DEVICE, pasid, TABLE, flags);
        assertEquals(Errno.OK, errno, machine.last()::toString);
    }

    private static PageRequest request(int pasid, int group, boolean last) {
        return new PageRequest(
                DEVICE, pasid == 0 ? DmaAccess.NO_PASID : pasid, PAGE, true, true, false, false, last, group);
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
        assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, 7, false)));
        assertEquals(Outcome.QUEUED, machine.chip().request(request(0, 3, true)));
        machine.swap();
        assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, 7, true)));
        assertEquals(List.of(request(PASID, 7, false), request(0, 3, true), request(PASID, 7, true)), take());
        assertEquals(List.of(), take());
        machine.swap();
        machine.takeCommands();
        assertEquals(Errno.OK, respond(request(PASID, 7, true), PageResponse.SUCCESS));
        assertEquals(List.of(new Words(0x0000_0345_0310_0019L, 7 << 3)), machine.takeCommands());
        assertEquals(Errno.OK, respond(request(0, 3, true), PageResponse.FAILURE));
        assertEquals(List.of(new Words(0x0000_0000_0310_f009L, 3 << 3)), machine.takeCommands());
        assertEquals(List.of("310 345 7 SUCCESS", "310 ffffffff 3 FAILURE"), answers());
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
        machine.takeCommands();
        unbind(PASID);
        assertEquals(List.of("310 345 2 INVALID", "310 345 1 INVALID"), answers());
        assertEquals(List.of(request(PASID + 1, 3, true)), take());
        assertEquals(Errno.ENOENT, respond(request(PASID, 1, true), PageResponse.SUCCESS));
        assertEquals(Outcome.INVALID, machine.chip().request(request(PASID, 4, true)));
        assertEquals(List.of("310 345 4 INVALID"), answers());
        assertEquals(Errno.OK, machine.detach(DOMAIN, DEVICE));
        assertEquals(List.of("310 346 3 INVALID"), answers());
    }

    @Test
    void shouldDrainAsTheSpecificationSaysWhenABindingEnds() {
        bind(PASID);
        bind(PASID + 1);
        machine.takeHex();
        unbind(PASID);
        List<String> commands = machine.takeHex().stream()
                .map(descriptor -> descriptor.substring(0, 32))
                .toList();
        // A wait with FN, an IOTLB and a device-TLB invalidation, a wait with FN and PD, the wait with a status write.
        int end = commands.size() - 1;
        assertEquals(
                List.of(
                        "45000000000000000000000000000000",
                        "e2000100000000000000000000000000",
                        "030000001003100301f0ffffffffff7f",
                        "c5000000000000000000000000000000"),
                commands.subList(end - 4, end));
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
        assertEquals(Errno.EIO, machine.bindPasid(DOMAIN, DEVICE, PASID, TABLE, FLAGS | Uapi.BIND_FLAG_UNBIND));
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
        assertEquals(List.of("310 345 7f SUCCESS"), answers());
        assertEquals(ROOM, take().size());
        assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, ROOM, true)));
        assertEquals(List.of(request(PASID, ROOM, true)), take());
        unbind(PASID);
        assertEquals(ROOM + 1, answers().size());
    }

    @Test
    void shouldLetADeviceAskOnlyIfItIsBoundSo() {
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, PASID, TABLE, FLAGS & ~BindPgtable.PAGE_REQUESTS));
        assertEquals(Outcome.INVALID, machine.chip().request(request(PASID, 1, true)));
        assertEquals(List.of("310 345 1 INVALID"), answers());
        assertEquals(Errno.EBUSY, machine.bindPasid(DOMAIN, DEVICE, PASID + 1, TABLE, FLAGS));
        assertEquals(Errno.EINVAL, machine.bindPasid(DOMAIN, DEVICE, PASID, TABLE, FLAGS & ~BindPgtable.DEVICE_TLB));
        assertEquals(Rule.V35, machine.last().rule());
    }

    @Test
    void shouldDropRequestsOfARequesterThatThereIsNot() {
        bind(PASID);
        PageRequest request = new PageRequest(0x1_0000 | DEVICE, PASID, PAGE, true, false, false, false, true, 7);
        assertEquals(Outcome.DROPPED, machine.chip().request(request));
        assertEquals(List.of(), take());
        assertEquals(List.of(), answers());
    }

    @Test
    void shouldRefuseWhatTheChipDoesNotHave() {
        open(Map.of("PRS", 0L));
        assertEquals(Errno.EOPNOTSUPP, machine.bindPasid(DOMAIN, DEVICE, PASID, TABLE, FLAGS));
        assertEquals(Rule.V34, machine.last().rule());
        Completion completion = new Completion();
        machine.translator().takePageRequests(DOMAIN, new ArrayList<>(), completion);
        assertEquals(Errno.EOPNOTSUPP, completion.errno());
        assertEquals(Errno.EOPNOTSUPP, respond(request(PASID, 1, true), PageResponse.SUCCESS));
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
            assertEquals(Errno.OK, machine.close(DOMAIN));
            assertEquals(asked[0], answers().size());
        });
    }

    private void step(SplittableRandom random, int[] asked, List<PageRequest> open) {
        int pasid = random.nextInt(3);
        switch (random.nextInt(7)) {
            case 0 -> bind(pasid);
            case 1 -> {
                machine.bindPasid(DOMAIN, DEVICE, pasid, TABLE, FLAGS | Uapi.BIND_FLAG_UNBIND);
                open.clear();
            }
            case 2, 3 -> {
                PageRequest request = request(pasid, random.nextInt(512), random.nextBoolean());
                Outcome outcome = machine.chip().request(request);
                assertFalse(outcome == Outcome.ANSWERED);
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
