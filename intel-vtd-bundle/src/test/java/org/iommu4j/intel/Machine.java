package org.iommu4j.intel;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
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
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.simulation.platform.SimulatedPlatform;

/** A chip, its memory and its driver, joined as the core joins them. */
public final class Machine implements NativePort {
    /** A native command as two words. */
    public record Words(long low, long high) {
        @Override
        public String toString() {
            return String.format("%016x %016x", low, high);
        }
    }

    private final VtdBackend backend = new VtdBackend();
    private final Platform platform;
    private final List<String> commands = new ArrayList<>();
    private final InvalidateRequest request = new InvalidateRequest();
    private Hardware chip;
    private Translator translator;
    private final HardwareConfig config;
    private Completion last = new Completion();

    private Machine(HardwareConfig config, DevicePort devices, int hostAddressWidth) {
        this.config = config;
        platform =
                new SimulatedPlatform(new PlatformConfig(hostAddressWidth, List.of(), (address, data) -> {}, devices));
        chip = backend.createHardware(config, platform);
        translator = backend.createTranslator(config.subVersion(), this);
        translator.tap(bytes -> commands.add(HexFormat.of().formatHex(bytes)));
    }

    /** A machine with a chip of a generation's default capabilities. */
    public static Machine of(int subVersion) {
        return of(HardwareConfig.of(subVersion));
    }

    /** A machine with a chip of that configuration. */
    public static Machine of(HardwareConfig config) {
        return of(config, DevicePort.COMPLETING);
    }

    /** A machine with devices that answer as {@code devices} does. */
    public static Machine of(HardwareConfig config, DevicePort devices) {
        return new Machine(config, devices, config.subVersion() == 0x100 ? 39 : 48);
    }

    public VtdBackend backend() {
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

    /** Replaces chip and driver by ones that go on from saved state. */
    public void swap() {
        var chipState = chip.save();
        var driverState = translator.save();
        chip = backend.restoreHardware(chipState, platform);
        translator = backend.restoreTranslator(driverState, this);
        translator.tap(bytes -> commands.add(HexFormat.of().formatHex(bytes)));
    }

    /** Takes the commands since the last call, but for waits, as queue descriptors. */
    public List<Words> takeCommands() {
        List<Words> taken = new ArrayList<>();
        for (String hex : commands) {
            byte[] bytes = HexFormat.of().parseHex(hex);
            Words words = new Words(littleEndian(bytes, 0), littleEndian(bytes, 8));
            if ((words.low() & 0xf) != 5) {
                taken.add(words);
            }
        }
        commands.clear();
        return taken;
    }

    /** Takes the commands since the last call as hex, waits included. */
    public List<String> takeHex() {
        List<String> taken = List.copyOf(commands);
        commands.clear();
        return taken;
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

    /** Binds a 4-level table, or 3-level on the register-only chip. */
    public Errno bind(int domain, int requester, long table, int flags) {
        return bind(domain, requester, table, config.subVersion() == 0x100 ? 39 : 48, 1, flags);
    }

    public Errno bind(int domain, int requester, long table, int width, int guestDomain, int flags) {
        byte[] payload = payload(requester, table, width, guestDomain);
        last = new Completion();
        translator.bind(
                domain,
                new BindRequest().set(Uapi.BIND_PGTABLE, config.subVersion(), flags, payload, 0, payload.length),
                last);
        return last.errno();
    }

    /** The vendor part of a bind. */
    public static byte[] payload(int requester, long table, int width, int guestDomain) {
        return BindPgtable.LAYOUT.encode(
                table,
                BindPgtable.REQUESTER.of(requester) | BindPgtable.ADDRESS_WIDTH.of(width),
                BindPgtable.GUEST_DOMAIN_ID.of(guestDomain));
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
                IommuModel.INTEL,
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

    /** Maps a page in a table of so many levels; tables are taken from {@code pool} upwards, which is returned. */
    public long map(long root, int levels, long iova, long pa, long pool) {
        long next = pool;
        long table = root;
        for (int level = levels; level > 1; level--) {
            long slot = table + ((iova >>> (12 + 9 * (level - 1))) & 0x1ff) * 8;
            long entry = memory().readLongLe(slot);
            if (entry == 0) {
                entry = next | 3;
                memory().writeLongLe(slot, entry);
                next += 4096;
            }
            table = entry & ~0xfffL;
        }
        memory().writeLongLe(table + ((iova >>> 12) & 0x1ff) * 8, pa | 3);
        return next;
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

    /** True if there is memory there. */
    public boolean exists(long pa) {
        try {
            memory().readLongLe(pa);
            return true;
        } catch (BusErrorException e) {
            return false;
        }
    }

    private static long littleEndian(byte[] bytes, int offset) {
        long value = 0;
        for (int i = Long.BYTES - 1; i >= 0; i--) {
            value = value << Byte.SIZE | (offset + i < bytes.length ? bytes[offset + i] & 0xff : 0);
        }
        return value;
    }
}
