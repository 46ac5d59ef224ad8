package org.iommu4j.testbench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.Map;
import java.util.stream.LongStream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.SpaprCall;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Faults of devices that stop them show in the virtual devices of the guest whose they are, and of no other; guests recover by calls. */
class GuestFaultsTest {
    private static final int GENERATION = 2;

    private final IommuCore core = new IommuCore(new SimulatedPlatformFactory());
    private Unit unit;

    /** A guest with a container for each of its domains. */
    private final class CallingGuest implements GuestRequests {
        private final Map<Integer, Container> containers = new HashMap<>();
        private final Guest virtual = unit.openGuest(HardwareConfig.of(GENERATION), this);
        private final NativeCall call = new NativeCall();

        long call(int function, long... words) {
            call.begin(function);
            for (int i = 0; i < words.length; i++) {
                call.word(i, words[i]);
            }
            virtual.call(call);
            return call.result();
        }

        private Container container(int domain) {
            return containers.computeIfAbsent(
                    domain, number -> unit.openContainer(ContainerConfig.of(Offer.exactly(unit.model(), GENERATION))));
        }

        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            Completion answer = new Completion();
            container(guestDomain).ioctl(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, answer);
            return answer;
        }

        @Override
        public void handled(String why) {
            // Not looked at.
        }

        @Override
        public void refused(String reason) {
            // What the guest is answered is looked at.
        }

        @Override
        public void move(int requester, int guestDomain) {
            containers.values().forEach(container -> container.detach(requester, new Completion()));
            if (guestDomain >= 0) {
                assertEquals(0, container(guestDomain).attach(requester, new Completion()));
            }
        }
    }

    private void open(Backend backend) {
        core.arrived(backend);
        IommuModel model = backend.describe().model();
        unit = core.openUnit(UnitConfig.of(model, HardwareConfig.of(GENERATION)));
    }

    @AfterEach
    void close() {
        core.close();
    }

    private DmaAccess.Outcome read(int requester, long iova) {
        DmaAccess access = new DmaAccess().begin(requester, iova, DmaAccess.READ);
        unit.dma(access);
        return access.outcome();
    }

    // ---- zPCI, docs/spec/s390-zpci.md 2.3 and 3.4

    private static final int CLP = 0xB9A0;
    private static final int MPCIFC = 0xE3D0;
    private static final int RPCIT = 0xB9D3;
    private static final int REGISTER = 4;
    private static final int RESET_ERROR = 7;
    private static final long TABLES = 0x1000_0000L;
    private static final long IOTA = 0x1000_0804L;
    private static final long FIRST = 0x1_0000_0000L;
    private static final long LAST = 0x1_ffff_ffffL;
    private static final long BLOCK = 0x5000_0000L;

    /** CLP set function; the answer is the handle. */
    private int set(CallingGuest guest, int handle, int operation) {
        PhysicalMemory memory = unit.platform().memory();
        byte[] request = Clp.setFunction(handle, operation);
        memory.write(BLOCK, request, 0, request.length);
        memory.writeLongBe(BLOCK + request.length, 32L << 48);
        assertEquals(0, guest.call(CLP, BLOCK));
        return (int) (memory.readLongBe(BLOCK + request.length + 16) >>> Integer.SIZE);
    }

    private long control(CallingGuest guest, int handle, int operation) {
        long[] fib = {0, 0, FIRST, LAST, IOTA, 0, 0, 0, 0, 0};
        for (int i = 0; i < fib.length; i++) {
            unit.platform().memory().writeLongBe(BLOCK + (long) i * Long.BYTES, fib[i]);
        }
        return guest.call(MPCIFC, ((long) handle << Integer.SIZE) | operation, BLOCK);
    }

    private static long refresh(CallingGuest guest, int handle) {
        return guest.call(RPCIT, (long) handle << Integer.SIZE, FIRST, 0x1000);
    }

    @Test
    void shouldStopTheFunctionOfTheGuestUntilItIsRecovered() {
        open(new ZpciBackend());
        PhysicalMemory memory = unit.platform().memory();
        LongStream.range(0, 0x2000).forEach(entry -> memory.writeLongBe(TABLES + entry * Long.BYTES, 0x420));
        memory.writeLongBe(TABLES + 2 * Long.BYTES, (TABLES + 0x4000) | 7);
        memory.writeLongBe(TABLES + 0x4000, TABLES + 0x8000);
        memory.writeLongBe(TABLES + 0x8000, 0x1234_5000L);
        CallingGuest guest = new CallingGuest();
        CallingGuest others = new CallingGuest();
        // The guest has used its handle before, so that the host's function is in another life.
        set(guest, 0x0002_0001, 0);
        set(guest, 0x8002_0001, 1);
        int handle = set(guest, 0x0102_0001, 0);
        int another = set(others, 0x0002_0002, 0);
        assertEquals(0, control(guest, handle, REGISTER));
        assertEquals(0, control(others, another, REGISTER));
        assertEquals(DmaAccess.Outcome.TRANSLATED, read(handle, FIRST));
        assertEquals(DmaAccess.Outcome.FAULT, read(handle, FIRST + 0x1000));
        assertEquals(1, refresh(guest, handle));
        assertEquals(0, refresh(others, another));
        assertEquals(DmaAccess.Outcome.BLOCKED, read(handle, FIRST));
        assertEquals(0, control(guest, handle, RESET_ERROR));
        assertEquals(DmaAccess.Outcome.TRANSLATED, read(handle, FIRST));
        assertEquals(0, refresh(guest, handle));
    }

    // ---- sPAPR, docs/spec/spapr-tce.md 2.4

    private static final int DEVICE = 0x0100;
    private static final long LIOBN = 0x8000_0000L;

    private static long rtas(CallingGuest guest, int function, int returns, long... arguments) {
        long[] words = new long[CallFormat.RTAS_FIRST_ARGUMENT + arguments.length];
        words[CallFormat.RTAS_ARGUMENT_COUNT] = arguments.length;
        words[CallFormat.RTAS_RETURN_COUNT] = returns;
        System.arraycopy(arguments, 0, words, CallFormat.RTAS_FIRST_ARGUMENT, arguments.length);
        return guest.call(function, words);
    }

    private static long state(CallingGuest guest) {
        assertEquals(0, rtas(guest, SpaprCall.READ_SLOT_RESET_STATE2, 4, DEVICE << 8, 0, 0));
        return guest.call.word(0);
    }

    private static long option(CallingGuest guest, long option) {
        return rtas(guest, SpaprCall.SET_EEH_OPTION, 1, DEVICE << 8, 0, 0, option);
    }

    @Test
    void shouldStopTheEndpointOfTheGuestUntilItIsReleased() {
        open(new SpaprBackend());
        CallingGuest guest = new CallingGuest();
        guest.virtual.deviceAccess(DEVICE);
        assertEquals(0, guest.call(SpaprCall.H_PUT_TCE, LIOBN, 0x1000, 0x20_0003));
        assertEquals(DmaAccess.Outcome.TRANSLATED, read(DEVICE, 0x1000));
        assertEquals(0, state(guest));
        assertEquals(DmaAccess.Outcome.FAULT, read(DEVICE, 0x2000));
        assertEquals(2, state(guest));
        assertEquals(DmaAccess.Outcome.BLOCKED, read(DEVICE, 0x1000));
        assertEquals(0, option(guest, 2));
        assertEquals(4, state(guest));
        assertEquals(0, option(guest, 3));
        assertEquals(0, state(guest));
        assertEquals(DmaAccess.Outcome.TRANSLATED, read(DEVICE, 0x1000));
    }

    @Test
    void shouldGoOnWhereTheGuestHasNoErrorHandling() {
        open(new SpaprBackend());
        CallingGuest guest = new CallingGuest();
        guest.virtual.deviceAccess(DEVICE);
        assertEquals(0, guest.call(SpaprCall.H_PUT_TCE, LIOBN, 0x1000, 0x20_0003));
        assertEquals(0, option(guest, 0));
        assertEquals(DmaAccess.Outcome.FAULT, read(DEVICE, 0x2000));
        assertEquals(0, state(guest));
        assertEquals(DmaAccess.Outcome.TRANSLATED, read(DEVICE, 0x1000));
    }
}
