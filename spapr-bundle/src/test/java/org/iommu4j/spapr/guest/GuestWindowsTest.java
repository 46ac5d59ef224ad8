package org.iommu4j.spapr.guest;

import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.contract.Errno;
import org.iommu4j.spapr.Machine;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Dynamic windows of a guest, from generation 3 on: each is bound under its LIOBN and unbound when it goes. */
class GuestWindowsTest {
    private static final int QUERY = 0x2026;
    private static final int CREATE = 0x2027;
    private static final int REMOVE = 0x2028;
    private static final int RESET = 0x2029;
    private static final int PUT = 0x20;
    private static final long SECOND = 1L << 59;

    private final Machine machine = Machine.of(3);
    private final GuestHost host = new GuestHost(machine);
    private GuestDecoder guest = machine.guest(HardwareConfig.of(3));

    private NativeCall rtas(int token, int returns, long... arguments) {
        NativeCall call = Machine.rtasCall(token, returns, arguments);
        guest.call(call, host);
        return call;
    }

    private long put(long liobn, long iova, long tce) {
        NativeCall call =
                new NativeCall().begin(PUT).word(0, liobn).word(1, iova).word(2, tce);
        guest.call(call, host);
        return call.result();
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void shouldBindANewWindowAndTranslateThroughIt(int subVersion) {
        Machine other = Machine.of(subVersion);
        GuestHost otherHost = new GuestHost(other);
        GuestDecoder decoder = other.guest(HardwareConfig.of(subVersion));
        NativeCall create = Machine.rtasCall(CREATE, 4, 0, 0, 0, 16, 35);
        decoder.call(create, otherHost);
        assertEquals(0, create.result());
        assertEquals(List.of(0x8000_0001L, 0x0800_0000L, 0L), List.of(create.word(0), create.word(1), create.word(2)));
        NativeCall put = new NativeCall()
                .begin(PUT)
                .word(0, 0x8000_0001L)
                .word(1, SECOND + 0x1_0000)
                .word(2, 0x21_0003);
        decoder.call(put, otherHost);
        assertEquals(0, put.result());
        assertEquals(0x21_0abc, other.read(LIOBN + 1, SECOND + 0x1_0abc));
        decoder.deviceAccess(0x0100, otherHost);
        assertEquals(0x21_0abc, other.read(0x0100, SECOND + 0x1_0abc));
    }

    @Test
    void shouldUnbindAWindowThatGoes() {
        rtas(CREATE, 4, 0, 0, 0, 16, 20);
        put(0x8000_0001L, SECOND, 0x20_0003);
        assertEquals(0x20_0000, machine.read(LIOBN + 1, SECOND));
        host.take();
        assertEquals(0, rtas(REMOVE, 1, 0x8000_0001L).result());
        assertEquals(List.of("unbind 0 OK EXACT", "move 0x80000001 -1", "handled"), host.take());
        assertEquals(-1, machine.read(LIOBN + 1, SECOND));
        assertEquals(-4, put(0x8000_0001L, SECOND, 0x20_0003));
    }

    @Test
    void shouldBringTheDefaultWindowBackEmpty() {
        // quirks 11 and 20
        put(0x8000_0000L, 0x1000, 0x20_0003);
        assertEquals(0, rtas(REMOVE, 1, 0x8000_0000L).result());
        assertEquals(-1, machine.read(LIOBN, 0x1000));
        NativeCall create = rtas(CREATE, 4, 0, 0, 0, 16, 30);
        assertEquals(List.of(0x8000_0000L, 0L, 0L), List.of(create.word(0), create.word(1), create.word(2)));
        put(0x8000_0000L, 0, 0x20_0003);
        assertEquals(0x20_1000, machine.read(LIOBN, 0x1000), "a window of 64 KiB pages at 0");
        assertEquals(0, rtas(REMOVE, 1, 0x8000_0000L).result());
        assertEquals(-1, machine.read(LIOBN, 0x1000));
        assertEquals(0, put(0x8000_0000L, 0x1000, 0x30_0003), "the default window, 4 KiB pages");
        assertEquals(-1, machine.read(LIOBN, 0x1000), "the empty table has stopped the host's endpoint");
    }

    @Test
    void shouldSayHowManyWindowsAreLeft() {
        assertEquals(1, rtas(QUERY, 5, 0, 0, 0).word(0));
        rtas(CREATE, 4, 0, 0, 0, 16, 20);
        assertEquals(0, rtas(QUERY, 5, 0, 0, 0).word(0));
        assertEquals(-3, rtas(CREATE, 4, 0, 0, 0, 16, 20).result());
        assertEquals(0, rtas(RESET, 1, 0, 0, 0).result());
        assertEquals(1, rtas(QUERY, 5, 0, 0, 0).word(0));
    }

    @Test
    void shouldAnswerAHardwareErrorIfTheContainerRefuses() {
        rtas(QUERY, 5, 0, 0, 0);
        host.failWith(Errno.ENOSPC);
        assertEquals(-1, rtas(CREATE, 4, 0, 0, 0, 16, 20).result());
        host.failWith(Errno.OK);
        assertEquals(1, rtas(QUERY, 5, 0, 0, 0).word(0), "nothing was made");
        assertEquals(0, rtas(CREATE, 4, 0, 0, 0, 16, 20).result());
        host.failWith(Errno.EIO);
        assertEquals(-1, rtas(REMOVE, 1, 0x8000_0001L).result());
        host.failWith(Errno.OK);
        assertEquals(0, rtas(QUERY, 5, 0, 0, 0).word(0), "it is still there");
    }

    @Test
    void shouldKeepDynamicWindowsOverASwap() {
        rtas(CREATE, 4, 0, 0, 0, 16, 20);
        put(0x8000_0001L, SECOND, 0x20_0003);
        guest = machine.backend().restoreGuestDecoder(guest.save(), machine.platform());
        machine.swap();
        assertEquals(0x20_0000, machine.read(LIOBN + 1, SECOND));
        assertEquals(0, put(0x8000_0001L, SECOND, 0x30_0003));
        assertEquals(0x30_0000, machine.read(LIOBN + 1, SECOND));
    }

    @Test
    void shouldHaveNoDynamicWindowsBeforeGeneration3() {
        Machine two = Machine.of(2);
        GuestHost twoHost = new GuestHost(two);
        NativeCall call = Machine.rtasCall(CREATE, 4, 0, 0, 0, 16, 20);
        two.guest(HardwareConfig.of(2)).call(call, twoHost);
        assertEquals(-3, call.result());
        assertTrue(twoHost.take().stream().anyMatch(line -> line.startsWith("refused: ")));
    }
}
