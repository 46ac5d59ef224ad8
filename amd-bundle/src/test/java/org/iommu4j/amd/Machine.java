package org.iommu4j.amd;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.table.GuestPte;
import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Uapi;
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

    /** Low and high bits of an entry that gives a page of a host table with all rights. */
    public static final long HOST_RIGHTS = HostPte.PR.mask() | HostPte.IR.mask() | HostPte.IW.mask();

    /** Low bits of an entry that gives a page of a guest table with all rights. */
    public static final long GUEST_RIGHTS = GuestPte.P.mask() | GuestPte.RW.mask() | GuestPte.US.mask();

    private static final long TABLE_BITS = ~0xfffL & 0xf_ffff_ffff_ffffL;

    private Machine(HardwareConfig config, DevicePort devices, Sanitizer.Mode sanitizer) {
        super(
                new AmdViBackend(),
                config,
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, devices, sanitizer)));
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

    /** A machine whose translations are watched for stale ones. */
    public static Machine watched(HardwareConfig config, DevicePort devices) {
        return new Machine(config, devices, Sanitizer.Mode.ON);
    }

    /** Takes the commands since the last call, but for waits. */
    public List<Words> takeCommands() {
        List<Words> taken = new ArrayList<>();
        for (String hex : takeHex()) {
            ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(hex)).order(ByteOrder.LITTLE_ENDIAN);
            Words words = new Words(bytes.getLong(0), bytes.getLong(8));
            if (AmdViCommand.opcodeOf(words.low()) != AmdViCommand.OP_COMPLETION_WAIT) {
                taken.add(words);
            }
        }
        return taken;
    }

    /** Binds a host table, or pass-through with mode 0. */
    public Errno bindTable(int domain, int requester, long table, int mode, boolean deviceTlb) {
        int flags = (int) ((mode == 0 ? BindPgtable.FLAG_PASS_THROUGH.mask() : 0)
                | (deviceTlb ? BindPgtable.FLAG_DEVICE_TLB.mask() : 0));
        return bindTable(domain, requester, table, mode, 0, flags);
    }

    public Errno bindTable(int domain, int requester, long table, int mode, int guestDomain, int flags) {
        return bind(
                domain,
                flags,
                BindPgtable.LAYOUT.encode(
                        table,
                        BindPgtable.REQUESTER.of(requester) | BindPgtable.MODE.of(mode),
                        BindPgtable.GUEST_DOMAIN_ID.of(guestDomain)));
    }

    /** Binds a PASID to a guest table of 4 levels. */
    public Errno bindPasid(int domain, int requester, int pasid, long table, int flags) {
        return bind(
                domain,
                Uapi.BIND_PASID,
                flags,
                BindPasid.LAYOUT.encode(
                        table, BindPasid.REQUESTER.of(requester) | BindPasid.LEVELS.of(4), BindPasid.PASID.of(pasid)));
    }

    /** Binds a GCR3 table of the guest; its address is the guest's in generations that can have that. */
    public Errno bindPasidTable(
            int domain, int requester, long table, int glx, boolean giov, int guestDomain, int flags) {
        boolean guestRoot = config().subVersion() == AmdViGeneration.NESTED;
        return bindPasidTable(domain, requester, table, glx, giov, guestRoot, guestDomain, flags);
    }

    /** Binds a GCR3 table of the guest, at a guest address or not. */
    public Errno bindPasidTable(
            int domain,
            int requester,
            long table,
            int glx,
            boolean giov,
            boolean guestRoot,
            int guestDomain,
            int flags) {
        return bind(
                domain,
                Uapi.BIND_PASIDTBL,
                flags,
                BindPasidTable.LAYOUT.encode(
                        table,
                        BindPasidTable.REQUESTER.of(requester)
                                | BindPasidTable.GLX.of(glx)
                                | BindPasidTable.GIOV.of(giov ? 1 : 0)
                                | (guestRoot ? BindPasidTable.GUEST_ROOT.mask() : 0),
                        BindPasidTable.GUEST_DOMAIN_ID.of(guestDomain)));
    }

    /** Maps a page in a host table of so many levels; tables are taken from {@code pool} upwards, which is returned. */
    public long mapHost(long root, int levels, long iova, long pa, long pool) {
        long next = pool;
        long table = root;
        for (int level = levels; level > 1; level--) {
            long slot = table + TableLevel.index(iova, level) * 8L;
            if (memory().readLongLe(slot) == 0) {
                memory().writeLongLe(slot, next | HOST_RIGHTS | HostPde.NEXT_LEVEL.of(level - 1));
                next += 4096;
            }
            table = memory().readLongLe(slot) & TABLE_BITS;
        }
        memory().writeLongLe(table + TableLevel.index(iova, 1) * 8L, pa | HOST_RIGHTS);
        return next;
    }

    /** Maps a page in a guest table of 4 levels; as {@link #mapHost}. */
    public long mapGuest(long root, long address, long pa, long pool) {
        long next = pool;
        long table = root;
        for (int level = 4; level > 1; level--) {
            long slot = table + TableLevel.index(address, level) * 8L;
            if (memory().readLongLe(slot) == 0) {
                memory().writeLongLe(slot, next | GUEST_RIGHTS);
                next += 4096;
            }
            table = memory().readLongLe(slot) & TABLE_BITS;
        }
        memory().writeLongLe(table + TableLevel.index(address, 1) * 8L, pa | GUEST_RIGHTS);
        return next;
    }

    /** Address of the entry of a page that is mapped in a table of 4 levels. */
    public long entryOf(long root, long address) {
        long table = root;
        for (int level = 4; level > 1; level--) {
            table = memory().readLongLe(table + TableLevel.index(address, level) * 8L) & TABLE_BITS;
        }
        return table + TableLevel.index(address, 1) * 8L;
    }

    /** Where a read of a device goes, or -1 if it is blocked. */
    public long read(int requester, long iova) {
        DmaAccess access = dma(requester, iova, DmaAccess.READ);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    /** Where a read with a PASID goes, or -1 if it is blocked. */
    public long read(int requester, int pasid, long iova) {
        DmaAccess access =
                new DmaAccess().begin(requester, iova, DmaAccess.READ).withPasid(pasid);
        chip().translate(access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }
}
