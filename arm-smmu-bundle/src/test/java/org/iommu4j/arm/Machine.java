package org.iommu4j.arm;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.BindPasid;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformConfig.Range;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Uapi;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.BackendMachine;

/** A chip, its memory and its driver, joined as the core joins them. */
public final class Machine extends BackendMachine {
    private Machine(HardwareConfig config, List<Range> ram, DevicePort devices, Sanitizer.Mode sanitizer) {
        super(
                new SmmuBackend(),
                config,
                new SimulatedPlatform(new PlatformConfig(48, ram, (address, data) -> {}, devices, sanitizer)));
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
        return new Machine(config, List.of(), devices, Sanitizer.Mode.OFF);
    }

    /** A machine that has memory from 0 up to an address, and nothing beyond. */
    public static Machine withMemory(HardwareConfig config, long end) {
        return new Machine(config, List.of(new Range(0, end)), DevicePort.COMPLETING, Sanitizer.Mode.OFF);
    }

    /** A machine that watches what its software leaves out. */
    public static Machine watched(HardwareConfig config) {
        return new Machine(config, List.of(), DevicePort.COMPLETING, Sanitizer.Mode.ON);
    }

    /** The commands since the last call, as their two words. */
    public List<String> takeCommands() {
        List<String> taken = new ArrayList<>();
        for (String hex : takeHex()) {
            byte[] bytes = HexFormat.of().parseHex(hex);
            taken.add(String.format("%016x %016x", littleEndian(bytes, 0), littleEndian(bytes, 8)));
        }
        return taken;
    }

    /** Binds a linear table of 2^bits context descriptors. */
    public Errno bindContexts(int domain, int requester, long table, int bits, int noPasid, int flags) {
        return bind(domain, Uapi.BIND_PASIDTBL, flags, contexts(requester, table, bits, noPasid));
    }

    /** The vendor part of such a bind. */
    public static byte[] contexts(int requester, long table, int bits, int noPasid) {
        return BindPasidTable.LAYOUT.encode(
                table,
                BindPasidTable.REQUESTER.of(requester)
                        | BindPasidTable.PASID_BITS.of(bits)
                        | BindPasidTable.NO_PASID.of(noPasid));
    }

    /** The vendor part of a bind of a stage-1 table of 4 KiB granules with 48 bits. */
    public static byte[] pageTable(int requester, long table) {
        return BindPageTable.LAYOUT.encode(
                table,
                BindPageTable.REQUESTER.of(requester) | BindPageTable.T0SZ.of(16) | BindPageTable.IPS.of(5),
                0xf404ff44L);
    }

    /** The vendor part of a bind of one PASID to such a table. */
    public static byte[] pasid(int requester, int pasid, long table) {
        return BindPasid.LAYOUT.encode(
                table,
                BindPageTable.REQUESTER.of(requester) | BindPageTable.T0SZ.of(16) | BindPageTable.IPS.of(5),
                0xf404ff44L,
                BindPasid.PASID.of(pasid));
    }

    /** Stores words. */
    public void store(long pa, long... words) {
        for (int i = 0; i < words.length; i++) {
            memory().writeLongLe(pa + 8L * i, words[i]);
        }
    }

    /**
     * Maps a page in a table of four levels; tables are taken from {@code pool} upwards.
     *
     * @return address of the page's entry
     */
    public long map(long root, long iova, long leaf, long pool) {
        long table = root;
        long next = pool;
        for (int level = 0; level < 3; level++) {
            long slot = table + ((iova >>> (39 - 9 * level)) & 0x1ff) * 8;
            if (memory().readLongLe(slot) == 0) {
                memory().writeLongLe(slot, next | 3);
                next += 4096;
            }
            table = memory().readLongLe(slot) & ~0xfffL;
        }
        long entry = table + ((iova >>> 12) & 0x1ff) * 8;
        memory().writeLongLe(entry, leaf);
        return entry;
    }

    /** Where a read of a device goes, or -1 if it is blocked. */
    public long read(int requester, int pasid, long iova) {
        DmaAccess access =
                new DmaAccess().begin(requester, iova, DmaAccess.READ).withPasid(pasid);
        chip().translate(access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    private static long littleEndian(byte[] bytes, int offset) {
        long value = 0;
        for (int i = Long.BYTES - 1; i >= 0; i--) {
            value = value << Byte.SIZE | (bytes[offset + i] & 0xff);
        }
        return value;
    }
}
