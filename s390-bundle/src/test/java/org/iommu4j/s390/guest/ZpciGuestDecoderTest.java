package org.iommu4j.s390.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.contract.Errno;
import org.iommu4j.s390.Machine;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.api.Test;

/** A guest in front of a host: handles of its own, requests for what it registers and refreshes, codes that it must see. */
class ZpciGuestDecoderTest {
    private static final int FUNCTION = 0x8002_0001;
    private static final long PAGE = 0x1_0000_2000L;
    private static final long BLOCK = 0x6000_0000L;

    private final Machine host = Machine.of(2).withFreshTables();
    private final GuestHost containers = new GuestHost(host, handle -> handle & 0xffff);
    private final NativeCall call = new NativeCall();
    private GuestDecoder guest = host.backend().createGuestDecoder(HardwareConfig.of(2), host.memory());

    private long execute(int function, long... words) {
        call.begin(function);
        for (int i = 0; i < words.length; i++) {
            call.word(i, words[i]);
        }
        guest.call(call, containers);
        return call.result();
    }

    private int status() {
        return (int) (call.word(0) >>> 24) & 0xff;
    }

    private int set(int handle, int operation) {
        byte[] request = Clp.setFunction(handle, operation);
        host.memory().write(BLOCK, request, 0, request.length);
        host.write(BLOCK + request.length, 32L << 48);
        assertEquals(0, execute(0xB9A0, BLOCK));
        return Integer.parseUnsignedInt(host.hex(BLOCK + 32 + 16, 4), 16);
    }

    private long mpcifc(int handle, int operation) {
        return mpcifc(handle, operation, Machine.IOTA);
    }

    private long mpcifc(int handle, int operation, long iota) {
        host.write(BLOCK, 0, 0, Machine.PBA, Machine.PAL, iota, 0, 0, 0, 0, 0);
        return execute(0xE3D0, (long) handle << 32 | operation, BLOCK);
    }

    private long rpcit(int handle, long start, long length) {
        return execute(0xB9D3, (long) handle << 32, start, length);
    }

    private void setUp() {
        assertEquals(FUNCTION, set(0x0002_0001, 0));
        assertEquals(0, mpcifc(FUNCTION, 4));
        containers.take();
        host.takeHex();
    }

    @Test
    void shouldGiveTheGuestHandlesOfItsOwn() {
        assertEquals(FUNCTION, set(0x0002_0001, 0));
        assertEquals(List.of("handled"), containers.take());
        assertEquals(0x0102_0001, set(FUNCTION, 1));
        assertEquals(List.of("handled"), containers.take());
    }

    @Test
    void shouldBindWhatTheGuestRegistersInTheFunctionsContainer() {
        set(0x0002_0001, 0);
        containers.take();
        assertEquals(0, mpcifc(FUNCTION, 4));
        assertEquals(List.of("move 0x80020001 1", "bind 1 OK EXACT"), containers.take());
        assertEquals("12345000", host.read(FUNCTION, PAGE));
        assertEquals(0, mpcifc(FUNCTION, 6, Machine.IOTA | 0x200));
        assertEquals(List.of("bind 1 OK EXACT"), containers.take());
        assertEquals(0, mpcifc(FUNCTION, 5));
        assertEquals(List.of("unbind 1 OK EXACT", "move 0x80020001 -1"), containers.take());
        assertEquals("blocked", host.read(FUNCTION, PAGE));
    }

    @Test
    void shouldInvalidateWhatTheGuestRefreshes() {
        setUp();
        host.page(2, 0x3000_0000L);
        assertEquals(0, rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(List.of("invalidate 1 OK EXACT"), containers.take());
        assertEquals(List.of("0000000100002000 0000000000001000"), host.takeRefreshes());
        assertEquals("30000000", host.read(FUNCTION, PAGE));
        assertEquals(0, rpcit(FUNCTION, 0xffff_0000L, 0x2_0000_0000L));
        assertEquals(List.of("0000000100000000 0000000100000000"), host.takeRefreshes(), "clamped: all of it");
        assertEquals(0, rpcit(FUNCTION, PAGE + 0xff0, 0x20));
        assertEquals(List.of("0000000100002000 0000000000002000"), host.takeRefreshes(), "whole pages");
    }

    @Test
    void shouldAnswerWhatIsWrongInTheGuestWithoutTheHost() {
        setUp();
        assertEquals(3, rpcit(0x8102_0001, PAGE, 0x1000));
        assertEquals(List.of("refused: RPCIT ended with condition code 3, status 0"), containers.take());
        assertEquals(1, mpcifc(FUNCTION, 4));
        assertEquals(24, status());
        assertEquals(
                List.of("refused: MPCIFC register IOAT ended with condition code 1, status 24"), containers.take());
        assertEquals(1, rpcit(FUNCTION, 0x2_0000_0000L, 0x1000));
        assertEquals(8, status());
        assertEquals(List.of(), host.takeHex());
    }

    @Test
    void shouldTellTheGuestOfItsOwnTableErrorsAndRecoverWithTheHost() {
        setUp();
        host.page(2, 0);
        assertEquals(1, rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(8, status());
        assertEquals(1, rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(40, status());
        host.page(2, 0x3000_0000L);
        assertEquals(0, mpcifc(FUNCTION, 7));
        assertEquals(0, rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals("30000000", host.read(FUNCTION, PAGE));
    }

    @Test
    void shouldNeverAcknowledgeWhatTheHostDidNotDo() {
        setUp();
        Map<Errno, Integer> statuses = Map.of(Errno.ENOMEM, 16, Errno.EIO, 40, Errno.ESTALE, 40, Errno.ENODEV, 40);
        statuses.forEach((errno, status) -> {
            containers.failWith(errno);
            assertEquals(1, rpcit(FUNCTION, PAGE, 0x1000));
            assertEquals(status, status(), errno.name());
        });
        containers.failWith(Errno.EBUSY);
        assertEquals(2, rpcit(FUNCTION, PAGE, 0x1000));
        containers.failWith(Errno.EIO);
        assertEquals(1, mpcifc(FUNCTION, 5));
        byte[] request = Clp.setFunction(FUNCTION, 1);
        host.memory().write(BLOCK, request, 0, request.length);
        host.write(BLOCK + request.length, 32L << 48);
        execute(0xB9A0, BLOCK);
        assertEquals("0108", host.hex(BLOCK + 34, 2), "busy: the function is still what it was");
        containers.failWith(Errno.OK);
        assertEquals(0, mpcifc(FUNCTION, 5));
        containers.failWith(Errno.ENOMEM);
        assertEquals(1, mpcifc(FUNCTION, 4));
        assertEquals(16, status());
        containers.failWith(Errno.EOPNOTSUPP);
        assertEquals(1, mpcifc(FUNCTION, 4));
        assertEquals(4, status());
    }

    @Test
    void shouldReportShortageOfTheHostsMappingsAsStatus16() {
        Machine small = Machine.of(2, Map.of("dma_avail", 1L)).withFreshTables();
        GuestDecoder functions = small.backend().createGuestDecoder(HardwareConfig.of(2), small.memory());
        GuestHost hosts = new GuestHost(small, handle -> handle & 0xffff);
        byte[] request = Clp.setFunction(0x0002_0001, 0);
        small.memory().write(BLOCK, request, 0, request.length);
        small.write(BLOCK + request.length, 32L << 48);
        functions.call(call.begin(0xB9A0).word(0, BLOCK), hosts);
        small.write(BLOCK, 0, 0, Machine.PBA, Machine.PAL, Machine.IOTA, 0, 0, 0, 0, 0);
        functions.call(call.begin(0xE3D0).word(0, 0x8002_0001_0000_0004L).word(1, BLOCK), hosts);
        assertEquals(0, call.result());
        small.page(3, 0x3000_0000L);
        functions.call(
                call.begin(0xB9D3)
                        .word(0, 0x8002_0001_0000_0000L)
                        .word(1, 0x1_0000_3000L)
                        .word(2, 0x1000),
                hosts);
        assertEquals(1, call.result());
        assertEquals(16, status());
    }

    @Test
    void shouldUnbindWhenTheGuestDisablesAFunction() {
        setUp();
        assertEquals(0x0102_0001, set(FUNCTION, 1));
        assertEquals(List.of("unbind 1 OK EXACT", "move 0x80020001 -1"), containers.take());
        assertEquals("blocked", host.read(FUNCTION, PAGE));
        assertEquals(0x8102_0001, set(0x0102_0001, 0));
        assertEquals(0, mpcifc(0x8102_0001, 4));
        assertEquals("12345000", host.read(0x8102_0001, PAGE));
    }

    @Test
    void shouldGoOnAfterASwap() {
        setUp();
        guest = host.backend().restoreGuestDecoder(guest.save(), host.memory());
        host.page(2, 0x3000_0000L);
        assertEquals(0, rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals("30000000", host.read(FUNCTION, PAGE));
        assertEquals(
                guest.save(),
                host.backend().restoreGuestDecoder(guest.save(), host.memory()).save());
    }

    @Test
    void shouldHaveNeitherRegistersNorQueue() {
        assertEquals(0, guest.readRegister(0, 8));
        guest.writeRegister(0, 8, 1, containers);
        guest.command(new byte[16], containers);
        guest.deviceAccess(1, containers);
        assertEquals(
                List.of("refused: zPCI has instructions, no registers", "refused: zPCI has instructions, no queue"),
                containers.take());
        assertEquals("rpcit", guest.commandName(HexFormat.of().parseHex("b9d30024")));
        assertEquals("unknown", guest.commandName(new byte[1]));
    }
}
