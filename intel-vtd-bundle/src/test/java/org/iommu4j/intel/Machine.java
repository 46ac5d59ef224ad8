package org.iommu4j.intel;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.BackendMachine;

/** A chip, its memory and its driver, joined as the core joins them. */
public final class Machine extends BackendMachine {
    /** A native command as two words. */
    public record Words(long low, long high) {
        @Override
        public String toString() {
            return String.format("%016x %016x", low, high);
        }
    }

    private Machine(HardwareConfig config, DevicePort devices, Sanitizer.Mode sanitizer) {
        super(
                new VtdBackend(),
                config,
                new SimulatedPlatform(new PlatformConfig(
                        config.subVersion() == 0x100 ? 39 : 48, List.of(), (address, data) -> {}, devices, sanitizer)));
        translator();
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
        return new Machine(config, devices, Sanitizer.Mode.OFF);
    }

    /** A machine that watches what its software leaves out. */
    public static Machine watched(HardwareConfig config) {
        return new Machine(config, DevicePort.COMPLETING, Sanitizer.Mode.ON);
    }

    /** Takes the commands since the last call, but for waits, as queue descriptors. */
    public List<Words> takeCommands() {
        List<Words> taken = new ArrayList<>();
        for (String hex : takeHex()) {
            byte[] bytes = HexFormat.of().parseHex(hex);
            Words words = new Words(littleEndian(bytes, 0), littleEndian(bytes, 8));
            if ((words.low() & 0xf) != 5) {
                taken.add(words);
            }
        }
        return taken;
    }

    /** Binds a 4-level table, or 3-level on the register-only chip. */
    public Errno bind(int domain, int requester, long table, int flags) {
        return bind(domain, requester, table, config().subVersion() == 0x100 ? 39 : 48, 1, flags);
    }

    public Errno bind(int domain, int requester, long table, int width, int guestDomain, int flags) {
        return bind(domain, flags, payload(requester, table, width, guestDomain));
    }

    /** The vendor part of a bind. */
    public static byte[] payload(int requester, long table, int width, int guestDomain) {
        return BindPgtable.LAYOUT.encode(
                table,
                BindPgtable.REQUESTER.of(requester) | BindPgtable.ADDRESS_WIDTH.of(width),
                BindPgtable.GUEST_DOMAIN_ID.of(guestDomain));
    }

    /** The physical address of a device's read, or -1 if it is blocked. */
    public long read(int requester, long iova) {
        DmaAccess access = dma(requester, iova, DmaAccess.READ);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    /** Maps a page in a table of so many levels; tables are taken from {@code pool} upwards, which is returned. */
    public long map(long root, int levels, long iova, long pa, long pool) {
        return map(root, levels, iova, pa, pool, 3);
    }

    /**
     * Maps a page in a table of so many levels.
     *
     * @param rights low bits of every entry: 3 reads and writes in a second-stage table, 7 in one of the first stage
     */
    public long map(long root, int levels, long iova, long pa, long pool, int rights) {
        long next = pool;
        long table = root;
        for (int level = levels; level > 1; level--) {
            long slot = table + ((iova >>> (12 + 9 * (level - 1))) & 0x1ff) * 8;
            long entry = memory().readLongLe(slot);
            if (entry == 0) {
                entry = next | rights;
                memory().writeLongLe(slot, entry);
                next += 4096;
            }
            table = entry & ~0xfffL;
        }
        memory().writeLongLe(table + ((iova >>> 12) & 0x1ff) * 8, pa | rights);
        return next;
    }

    /** Binds one PASID of a device to a table of 48 bits. */
    public Errno bindPasid(int domain, int requester, int pasid, long table, int flags) {
        return bind(domain, Uapi.BIND_PASID, flags, pasidPayload(requester, table, 48, 1, pasid));
    }

    /** The vendor part of a BIND_PASID. */
    public static byte[] pasidPayload(int requester, long table, int width, int guestDomain, int pasid) {
        return BindPasid.LAYOUT.encode(
                table,
                BindPgtable.REQUESTER.of(requester) | BindPgtable.ADDRESS_WIDTH.of(width),
                BindPgtable.GUEST_DOMAIN_ID.of(guestDomain),
                BindPasid.PASID.of(pasid));
    }

    /** The physical address of a device's read with a PASID, -1 for none; -1 if it is blocked. */
    public long read(int requester, int pasid, long iova) {
        DmaAccess access =
                new DmaAccess().begin(requester, iova, DmaAccess.READ).withPasid(pasid);
        chip().translate(access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    /** An invalidation of a generation with PASIDs, as a request of wire form 1. */
    public Completion request(int domain, int scope, int flags, int pasid, long vaddr, long size, byte[] payload) {
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, config().subVersion());
        return submit(domain, writer.invalidate(scope, flags, pasid, vaddr, size, payload));
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
