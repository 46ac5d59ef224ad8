package org.iommu4j.spapr.guest;

import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.spapr.Machine;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SpaprGuestDecoderTest {
    private static final long L = 0x8000_0000L;
    private static final int GET = 0x1c;
    private static final int PUT = 0x20;
    private static final int STUFF = 0x138;
    private static final int INDIRECT = 0x13c;

    private final Machine machine = Machine.of(2);
    private final GuestHost host = new GuestHost(machine);
    private GuestDecoder guest = machine.guest(HardwareConfig.of(2));

    private NativeCall call(int function, long... arguments) {
        NativeCall call = new NativeCall().begin(function);
        for (int i = 0; i < arguments.length; i++) {
            call.word(i, arguments[i]);
        }
        guest.call(call, host);
        return call;
    }

    @Test
    void shouldBindTheDefaultWindowWhenTheGuestFirstDoesSomething() {
        assertEquals(0, call(PUT, L, 0x1000, 0x20_0003).result());
        assertEquals(List.of("move 0x80000000 0", "bind 0 OK EXACT", "invalidate 0 OK EXACT"), host.take());
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000));
        assertEquals(0, call(PUT, L, 0x2000, 0x20_1003).result());
        assertEquals(List.of("invalidate 0 OK EXACT"), host.take());
    }

    @Test
    void shouldBindWhenADeviceFirstAccessesMemory() {
        guest.deviceAccess(LIOBN, host);
        assertEquals(List.of("move 0x80000000 0", "bind 0 OK EXACT"), host.take());
        guest.deviceAccess(0x0100, host);
        assertEquals(List.of("move 0x100 0"), host.take());
        guest.deviceAccess(0x0100, host);
        assertEquals(List.of(), host.take());
        call(PUT, L, 0x1000, 0x20_0003);
        assertEquals(0x20_0000, machine.read(0x0100, 0x1000));
    }

    @Test
    void shouldSendOneInvalidationForAListAndOneForAStuff() {
        guest.deviceAccess(LIOBN, host);
        host.take();
        for (int i = 0; i < 16; i++) {
            machine.memory().writeLongBe(0x5000 + 8L * i, 0x20_0003 + 0x1000L * i);
        }
        assertEquals(0, call(INDIRECT, L, 0x3000_0000, 0x5000, 16).result());
        assertEquals(List.of("invalidate 0 OK EXACT"), host.take());
        assertEquals(0x20_f008, machine.read(LIOBN, 0x3000_f008));
        assertEquals(0, call(STUFF, L, 0x3000_0000, 0, 16).result());
        assertEquals(List.of("invalidate 0 OK EXACT"), host.take());
        assertEquals(-1, machine.read(LIOBN, 0x3000_f008));
    }

    @Test
    void shouldAnswerAReadByItself() {
        call(PUT, L, 0x1000, 0x20_0001);
        host.take();
        assertEquals(0x20_0001, call(GET, L, 0x1000).word(0));
        assertEquals(List.of("handled"), host.take());
    }

    @Test
    void shouldReplaceAnEntryThatADeviceHasUsed() {
        call(PUT, L, 0x1000, 0x20_0003);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000));
        call(PUT, L, 0x1000, 0x30_0003);
        assertEquals(0x30_0000, machine.read(LIOBN, 0x1000));
    }

    @ParameterizedTest
    @CsvSource({"EBUSY, 1", "ENOMEM, -44", "ENODEV, -1", "EIO, -1"})
    void shouldPutEntriesBackIfTheContainerRefuses(Errno errno, long code) {
        call(PUT, L, 0x1000, 0x20_0003);
        host.failWith(errno);
        assertEquals(code, call(PUT, L, 0x1000, 0x30_0003).result());
        assertEquals(0x20_0003, call(GET, L, 0x1000).word(0));
        assertEquals(code, call(STUFF, L, 0, 0, 4).result());
        assertEquals(0x20_0003, call(GET, L, 0x1000).word(0));
    }

    @Test
    void shouldNotStoreWhileTheWindowIsNotBound() {
        host.failWith(Errno.ENODEV);
        assertEquals(-1, call(PUT, L, 0x1000, 0x20_0003).result());
        host.failWith(Errno.OK);
        assertEquals(0, call(PUT, L, 0x1000, 0x20_0003).result());
    }

    @Test
    void shouldSendNothingForACallThatIsWrong() {
        guest.deviceAccess(LIOBN, host);
        host.take();
        assertEquals(-4, call(PUT, L, 0x4000_0000, 0x20_0003).result());
        assertEquals(-4, call(PUT, L + 1, 0, 0x20_0003).result());
        assertEquals(-57, call(STUFF, L, 0, 0, 513).result());
        assertEquals(List.of(), host.take());
    }

    @ParameterizedTest
    @ValueSource(ints = {0xf100, 0xf101, 0xf102, 0x24})
    void shouldNotKnowTheHostsOwnCalls(int function) {
        assertEquals(-2, call(function, L, 0, 0, 0).result());
        assertTrue(host.take().stream().anyMatch(line -> line.startsWith("refused: ")));
    }

    @Test
    void shouldKeepTheStateOfTheGuestsOwnEndpoint() {
        NativeCall reset = Machine.rtasCall(0x2023, 1, 0, 0, 0, 1);
        guest.call(reset, host);
        assertEquals(0, reset.result());
        NativeCall state = Machine.rtasCall(0x2022, 4, 0, 0, 0);
        guest.call(state, host);
        assertEquals(1, state.word(0));
    }

    @Test
    void shouldGoOnAfterASwap() {
        call(PUT, L, 0x1000, 0x20_0003);
        guest.deviceAccess(0x0100, host);
        host.take();
        Snapshot state = guest.save();
        guest = machine.backend().restoreGuestDecoder(state, machine.platform());
        assertArrayEquals(state.bytes(), guest.save().bytes());
        assertEquals(0x20_0003, call(GET, L, 0x1000).word(0));
        call(PUT, L, 0x1000, 0x30_0003);
        guest.deviceAccess(0x0100, host);
        assertEquals(List.of("handled", "invalidate 0 OK EXACT"), host.take());
        assertEquals(0x30_0000, machine.read(0x0100, 0x1000));
    }

    @Test
    void shouldRefuseADamagedState() {
        call(PUT, L, 0x1000, 0x20_0003);
        byte[] bytes = guest.save().bytes();
        for (int i = 0; i < bytes.length; i++) {
            byte[] damaged = bytes.clone();
            damaged[i] ^= 0x10;
            Snapshot state = new Snapshot(IommuModel.SPAPR, Snapshot.Kind.GUEST, 1, damaged);
            assertThrows(
                    BackendException.class, () -> machine.backend().restoreGuestDecoder(state, machine.platform()));
        }
    }

    @Test
    void shouldNeedTheHostsPages() {
        assertThrows(
                BackendException.class,
                () -> machine.backend().createGuestDecoder(HardwareConfig.of(2), machine.memory()));
    }

    @Test
    void shouldNameACallAsTheCapturesDo() {
        assertEquals("H_PUT_TCE", guest.commandName(new byte[] {0, 0, 0, 0, 0, 0, 0, 0x20}));
        assertEquals("0x24", guest.commandName(new byte[] {0, 0, 0, 0, 0, 0, 0, 0x24}));
    }

    private long release(int option) {
        return call(SpaprCall.SET_EEH_OPTION, 4, 1, 0x0100 << 8, 0, 0, option).result();
    }

    @Test
    void shouldKeepTheEndpointStoppedWhileTheContainerDoesNotReleaseTheHosts() {
        guest.deviceAccess(LIOBN, host);
        guest.deviceEvent(new byte[16], host);
        assertEquals(0, release(2));
        host.failWith(Errno.EIO);
        assertEquals(-1, release(3));
        host.failWith(Errno.OK);
        assertEquals(0, release(3));
        assertEquals(-3, release(3), "nothing is left to be released");
    }

    @Test
    void shouldStopNothingWhereTheGuestsBridgeDoesNotStop() {
        guest = machine.guest(new HardwareConfig(2, Map.of(), Map.of(), CacheConfig.NONE, Map.of("eeh", "off")));
        guest.deviceAccess(LIOBN, host);
        guest.deviceEvent(new byte[16], host);
        assertEquals(-3, release(2));
    }
}
