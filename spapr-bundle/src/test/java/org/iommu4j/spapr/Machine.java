package org.iommu4j.spapr;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.Terms;
import org.iommu4j.contract.Uapi;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.spapr.command.BindPgtable;

/** A platform and its driver, joined as the core joins them; the driver can be left out. */
public final class Machine implements NativePort {
    /** LIOBN of the default window. */
    public static final int LIOBN = 0x8000_0000;

    /** 1 GiB of memory, so that there are pages that nobody owns. */
    public static final List<PlatformConfig.Range> ONE_GIB = List.of(new PlatformConfig.Range(0, 1L << 30));

    private final SpaprBackend backend = new SpaprBackend();
    private final Platform platform;
    private final List<String> commands = new ArrayList<>();
    private final InvalidateRequest request = new InvalidateRequest();
    private final HardwareConfig config;
    private Hardware chip;
    private Translator translator;
    private Completion last = new Completion();

    private Machine(HardwareConfig config, boolean driver, List<PlatformConfig.Range> ram, Sanitizer.Mode sanitizer) {
        this.config = config;
        platform = new SimulatedPlatform(
                new PlatformConfig(52, ram, (address, data) -> {}, DevicePort.COMPLETING, sanitizer));
        chip = backend.createHardware(config, platform);
        if (driver) {
            translator = backend.createTranslator(config.subVersion(), this);
            translator.tap(bytes -> commands.add(HexFormat.of().formatHex(bytes)));
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

    public SpaprBackend backend() {
        return backend;
    }

    public Translator translator() {
        return translator;
    }

    public Hardware chip() {
        return chip;
    }

    public PhysicalMemory memory() {
        return platform.memory();
    }

    /** The completion of the last call. */
    public Completion last() {
        return last;
    }

    /** Replaces platform and driver by ones that go on from saved state. */
    public void swap() {
        var chipState = chip.save();
        chip = backend.restoreHardware(chipState, platform);
        if (translator != null) {
            var driverState = translator.save();
            translator = backend.restoreTranslator(driverState, this);
            translator.tap(bytes -> commands.add(HexFormat.of().formatHex(bytes)));
        }
    }

    /** Takes the commands since the last call. */
    public List<String> takeHex() {
        List<String> taken = List.copyOf(commands);
        commands.clear();
        return taken;
    }

    /** A virtual hypervisor on this machine. */
    public GuestDecoder guest(HardwareConfig sees) {
        return backend.createGuestDecoder(sees, platform);
    }

    /** Makes a hypercall; the call, with its outputs. */
    public NativeCall hcall(int function, long... arguments) {
        NativeCall call = new NativeCall().begin(function);
        for (int i = 0; i < arguments.length; i++) {
            call.word(i, arguments[i]);
        }
        chip.call(call);
        return call;
    }

    /** Makes an RTAS call; the call, with its cells. */
    public NativeCall rtas(int token, int returns, long... arguments) {
        NativeCall call = rtasCall(token, returns, arguments);
        chip.call(call);
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

    /** Fault records, as hex. */
    public List<String> takeEvents() {
        List<String> events = new ArrayList<>();
        chip.takeEvents(bytes -> events.add(HexFormat.of().formatHex(bytes)));
        return events;
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

    public Errno bind(int domain, int flags, byte[] payload) {
        last = new Completion();
        translator.bind(
                domain,
                new BindRequest().set(Uapi.BIND_PGTABLE, config.subVersion(), flags, payload, 0, payload.length),
                last);
        return last.errno();
    }

    public Errno open(int domain) {
        last = new Completion();
        translator.openDomain(domain, last);
        return last.errno();
    }

    public Errno close(int domain) {
        last = new Completion();
        translator.closeDomain(domain, last);
        return last.errno();
    }

    public Errno attach(int domain, int requester) {
        return attach(domain, requester, -1, 0);
    }

    public Errno attach(int domain, int requester, long table, int levels) {
        last = new Completion();
        translator.attach(domain, requester, table, levels, last);
        return last.errno();
    }

    public Errno detach(int domain, int requester) {
        last = new Completion();
        translator.detach(domain, requester, last);
        return last.errno();
    }

    /** An invalidation without a vendor part, completed. */
    public Errno invalidate(int domain, int scope, int flags, long vaddr, long size) {
        return invalidate(domain, scope, flags, vaddr, size, new byte[0]);
    }

    public Errno invalidate(int domain, int scope, int flags, long vaddr, long size, byte[] payload) {
        last = new Completion();
        request.set(scope, flags, 0, vaddr, size, config.subVersion(), payload, 0, payload.length);
        if (translator.invalidate(domain, request, last) == 0) {
            translator.finish(last);
        }
        return last.errno();
    }

    /** A request of wire form 1, checked as the core does, carried out in a domain. */
    public Completion submit(int domain, byte[] bytes) {
        last = new Completion();
        Terms terms = new Terms(
                Abi.LP64_LE,
                IommuModel.SPAPR,
                config.subVersion(),
                backend.describe().generation(config.subVersion()).payloadLengths(),
                12,
                0,
                backend.bindFormats());
        RequestReader reader = new RequestReader(terms);
        int operation = reader.read(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, last);
        if (operation == Uapi.INVAL_IOTLB) {
            if (translator.invalidate(domain, reader.invalidate(), last) == 0) {
                translator.finish(last);
            }
        } else if (operation > 0) {
            translator.bind(domain, reader.bind(), last);
        }
        return last;
    }

    /** One access of a device. */
    public DmaAccess dma(int requester, long iova, int rights) {
        DmaAccess access = new DmaAccess().begin(requester, iova, rights);
        chip.translate(access);
        return access;
    }

    /** Where a read of a device goes, or -1 if it is blocked. */
    public long read(int requester, long iova) {
        DmaAccess access = dma(requester, iova, DmaAccess.READ);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    @Override
    public Platform platform() {
        return platform;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return chip.readRegister(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        chip.writeRegister(offset, sizeBytes, value);
    }

    @Override
    public void call(NativeCall call) {
        chip.call(call);
    }
}
