package org.iommu4j.amd.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.iommu4j.amd.Machine;
import org.iommu4j.amd.Machine.Words;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.BindPgtable;
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
    private static final int DEVICE = 0x310;
    private static final int PASID = 0x345;
    private static final int DOMAIN = 2;
    private static final long TABLE = 0x100_0000;
    private static final long GCR3 = 0x200_0000;
    private static final long PAGE = 0x7f00_0020_1000L;
    private static final int DEVICE_TLB = (int) BindPgtable.FLAG_DEVICE_TLB.mask();
    private static final int PAGE_REQUESTS = (int) BindPgtable.FLAG_PAGE_REQUESTS.mask();
    private static final int PASS_THROUGH = (int) BindPgtable.FLAG_PASS_THROUGH.mask();
    private static final int FLAGS = PASS_THROUGH | DEVICE_TLB | PAGE_REQUESTS;

    /** Entries of a log of the least length, of which one stays free. */
    private static final int ROOM = 255;

    /** What devices were told: DeviceID, PASID, group, answer. */
    private final List<String> answers = new ArrayList<>();

    private boolean answersInvalidations = true;
    private Machine machine;

    @BeforeEach
    void open() {
        open(AmdViGeneration.V3, Map.of("PPRAutoRspSup", 1L));
    }

    private void open(int generation, Map<String, Long> features) {
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
                new HardwareConfig(generation, Map.of("efr", features), Map.of(), CacheConfig.WORST_CASE, Map.of()),
                devices);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
    }

    private void done(Errno errno) {
        assertEquals(Errno.OK, errno, machine.last()::toString);
    }

    private Errno bindDevice(int flags) {
        return machine.bindTable(DOMAIN, DEVICE, 0, 0, 0, flags);
    }

    private void bind(int pasid) {
        done(machine.bindPasid(DOMAIN, DEVICE, pasid, TABLE, 0));
    }

    private void unbind(int pasid) {
        done(machine.bindPasid(DOMAIN, DEVICE, pasid, TABLE, Uapi.BIND_FLAG_UNBIND));
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
        done(bindDevice(FLAGS));
        bind(PASID);
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
        // HS8.1 and HS9.1 of docs/spec/amd-vi.md 5.6.
        assertEquals(Errno.OK, respond(request(PASID, 7, true), PageResponse.SUCCESS));
        assertEquals(List.of(new Words(0x7000034500000310L, 0x0000000700000004L)), machine.takeCommands());
        assertEquals(Errno.OK, respond(request(DmaAccess.NO_PASID, 0x1ff, true), PageResponse.INVALID));
        assertEquals(List.of(new Words(0x7000000000000310L, 0x000011ff00000000L)), machine.takeCommands());
        assertEquals(List.of("310 345 7 SUCCESS", "310 ffffffff 1ff INVALID"), answers());
        assertEquals(Errno.ENOENT, respond(request(PASID, 7, true), PageResponse.SUCCESS));
        assertEquals(List.of(), answers());
    }

    @Test
    void shouldGiveAStopMarkerThatNobodyAnswers() {
        done(bindDevice(FLAGS));
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
        done(bindDevice(FLAGS));
        bind(PASID);
        bind(PASID + 1);
        machine.chip().request(request(PASID, 1, true));
        machine.chip().request(request(DmaAccess.NO_PASID, 5, true));
        assertEquals(2, take().size());
        machine.chip().request(request(PASID, 2, true));
        machine.chip().request(request(PASID + 1, 3, true));
        unbind(PASID);
        assertEquals(List.of("310 345 2 INVALID", "310 345 1 INVALID"), answers());
        assertEquals(List.of(request(PASID + 1, 3, true)), take());
        // The chip does not know PASIDs of the host's table: the driver answers when it reads the log.
        assertEquals(Outcome.QUEUED, machine.chip().request(request(PASID, 4, true)));
        assertEquals(List.of(), take());
        assertEquals(List.of("310 345 4 INVALID"), answers());
        unbind(PASID + 1);
        assertEquals(List.of("310 346 3 INVALID"), answers());
        assertEquals(Errno.OK, respond(request(DmaAccess.NO_PASID, 5, true), PageResponse.SUCCESS));
        assertEquals(List.of("310 ffffffff 5 SUCCESS"), answers());
        machine.chip().request(request(DmaAccess.NO_PASID, 6, true));
        done(bindDevice(FLAGS | Uapi.BIND_FLAG_UNBIND));
        assertEquals(List.of("310 ffffffff 6 INVALID"), answers());
    }

    @Test
    void shouldKeepWhatWaitsOfOthersWhenATableOfPasidsComesAndGoes() {
        open(AmdViGeneration.V3, Map.of());
        done(bindDevice(FLAGS));
        machine.chip().request(request(DmaAccess.NO_PASID, 5, true));
        done(machine.bindPasidTable(DOMAIN, DEVICE, GCR3, 1, false, 0, 0));
        machine.chip().request(request(PASID, 6, true));
        done(machine.bindPasidTable(DOMAIN, DEVICE, GCR3, 1, false, 0, Uapi.BIND_FLAG_UNBIND));
        assertEquals(List.of("310 345 6 INVALID"), answers());
        assertEquals(List.of(request(DmaAccess.NO_PASID, 5, true)), take());
    }

    @Test
    void shouldReadWhatADeviceSentBeforeItsInvalidationBeforeAnUnbindIsAnswered() {
        done(bindDevice(FLAGS));
        bind(PASID);
        machine.chip().request(request(PASID, 9, true));
        machine.takeCommands();
        unbind(PASID);
        List<Words> commands = machine.takeCommands();
        // INVALIDATE_IOTLB_PAGES of everything, a wait; then what was read is answered.
        int response = commands.indexOf(new Words(0x7000034500000310L, 0x0000100900000004L));
        assertEquals(0x4, commands.get(response - 1).low() >>> 60);
    }

    @Test
    void shouldLeaveNothingOpenWhenTheDeviceDoesNotAnswerAnUnbind() {
        done(bindDevice(FLAGS));
        bind(PASID);
        bind(PASID + 1);
        machine.chip().request(request(PASID, 1, true));
        assertEquals(1, take().size());
        machine.chip().request(request(PASID, 2, true));
        machine.chip().request(request(PASID + 1, 3, true));
        answersInvalidations = false;
        assertEquals(Errno.EIO, machine.bindPasid(DOMAIN, DEVICE, PASID, TABLE, Uapi.BIND_FLAG_UNBIND));
        answersInvalidations = true;
        assertEquals(3, new TreeSet<>(answers).size(), answers::toString);
        assertEquals(3, answers().size());
        assertEquals(List.of(), take());
        machine.close(DOMAIN);
        assertEquals(Errno.OK, machine.open(DOMAIN));
        assertEquals(List.of(), take());
    }

    @Test
    void shouldGoOnAfterTheLogWasFull() {
        done(bindDevice(FLAGS));
        for (int i = 0; i < ROOM; i++) {
            assertEquals(Outcome.QUEUED, machine.chip().request(request(DmaAccess.NO_PASID, i, true)));
        }
        assertEquals(Outcome.ANSWERED, machine.chip().request(request(DmaAccess.NO_PASID, ROOM, true)));
        assertEquals(List.of("310 ffffffff ff SUCCESS"), answers());
        machine.swap();
        assertEquals(ROOM, take().size());
        assertEquals(Outcome.QUEUED, machine.chip().request(request(DmaAccess.NO_PASID, ROOM, true)));
        assertEquals(List.of(request(DmaAccess.NO_PASID, ROOM, true)), take());
        done(bindDevice(FLAGS | Uapi.BIND_FLAG_UNBIND));
        assertEquals(ROOM + 1, answers().size());
    }

    @Test
    void shouldGoOnAfterALogLostWhatItHadNoRoomFor() {
        open(AmdViGeneration.V2, Map.of());
        done(bindDevice(FLAGS));
        for (int i = 0; i < ROOM; i++) {
            assertEquals(Outcome.QUEUED, machine.chip().request(request(DmaAccess.NO_PASID, i, true)));
        }
        assertEquals(Outcome.DROPPED, machine.chip().request(request(DmaAccess.NO_PASID, ROOM, true)));
        machine.swap();
        assertEquals(ROOM, take().size());
        assertEquals(Outcome.QUEUED, machine.chip().request(request(DmaAccess.NO_PASID, ROOM, true)));
        assertEquals(List.of(request(DmaAccess.NO_PASID, ROOM, true)), take());
    }

    @Test
    void shouldLetADeviceAskOnlyIfItIsBoundSo() {
        machine.attach(DOMAIN, DEVICE + 1);
        done(bindDevice(PASS_THROUGH | DEVICE_TLB));
        assertEquals(Outcome.INVALID, machine.chip().request(request(DmaAccess.NO_PASID, 1, true)));
        assertEquals(List.of("310 ffffffff 1 FAILURE"), answers());
        done(machine.bindTable(DOMAIN, DEVICE + 1, 0, 0, 0, FLAGS));
        assertEquals(Outcome.INVALID, machine.chip().request(request(DmaAccess.NO_PASID, 2, true)));
        assertEquals(List.of("310 ffffffff 2 INVALID"), answers());
        assertEquals(Errno.EINVAL, bindDevice(PASS_THROUGH | PAGE_REQUESTS));
        assertEquals(Rule.V35, machine.last().rule());
    }

    @Test
    void shouldKnowByItselfWhoMayAskOnAChipWhoseDeviceTableDoesNotSay() {
        open(AmdViGeneration.V2, Map.of());
        machine.attach(DOMAIN, DEVICE + 1);
        done(bindDevice(PASS_THROUGH | DEVICE_TLB));
        done(machine.bindTable(DOMAIN, DEVICE + 1, 0, 0, 0, FLAGS));
        assertEquals(Outcome.QUEUED, machine.chip().request(request(DmaAccess.NO_PASID, 2, true)));
        assertEquals(List.of(), take());
        assertEquals(List.of("310 ffffffff 2 INVALID"), answers());
    }

    @ParameterizedTest
    @ValueSource(ints = {AmdViGeneration.V1, AmdViGeneration.V3})
    void shouldRefuseWhatTheChipDoesNotHave(int generation) {
        open(generation, generation == AmdViGeneration.V1 ? Map.of() : Map.of("PPRSup", 0L));
        assertEquals(Errno.EOPNOTSUPP, bindDevice(FLAGS));
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
            done(machine.close(DOMAIN));
            assertNotEquals(0, asked[0]);
            assertEquals(asked[0], answers().size());
        });
    }

    private void step(SplittableRandom random, int[] asked, List<PageRequest> open) {
        int pasid = random.nextInt(3) - 1;
        switch (random.nextInt(8)) {
            case 0 -> bindDevice(FLAGS);
            case 1 -> machine.bindPasid(DOMAIN, DEVICE, Math.max(pasid, 0), TABLE, 0);
            case 2 -> {
                if (pasid == DmaAccess.NO_PASID) {
                    bindDevice(FLAGS | Uapi.BIND_FLAG_UNBIND);
                } else {
                    machine.bindPasid(DOMAIN, DEVICE, pasid, TABLE, Uapi.BIND_FLAG_UNBIND);
                }
                open.clear();
            }
            case 3, 4 -> {
                PageRequest request = request(pasid, random.nextInt(512), random.nextBoolean());
                machine.chip().request(request);
                asked[0] += request.last() ? 1 : 0;
            }
            case 5 -> open.addAll(take());
            case 6 -> machine.swap();
            default -> {
                if (!open.isEmpty()) {
                    respond(open.remove(random.nextInt(open.size())), PageResponse.SUCCESS);
                }
            }
        }
    }
}
