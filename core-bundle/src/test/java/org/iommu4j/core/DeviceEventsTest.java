package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Records of the chip about devices of two guests, and of nobody's. */
@Timeout(60)
class DeviceEventsTest {
    private static final int DEVICE = 3;
    private static final int OTHERS = 4;
    private static final int HOSTS = 5;

    private final Bench bench = new Bench();
    private final Attaching sink = new Attaching();
    private final Attaching others = new Attaching();
    private FakeBackend old;
    private Unit unit;
    private Guest guest;

    /** A guest whose devices are in one container, into which they are moved. */
    private final class Attaching extends RecordingRequests {
        private Container container;

        @Override
        public void move(int requester, int guestDomain) {
            container = container == null ? Bench.container(unit, 1) : container;
            if (guestDomain < 0) {
                container.detach(requester, new Completion());
            } else {
                container.attach(requester, new Completion());
            }
        }
    }

    @BeforeEach
    void open() {
        old = bench.arrived("1.0.0");
        unit = bench.unit(1);
        guest = unit.openGuest(HardwareConfig.of(1), sink);
        Guest other = unit.openGuest(HardwareConfig.of(1), others);
        guest.deviceAccess(DEVICE);
        other.deviceAccess(OTHERS);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private void fault(int device) {
        unit.dma(new DmaAccess().begin(device, 0x1000, DmaAccess.READ));
    }

    private List<Integer> taken() {
        List<Integer> devices = new ArrayList<>();
        unit.takeEvents(event -> {
            if (event.length == 2) {
                devices.add((int) event[1]);
            }
        });
        return devices;
    }

    @Test
    void shouldGiveEachGuestItsOwnOnceAndTheHostAll() {
        fault(DEVICE);
        fault(OTHERS);
        fault(HOSTS);
        fault(DEVICE);
        assertEquals(List.of("handled fault of 3", "handled fault of 3"), sink.seen);
        assertEquals(List.of("handled fault of 4"), others.seen);
        assertEquals(List.of(DEVICE, OTHERS, HOSTS, DEVICE), taken());
        assertEquals(List.of(), taken());
        assertEquals(2, sink.seen.size());
    }

    @Test
    void shouldDeliverWhatAClientTakes() {
        old.traps().on("takeEvents", () -> {
            throw new IllegalStateException("not now");
        });
        fault(DEVICE);
        assertEquals(List.of(), sink.seen);
        old.traps().off("takeEvents");
        assertEquals(List.of(DEVICE), taken());
        assertEquals(List.of("handled fault of 3"), sink.seen);
    }

    @Test
    void shouldFollowADeviceThatGoesToSomebodyElse() {
        sink.move(DEVICE, -1);
        fault(DEVICE);
        // It is the guest's still, which has taken its table away.
        assertEquals(List.of("handled fault of 3"), sink.seen);
        Container hosts = Bench.container(unit, 1);
        assertEquals(0, hosts.attach(DEVICE, new Completion()));
        fault(DEVICE);
        assertEquals(1, sink.seen.size());
        assertEquals(List.of(), others.seen);
        assertEquals(List.of(DEVICE, DEVICE), taken());
        guest.deviceAccess(DEVICE);
        fault(DEVICE);
        assertEquals(1, sink.seen.size(), "a claim changes nothing");
        assertEquals(0, hosts.detach(DEVICE, new Completion()));
        guest.deviceAccess(DEVICE);
        fault(DEVICE);
        assertEquals(2, sink.seen.size());
        hosts.attach(HOSTS, new Completion());
        hosts.close();
        guest.deviceAccess(HOSTS);
        fault(HOSTS);
        assertEquals("handled fault of 5", sink.seen.get(2));
    }

    @Test
    void shouldNotLetAnotherGuestClaimADeviceThatIsAttached() {
        Guest third = unit.openGuest(HardwareConfig.of(1), new RecordingRequests());
        third.deviceAccess(DEVICE);
        fault(DEVICE);
        assertEquals(List.of("handled fault of 3"), sink.seen);
    }

    @Test
    void shouldLoseNothingOverASwap() {
        fault(DEVICE);
        bench.arrived("1.1.0");
        fault(DEVICE);
        assertEquals(List.of("handled fault of 3", "handled fault of 3"), sink.seen);
        assertEquals(List.of(DEVICE, DEVICE), taken());
    }

    @Test
    void shouldDeliverLaterWhatAVirtualIommuCannotTakeNow() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        old.traps().on("guestWrite", () -> {
            inside.countDown();
            await(out);
        });
        CompletableFuture<Void> busy = CompletableFuture.runAsync(() -> guest.writeRegister(0, 8, 1));
        assertTrue(inside.await(10, TimeUnit.SECONDS));
        fault(DEVICE);
        fault(OTHERS);
        assertEquals(List.of(), sink.seen);
        assertEquals(List.of("handled fault of 4"), others.seen, "another guest does not wait for it");
        out.countDown();
        busy.get(10, TimeUnit.SECONDS);
        assertEquals(List.of("handled register", "handled fault of 3"), sink.seen);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(10, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void shouldGoOnWithoutAVirtualIommuThatIsLost() {
        old.traps().on("saveGuest", () -> {
            throw new IllegalStateException("crashed");
        });
        bench.core.leaving(old);
        bench.arrived("1.0.1");
        fault(DEVICE);
        fault(OTHERS);
        assertEquals(List.of(DEVICE, OTHERS), taken());
        assertEquals(List.of(), sink.seen);
    }

    @Test
    void shouldAnswerAnAccessThoughTheRecordOrTheVirtualIommuIsBroken() {
        old.traps().on("deviceEvent", () -> {
            throw new IllegalStateException("broken");
        });
        fault(DEVICE);
        old.traps().off("deviceEvent");
        old.traps().on("eventRequester", () -> {
            throw new IllegalStateException("broken");
        });
        fault(DEVICE);
        old.traps().off("eventRequester");
        assertEquals(List.of(DEVICE, DEVICE), taken());
        assertEquals(List.of(), sink.seen);
    }

    @Test
    void shouldKeepTheLastRecordsThatNobodyTakes() {
        for (int i = 0; i < 1030; i++) {
            fault(i == 0 ? OTHERS : DEVICE);
        }
        assertEquals(1029, sink.seen.size());
        assertEquals(1024, taken().size());
    }
}
