package org.iommu4j.testbench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.PageRequestResponse;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two guests with virtual SMMUs in front of one chip: what their devices fault on and ask for stands in their own queues, and nowhere else. */
class GuestEventsTest {
    private static final int STREAM = 3;
    private static final int OTHERS_STREAM = 4;
    private static final int HOSTS_STREAM = 5;
    private static final long PAGE = 0x7_5000;

    /** F_TRANSLATION. */
    private static final long TRANSLATION_FAULT = 0x10;

    private final IommuCore core = new IommuCore(new SimulatedPlatformFactory());

    /** What devices were told of their page requests. */
    private final List<String> told = new ArrayList<>();

    private Unit unit;
    private SmmuGuest guest;
    private SmmuGuest others;

    /** A guest whose streams have stage-2 tables, each in a container of its own. */
    private final class SmmuGuest implements GuestRequests {
        private static final int ENTRY_BYTES = 64;

        private final long streams;
        private final long events;
        private final long pageRequests;
        private final Map<Integer, Container> containers = new HashMap<>();
        private final Guest virtual;

        SmmuGuest(long memory) {
            streams = memory;
            events = memory + 0x10_0000;
            pageRequests = memory + 0x30_0000;
            virtual = unit.openGuest(HardwareConfig.of(SmmuGeneration.V3_2), this);
            write(StreamTableBase.REGISTER.offset(), 8, streams);
            write(StreamTableBase.CONFIG.offset(), 4, 6);
            write(Queue.COMMANDS.baseRegister().offset(), 8, memory + 0x20_0008);
            write(Queue.EVENTS.baseRegister().offset(), 8, events | 3);
            write(Queue.PAGE_REQUESTS.baseRegister().offset(), 8, pageRequests | 3);
            write(
                    Cr0.REGISTER.offset(),
                    4,
                    Cr0.CMDQEN.mask() | Cr0.EVENTQEN.mask() | Cr0.PRIQEN.mask() | Cr0.SMMUEN.mask());
        }

        private void write(long offset, int size, long value) {
            virtual.writeRegister(offset, size, value);
        }

        /** Binds a stream to an empty table: V, Config 6, EATS 1; 48 bits in 4 KiB granules with faults recorded. */
        void stream(int streamId, long root) {
            long[] entry = {0xd, 1L << 28, 0x040d_0090_0000_0009L, root};
            for (int word = 0; word < entry.length; word++) {
                unit.platform().memory().writeLongLe(streams + (long) streamId * ENTRY_BYTES + 8L * word, entry[word]);
            }
            virtual.command(SmmuCommand.SYNC.layout().encode(SmmuCommand.CFGI_STE.word() | (long) streamId << 32, 1));
            virtual.deviceAccess(streamId);
        }

        List<String> seen() {
            long count = virtual.readRegister(Queue.EVENTS.producer().offset(), 4);
            return LongStream.range(0, count)
                    .mapToObj(slot -> unit.platform().memory().readLongLe(events + 32 * slot))
                    .map(word -> (word >>> 32) + ":" + Long.toHexString(word & 0xff))
                    .toList();
        }

        /** Groups that devices have asked for. */
        List<Long> asked() {
            long count = virtual.readRegister(Queue.PAGE_REQUESTS.producer().offset(), 4);
            return LongStream.range(0, count)
                    .mapToObj(slot -> unit.platform().memory().readLongLe(pageRequests + 16 * slot + 8) & 0x1ff)
                    .toList();
        }

        /** CMD_PRI_RESP, success. */
        void answer(PageRequest last) {
            virtual.command(SmmuCommand.SYNC
                    .layout()
                    .encode(PageRequestResponse.word0(last), PageRequestResponse.word1(last, PageResponse.SUCCESS)));
        }

        @Override
        public int takePageRequests(int guestDomain, List<PageRequest> taken) {
            return container(guestDomain).takePageRequests(taken, new Completion());
        }

        @Override
        public int respond(int guestDomain, PageRequest last, PageResponse response) {
            return container(guestDomain).respond(last, response, new Completion());
        }

        private Container container(int domain) {
            return containers.computeIfAbsent(
                    domain,
                    number -> unit.openContainer(
                            ContainerConfig.of(Offer.exactly(IommuModel.ARM_SMMU, SmmuGeneration.V3_2))));
        }

        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            Completion answer = new Completion();
            container(guestDomain).ioctl(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, answer);
            assertEquals(0, answer.errno().code(), answer::toString);
            return answer;
        }

        @Override
        public void handled(String why) {
            // Not looked at.
        }

        @Override
        public void refused(String reason) {
            throw new AssertionError(reason);
        }

        @Override
        public void move(int requester, int guestDomain) {
            containers.values().forEach(container -> container.detach(requester, new Completion()));
            if (guestDomain >= 0) {
                assertEquals(0, container(guestDomain).attach(requester, new Completion()));
            }
        }
    }

    @BeforeEach
    void open() {
        core.arrived(new SmmuBackend());
        core.arrived(new SmmuBackend());
        DevicePort devices = new DevicePort() {
            @Override
            public boolean invalidate(int requester, int pasid, long iova, long lengthBytes) {
                return true;
            }

            @Override
            public void respond(int requester, int pasid, int group, PageResponse response) {
                told.add(requester + " " + group + " " + response);
            }
        };
        unit = core.openUnit(new UnitConfig(
                IommuModel.ARM_SMMU,
                HardwareConfig.of(SmmuGeneration.V3_2),
                false,
                0,
                List.of(),
                (address, data) -> {},
                devices));
        guest = new SmmuGuest(0x100_0000);
        others = new SmmuGuest(0x200_0000);
        guest.stream(STREAM, 0x300_0000);
        others.stream(OTHERS_STREAM, 0x400_0000);
    }

    @AfterEach
    void close() {
        core.close();
    }

    private void fault(int streamId) {
        DmaAccess access = new DmaAccess().begin(streamId, PAGE, DmaAccess.READ);
        unit.dma(access);
        assertEquals(DmaAccess.Outcome.FAULT, access.outcome());
    }

    @Test
    void shouldShowEachGuestTheFaultsOfItsOwnDevices() {
        fault(STREAM);
        fault(OTHERS_STREAM);
        fault(STREAM);
        assertEquals(List.of("3:10", "3:10"), guest.seen());
        assertEquals(List.of("4:10"), others.seen());
        List<byte[]> records = new ArrayList<>();
        unit.takeEvents(records::add);
        assertEquals(3, records.size(), "the host sees all, once");
        assertEquals(TRANSLATION_FAULT, records.get(0)[0]);
        assertEquals(2, guest.seen().size());
    }

    @Test
    void shouldGoOnOverASwap() {
        fault(STREAM);
        core.swap(IommuModel.ARM_SMMU, "#2", SwapLimits.DEFAULT);
        assertEquals(List.of("3:10"), guest.seen());
        fault(STREAM);
        fault(OTHERS_STREAM);
        assertEquals(List.of("3:10", "3:10"), guest.seen());
        assertEquals(List.of("4:10"), others.seen());
    }

    @Test
    void shouldShowNobodyTheFaultsOfTheHostsDevices() {
        Container hosts =
                unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.ARM_SMMU, SmmuGeneration.V3_2)));
        assertEquals(0, hosts.attach(HOSTS_STREAM, 0x500_0000, 4, new Completion()));
        fault(HOSTS_STREAM);
        assertEquals(List.of(), guest.seen());
        assertEquals(List.of(), others.seen());
    }

    private static PageRequest request(int streamId, int group) {
        return new PageRequest(streamId, DmaAccess.NO_PASID, PAGE, true, false, false, false, true, group);
    }

    @Test
    void shouldBringPageRequestsToTheGuestOfTheDeviceAndItsAnswersBack() {
        assertEquals(PageRequest.Outcome.QUEUED, unit.request(request(STREAM, 7)));
        assertEquals(PageRequest.Outcome.QUEUED, unit.request(request(OTHERS_STREAM, 8)));
        core.swap(IommuModel.ARM_SMMU, "#2", SwapLimits.DEFAULT);
        assertEquals(PageRequest.Outcome.QUEUED, unit.request(request(STREAM, 9)));
        assertEquals(List.of(7L, 9L), guest.asked());
        assertEquals(List.of(8L), others.asked());
        others.answer(request(STREAM, 7));
        assertEquals(List.of(), told, "another guest cannot answer");
        guest.answer(request(STREAM, 7));
        others.answer(request(OTHERS_STREAM, 8));
        guest.answer(request(STREAM, 7));
        assertEquals(List.of("3 7 SUCCESS", "4 8 SUCCESS"), told);
    }
}
