package org.iommu4j.s390;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.BackendMachine;

/** A machine with PCI functions, its memory and, once it is asked for, its driver, joined as the core joins them. */
public final class Machine extends BackendMachine {
    /** The tables of docs/spec/s390-zpci.md 8: region third, segment and page table, and their anchor. */
    public static final long RT = 0x1000_0000L;

    public static final long ST = 0x1000_4000L;
    public static final long PT = 0x1000_8000L;
    public static final long IOTA = 0x1000_0804L;

    /** The aperture of docs/spec/s390-zpci.md 8. */
    public static final long PBA = 0x1_0000_0000L;

    public static final long PAL = 0x1_ffff_ffffL;

    private static final long OPERANDS = 0x5000_0000L;

    private final NativeCall call = new NativeCall();

    private Machine(HardwareConfig config) {
        super(
                new ZpciBackend(),
                config,
                new SimulatedPlatform(new PlatformConfig(52, List.of(), (address, data) -> {}, DevicePort.COMPLETING)));
    }

    /** A machine of a generation's default capabilities. */
    public static Machine of(int subVersion) {
        return of(HardwareConfig.of(subVersion));
    }

    /** A machine of that configuration. */
    public static Machine of(HardwareConfig config) {
        return new Machine(config);
    }

    /** A machine with capabilities. */
    public static Machine of(int subVersion, Map<String, Long> capabilities) {
        return of(config(subVersion, capabilities, Map.of()));
    }

    public static HardwareConfig config(int subVersion, Map<String, Long> capabilities, Map<String, String> options) {
        return new HardwareConfig(subVersion, Map.of("clp", capabilities), Map.of(), CacheConfig.WORST_CASE, options);
    }

    // ---- memory

    /** Writes big-endian words. */
    public Machine write(long pa, long... words) {
        for (int i = 0; i < words.length; i++) {
            memory().writeLongBe(pa + i * 8L, words[i]);
        }
        return this;
    }

    /** The tables of docs/spec/s390-zpci.md 8 with their first page: 100002000 goes to 12345000. */
    public Machine withTables() {
        return write(RT + 2 * 8, 0x1000_4007L).write(ST, 0x1000_8000L).page(2, 0x1234_5000L);
    }

    /** An entry of the page table of docs/spec/s390-zpci.md 8. */
    public Machine page(int index, long entry) {
        return write(PT + index * 8L, entry);
    }

    /** Every table filled with entries that are invalid, as Linux makes fresh ones. */
    public Machine withFreshTables() {
        for (int i = 0; i < 2048; i++) {
            write(RT + i * 8L, 0x20);
            write(ST + i * 8L, 0x20);
        }
        for (int i = 0; i < 256; i++) {
            page(i, 0x400);
        }
        return withTables();
    }

    // ---- instructions

    /** Executes an instruction; the answer is condition code or negated program interruption. */
    public long execute(int function, long... words) {
        call.begin(function);
        for (int i = 0; i < words.length; i++) {
            call.word(i, words[i]);
        }
        chip().call(call);
        return call.result();
    }

    /** A word of the last instruction as it left it. */
    public long register(int word) {
        return call.word(word);
    }

    /** Status of the last instruction. */
    public int status() {
        return (int) (call.word(0) >>> 24) & 0xff;
    }

    public long rpcit(int handle, long start, long length) {
        return execute(0xB9D3, (long) handle << 32, start, length);
    }

    public long mpcifc(int handle, int operation, long pba, long pal, long iota) {
        write(OPERANDS, 0, 0, pba, pal, iota, 0, 0, 0, 0, 0);
        return execute(0xE3D0, (long) handle << 32 | operation, OPERANDS);
    }

    public long mpcifc(int handle, int operation) {
        return mpcifc(handle, operation, 0, 0, 0);
    }

    /** STPCIFC; the block is at {@link #fib}. */
    public long stpcifc(int handle) {
        return execute(0xE3D4, (long) handle << 32, OPERANDS);
    }

    /** The block that the last STPCIFC stored. */
    public String fib() {
        return hex(OPERANDS, 80);
    }

    /** CLP; request and answer as hex. */
    public String clp(String request, int responseBytes) {
        byte[] bytes = HexFormat.of().parseHex(request.replace(" ", ""));
        memory().write(OPERANDS, bytes, 0, bytes.length);
        write(OPERANDS + bytes.length, (long) responseBytes << 48, 0);
        long result = execute(0xB9A0, OPERANDS);
        return result == 0 ? hex(OPERANDS + bytes.length, responseBytes) : "cc " + result;
    }

    /** Enables a function by its handle; the answer is the new one. */
    public int enable(int handle) {
        return set(handle, 0);
    }

    public int disable(int handle) {
        return set(handle, 1);
    }

    private int set(int handle, int operation) {
        String answer = clp(
                String.format("00200005000000000000000000000000%08x0000%02x01", handle, operation) + "0".repeat(16),
                32);
        return Integer.parseUnsignedInt(answer.substring(32, 40), 16);
    }

    /** The setup of docs/spec/s390-zpci.md 8: function 1 is enabled and registered; the answer is its handle. */
    public int setUp() {
        int handle = enable(0x0002_0001);
        if (mpcifc(handle, 4, PBA, PAL, IOTA) != 0) {
            throw new AssertionError("registration: status " + status());
        }
        return handle;
    }

    public String hex(long pa, int length) {
        byte[] bytes = new byte[length];
        memory().read(pa, bytes, 0, length);
        return HexFormat.of().formatHex(bytes);
    }

    // ---- accesses

    /** Result of an access: an address, "code n", or "blocked". */
    public String access(int handle, long iova, int rights) {
        DmaAccess access = dma(handle, iova, rights);
        return switch (access.outcome()) {
            case TRANSLATED -> Long.toHexString(access.spa());
            case FAULT -> "code " + access.faultCode();
            default -> "blocked";
        };
    }

    public String read(int handle, long iova) {
        return access(handle, iova, DmaAccess.READ);
    }

    public String writeAccess(int handle, long iova) {
        return access(handle, iova, DmaAccess.WRITE);
    }

    /** Addresses of cached translations, in order. */
    public List<String> cached() {
        List<String> cached = new ArrayList<>();
        chip().visitCache((cache, tag, pasid, iova, length, pa) -> cached.add(
                tag + ":" + Long.toHexString(iova) + "+" + Long.toHexString(length) + ">" + Long.toHexString(pa)));
        cached.sort(null);
        return cached;
    }

    // ---- driver

    /** The same, RPCIT only, as "start length". */
    public List<String> takeRefreshes() {
        return takeHex().stream()
                .filter(hex -> hex.startsWith("b9d3"))
                .map(hex -> hex.substring(32, 48) + " " + hex.substring(48))
                .toList();
    }

    public Errno bind(int domain, int requester, long iota, long pba, long pal, int flags) {
        return bind(domain, flags, BindPgtable.of(requester, iota, pba, pal));
    }
}
