package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class GuestTest {
    private final Bench bench = new Bench();
    private final RecordingRequests sink = new RecordingRequests();
    private FakeBackend old;
    private Unit unit;
    private Guest guest;

    @BeforeEach
    void open() {
        old = bench.arrived("1.0.0");
        unit = bench.unit(1);
        guest = unit.openGuest(HardwareConfig.of(1), sink);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldReachTheDecoder() {
        guest.writeRegister(0, 8, 7);
        guest.command(new byte[16]);
        guest.deviceAccess(3);
        NativeCall call = new NativeCall().begin(1);
        guest.call(call);
        assertEquals(7, call.result());
        guest.deviceAccess(3, 5);
        guest.deviceEvent(new byte[16]);
        assertEquals(List.of("handled register", "request 16", "move 3 0", "move 3 5", "handled event"), sink.seen);
        assertEquals("command of 1.0.0", guest.commandName(new byte[16]));
    }

    @Test
    void shouldFollowItsUnitOverSwaps() {
        guest.writeRegister(0, 8, 7);
        bench.arrived("1.1.0");
        assertEquals("command of 1.1.0", guest.commandName(new byte[16]));
        assertEquals(7, guest.readRegister(0, 8));
        bench.swap("1.0.0");
        assertEquals("command of 1.0.0", guest.commandName(new byte[16]));
        assertEquals(7, guest.readRegister(0, 8));
    }

    @Test
    void shouldFollowItsUnitOverABackendThatLeaves() {
        guest.writeRegister(0, 8, 7);
        bench.core.leaving(old);
        bench.arrived("1.0.1");
        assertEquals(7, guest.readRegister(0, 8));
    }

    @Test
    void shouldRollBackWhenTheDecoderIsNotRestored() {
        guest.writeRegister(0, 8, 7);
        FakeBackend broken = bench.backend("2.0.0");
        broken.traps().on("restoreGuestDecoder", () -> {
            throw new BackendException(Errno.EINVAL, "damaged");
        });
        bench.core.arrived(broken);
        assertEquals(Outcome.ROLLED_BACK, bench.core.swaps().get(0).outcome());
        assertEquals("command of 1.0.0", guest.commandName(new byte[16]));
        assertEquals(7, guest.readRegister(0, 8));
    }

    @Test
    void shouldSayThatItIsLostWhenItsStateIsLost() {
        old.traps().on("saveGuest", () -> {
            throw new IllegalStateException("crashed");
        });
        bench.core.leaving(old);
        bench.arrived("1.0.1");
        BackendException lost = assertThrows(BackendException.class, () -> guest.readRegister(0, 8));
        assertEquals(Errno.ESTALE, lost.errno());
        assertTrue(lost.getMessage().contains("crashed"), lost.getMessage());
        bench.arrived("1.0.2");
        BackendException still = assertThrows(BackendException.class, () -> guest.readRegister(0, 8));
        assertEquals(lost.getMessage(), still.getMessage());
    }

    @Test
    void shouldAnswerTypedWhenTheDecoderThrows() {
        old.traps().on("guestCommand", () -> {
            throw new ArrayIndexOutOfBoundsException("16");
        });
        BackendException broken = assertThrows(BackendException.class, () -> guest.command(new byte[16]));
        assertEquals(Errno.EIO, broken.errno());
        old.traps().off("guestCommand");
        guest.command(new byte[16]);
        assertEquals(List.of("request 16"), sink.seen);
    }

    @Test
    void shouldRefuseABadConfiguration() {
        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> unit.openGuest(null, sink))
                        .errno());
        old.traps().on("createGuestDecoder", () -> {
            throw new BackendException(Errno.EPROTONOSUPPORT, "no such generation");
        });
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(BackendException.class, () -> unit.openGuest(HardwareConfig.of(99), sink))
                        .errno());
        unit.close();
        assertThrows(BackendException.class, () -> unit.openGuest(HardwareConfig.of(1), sink));
        assertThrows(BackendException.class, () -> guest.readRegister(0, 8));
    }

    /** The sink calls containers of the same unit while swaps hold and release everything. */
    @Test
    void shouldNeitherDeadlockNorLoseCallsWhileSwapped() throws Exception {
        bench.arrived("1.1.0");
        Container container = Bench.container(unit, 1);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        AtomicBoolean stop = new AtomicBoolean();
        long[] sent = new long[1];
        Guest calling = unit.openGuest(HardwareConfig.of(1), new RecordingRequests() {
            @Override
            public Completion request(int guestDomain, byte[] bytes) {
                return Bench.send(container, Bench.invalidate(1, ++sent[0]));
            }

            @Override
            public void move(int requester, int guestDomain) {
                Container extra = Bench.container(unit, 1);
                extra.attach(requester, new Completion());
                extra.close();
            }
        });
        Thread client = new Thread(() -> {
            try {
                while (!stop.get()) {
                    calling.command(new byte[16]);
                    calling.deviceAccess(5);
                }
            } catch (RuntimeException | Error e) {
                failure.set(e);
            }
        });
        client.start();
        for (int i = 0; i < 100; i++) {
            assertEquals(
                    Outcome.DONE, bench.swap(i % 2 == 0 ? "1.0.0" : "1.1.0").outcome());
        }
        stop.set(true);
        client.join();
        assertEquals(null, failure.get());
        assertEquals(sent[0], bench.journal.completed(container.id()).size());
        for (String event : bench.journal.events()) {
            assertTrue(!event.contains("after"), event);
        }
    }
}
