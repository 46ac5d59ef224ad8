package org.iommu4j.spapr;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.testing.BackendMachine;

/** A platform and its driver, joined as the core joins them; the driver can be left out. */
public final class Machine extends BackendMachine {
    /** LIOBN of the default window. */
    public static final int LIOBN = 0x8000_0000;

    /** 1 GiB of memory, so that there are pages that nobody owns. */
    public static final List<PlatformConfig.Range> ONE_GIB = List.of(new PlatformConfig.Range(0, 1L << 30));

    private Machine(HardwareConfig config, boolean driver, List<PlatformConfig.Range> ram, Sanitizer.Mode sanitizer) {
        super(
                new SpaprBackend(),
                config,
                new SimulatedPlatform(
                        new PlatformConfig(52, ram, (address, data) -> {}, DevicePort.COMPLETING, sanitizer)));
        if (driver) {
            translator();
        }
    }

    /** A machine with a platform of a generation's default capabilities, and a driver. */
    public static Machine of(int subVersion) {
        return of(HardwareConfig.of(subVersion));
    }

    /** A machine with a platform of that configuration, and a driver. */
    public static Machine of(HardwareConfig config) {
        return new Machine(config, true, ONE_GIB, Sanitizer.Mode.OFF);
    }

    /** A machine whose driver is the test. */
    public static Machine bare(HardwareConfig config) {
        return new Machine(config, false, ONE_GIB, Sanitizer.Mode.OFF);
    }

    /** A machine whose driver is the test. */
    public static Machine bare(int subVersion) {
        return bare(HardwareConfig.of(subVersion));
    }

    /** A machine with a driver and a sanitizer. */
    public static Machine watched(HardwareConfig config) {
        return new Machine(config, true, ONE_GIB, Sanitizer.Mode.ON);
    }

    /** A virtual hypervisor on this machine. */
    public GuestDecoder guest(HardwareConfig sees) {
        return backend().createGuestDecoder(sees, platform());
    }

    /** Makes a hypercall; the call, with its outputs. */
    public NativeCall hcall(int function, long... arguments) {
        NativeCall call = new NativeCall().begin(function);
        for (int i = 0; i < arguments.length; i++) {
            call.word(i, arguments[i]);
        }
        chip().call(call);
        return call;
    }

    /** Makes an RTAS call; the call, with its cells. */
    public NativeCall rtas(int token, int returns, long... arguments) {
        NativeCall call = rtasCall(token, returns, arguments);
        chip().call(call);
        return call;
    }

    /** An RTAS call before it is made. */
    public static NativeCall rtasCall(int token, int returns, long... arguments) {
        NativeCall call = new NativeCall()
                .begin(token)
                .word(CallFormat.RTAS_ARGUMENT_COUNT, arguments.length)
                .word(CallFormat.RTAS_RETURN_COUNT, returns);
        for (int i = 0; i < arguments.length; i++) {
            call.word(CallFormat.RTAS_FIRST_ARGUMENT + i, arguments[i]);
        }
        return call;
    }

    /** The words from an address on, as they stand there. */
    public List<Long> words(long pa, int count) {
        List<Long> words = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            words.add(memory().readLongBe(pa + 8L * i));
        }
        return words;
    }

    /** The vendor part of an invalidation. */
    public static byte[] payload(long liobn, long op, long pageShift, long pe, long flags) {
        byte[] bytes = new byte[32];
        long[] fields = {liobn, op, pageShift, pe, flags};
        for (int i = 0; i < fields.length; i++) {
            for (int b = 0; b < 4; b++) {
                bytes[4 * i + b] = (byte) (fields[i] >>> (24 - 8 * b));
            }
        }
        return bytes;
    }

    /** The vendor part of a bind. */
    public static byte[] bindPayload(
            long table, int requester, int pageShift, int windowShift, int levels, int levelShift, long base) {
        return BindPgtable.LAYOUT.encode(
                table,
                BindPgtable.REQUESTER.of(Integer.toUnsignedLong(requester))
                        | BindPgtable.PAGE_SHIFT.of(pageShift)
                        | BindPgtable.WINDOW_SHIFT.of(windowShift)
                        | BindPgtable.LEVELS.of(levels)
                        | BindPgtable.LEVEL_SHIFT.of(levelShift),
                base);
    }

    /** The physical address of a device's read, or -1 if it is blocked. */
    public long read(int requester, long iova) {
        DmaAccess access = dma(requester, iova, DmaAccess.READ);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }
}
