package org.iommu4j.intel.guest;

import java.util.SortedMap;
import java.util.TreeMap;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.PasidDirectoryEntry;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.PasidTables;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.intel.table.WalkerConfig;

/**
 * The structures of a guest that say how its devices are translated: root and context tables, in scalable mode PASID directories
 * and PASID tables, VT-d 3.4. Read as the hardware reads them, and nothing is remembered but the root.
 */
final class GuestStructures {
    /** Most PASIDs of a device that are bound at a time: each costs the host memory, and a guest may fill a million entries. */
    static final int MOST_PASIDS = 4096;

    /** Bits of a guest's own addresses, of which a virtual unit knows no limit. */
    private static final int WIDEST_ADDRESS = 52;

    private static final int OK = TableWalker.OK;
    private static final int PASIDS_IN_TABLE = 64;

    /** Levels of a first-stage table with FSPM 0. */
    private static final int FIRST_STAGE_LEVELS = 4;

    private final PhysicalMemory memory;
    private final VtdCapabilities unit;
    private final TableWalker legacy;
    private final PasidTables scalable;

    /** Legacy mode knows no device TLB beside pass-through. */
    private final boolean scalableRequests;

    private final boolean hasPasids;

    /** As the guest's RTADDR was when it set the root table pointer. */
    private long rootTableAddress;

    private TableMode mode = TableMode.INVALID;
    private boolean suppressed;

    GuestStructures(PhysicalMemory memory, VtdCapabilities unit, int subVersion) {
        this.memory = memory;
        this.unit = unit;
        legacy = new TableWalker(WalkerConfig.of(unit, WIDEST_ADDRESS), memory, memory);
        scalable = new PasidTables(unit, subVersion, memory, WIDEST_ADDRESS);
        scalableRequests = VtdGeneration.isScalable(subVersion);
        hasPasids = Ecap.PASID.isSet(unit.ecap());
    }

    /**
     * The guest has set its root table pointer.
     *
     * @param address as RTADDR has it
     */
    void root(long address) {
        rootTableAddress = address;
        mode = TableMode.of(unit, address);
    }

    /** There is no root table yet. */
    void noRoot(long address) {
        rootTableAddress = address;
        mode = TableMode.INVALID;
    }

    /** The mode of the guest's root table. */
    TableMode mode() {
        return mode;
    }

    /** As the guest's RTADDR was when it set the root table pointer. */
    long rootTableAddress() {
        return rootTableAddress;
    }

    /**
     * A device whole, at home in its first domain; null if its context entry blocks it, and without PASIDs also if the entry of its
     * requests does.
     */
    GuestDevice read(int requester) {
        return switch (mode) {
            case LEGACY -> readLegacy(requester);
            case SCALABLE -> readScalable(requester);
            case ABORT, INVALID -> null;
        };
    }

    /** How a device's requests with one PASID are translated in scalable mode; null if the structures block them. */
    GuestTable readPasid(int requester, int pasid) {
        return readScalableContext(requester) == OK ? readPasid(pasid) : null;
    }

    /**
     * Why the structures block a request of a device, VT-d 7.1.3.
     *
     * @param pasid of the request, or a negative number
     * @param byDevice true for a translation request, or one that the device has translated
     * @return {@link TableWalker#OK} if they lead to tables, or to pass-through
     */
    int reason(int requester, int pasid, boolean byDevice) {
        suppressed = false;
        return switch (mode) {
            case INVALID -> FaultReason.ROOT_ADDRESS_INVALID.code();
            case ABORT -> FaultReason.ABORT_MODE.code();
            case LEGACY -> legacyReason(requester, pasid, byDevice);
            case SCALABLE -> scalableReason(requester, pasid, byDevice);
        };
    }

    /** True if an entry that {@link #reason} has read last asks that qualified faults are not recorded. */
    boolean faultsSuppressed() {
        return suppressed;
    }

    private GuestDevice readLegacy(int requester) {
        if (readLegacyContext(requester) != OK) {
            return null;
        }
        long word0 = legacy.context0();
        int domain = ContextEntry.DID.getInt(legacy.context1());
        int type = ContextEntry.TT.getInt(word0);
        return GuestDevice.withoutPasids(
                type == ContextEntry.PASS_THROUGH
                        ? GuestTable.passThrough(domain)
                        : new GuestTable(
                                domain,
                                ContextEntry.SSPTPTR.get(word0),
                                Agaw.width(ContextEntry.AW.getInt(legacy.context1()))),
                type == ContextEntry.DEVICE_TLB);
    }

    private int readLegacyContext(int requester) {
        return legacy.readContext(RootTableAddress.RTA.get(rootTableAddress), requester, null);
    }

    private int legacyReason(int requester, int pasid, boolean byDevice) {
        if (pasid >= 0) {
            return FaultReason.PASID_IN_LEGACY_MODE.code();
        }
        int fault = readLegacyContext(requester);
        suppressed = ContextEntry.FPD.isSet(legacy.context0());
        boolean allowed = !byDevice || ContextEntry.TT.getInt(legacy.context0()) == ContextEntry.DEVICE_TLB;
        return fault != OK || allowed ? fault : FaultReason.TRANSLATION_TYPE_BLOCKED.code();
    }

    private int readScalableContext(int requester) {
        return scalable.readContext(RootTableAddress.RTA.get(rootTableAddress), requester, null);
    }

    private GuestDevice readScalable(int requester) {
        if (readScalableContext(requester) != OK) {
            return null;
        }
        long context = scalable.context(0);
        SortedMap<Integer, GuestTable> byPasid = new TreeMap<>();
        int ridPasid = ScalableContextEntry.RID_PASID.getInt(scalable.context(1));
        GuestTable withoutPasid = readPasid(ridPasid);
        if (withoutPasid != null) {
            byPasid.put(GuestDevice.NO_PASID, withoutPasid);
        } else if (!hasPasids) {
            return null;
        }
        if (ScalableContextEntry.PASIDE.isSet(context)) {
            readDirectory(ScalableContextEntry.PASIDDIRPTR.get(context), pasids(context), byPasid);
        }
        boolean passes = withoutPasid != null && withoutPasid.passes();
        boolean deviceTlb = ScalableContextEntry.DTE.isSet(context) && (scalableRequests || !passes);
        int home = byPasid.isEmpty()
                ? GuestDevice.NOWHERE
                : byPasid.get(byPasid.firstKey()).domain();
        return new GuestDevice(home, deviceTlb, byPasid);
    }

    /** How many PASIDs a device has: those of its directory that the unit knows. */
    private int pasids(long context) {
        return Math.min(ScalableContextEntry.pasids(context), 1 << unit.pasidBits());
    }

    /** All entries that are present and right, up to {@link #MOST_PASIDS} and one more. */
    private void readDirectory(long directory, int pasids, SortedMap<Integer, GuestTable> byPasid) {
        for (int table = 0; table < pasids; table += PASIDS_IN_TABLE) {
            if (!isPresent(PasidDirectoryEntry.addressOf(directory, table))) {
                continue;
            }
            for (int pasid = table; pasid < table + PASIDS_IN_TABLE; pasid++) {
                GuestTable read = pasid == GuestDevice.NO_PASID ? null : readPasid(pasid);
                if (read != null) {
                    byPasid.put(pasid, read);
                }
                if (byPasid.size() > MOST_PASIDS) {
                    return;
                }
            }
        }
    }

    private boolean isPresent(long directoryEntry) {
        try {
            return PasidDirectoryEntry.P.isSet(memory.readLongLe(directoryEntry));
        } catch (BusErrorException e) {
            return false;
        }
    }

    /** Of the device whose context entry was read last. */
    private GuestTable readPasid(int pasid) {
        long context = scalable.context(0);
        boolean known = pasid < ScalableContextEntry.pasids(context);
        return known && scalable.readPasid(ScalableContextEntry.PASIDDIRPTR.get(context), pasid, null) == OK
                ? decode()
                : null;
    }

    /** The PASID entry that was read last, which is right. */
    private GuestTable decode() {
        long entry = scalable.pasid(0);
        int domain = PasidEntry.DID.getInt(scalable.pasid(1));
        return switch (PasidEntry.PGTT.getInt(entry)) {
            case PasidEntry.PASS_THROUGH -> GuestTable.passThrough(domain);
            case PasidEntry.FIRST_STAGE -> firstStage(domain);
            default ->
                new GuestTable(
                        domain,
                        PasidEntry.SSPTPTR.get(entry),
                        Agaw.width(PasidEntry.AW.getInt(entry)),
                        GuestTable.flag(PasidEntry.SSADE.isSet(entry), BindPgtable.FLAG_ACCESSED_DIRTY));
        };
    }

    private GuestTable firstStage(int domain) {
        long entry = scalable.pasid(2);
        boolean supervisor = PasidEntry.SRE.isSet(entry);
        int options = GuestTable.flag(true, BindPgtable.FLAG_FIRST_STAGE)
                | GuestTable.flag(supervisor, BindPgtable.FLAG_SUPERVISOR)
                // Without supervisor requests the bit has no meaning.
                | GuestTable.flag(supervisor && PasidEntry.WPE.isSet(entry), BindPgtable.FLAG_WRITE_PROTECT)
                | GuestTable.flag(PasidEntry.EAFE.isSet(entry), BindPgtable.FLAG_EXTENDED_ACCESSED);
        int width = Agaw.width(Agaw.ofLevels(FIRST_STAGE_LEVELS + PasidEntry.FSPM.getInt(entry)));
        return new GuestTable(domain, PasidEntry.FSPTPTR.get(entry), width, options);
    }

    private int scalableReason(int requester, int pasid, boolean byDevice) {
        int fault = readScalableContext(requester);
        long context = scalable.context(0);
        suppressed = ScalableContextEntry.FPD.isSet(context);
        if (fault != OK) {
            return fault;
        }
        int ridPasid = ScalableContextEntry.RID_PASID.getInt(scalable.context(1));
        if (byDevice && !ScalableContextEntry.DTE.isSet(context)) {
            return FaultReason.DEVICE_TLB_DISABLED.code();
        }
        if (pasid >= 0 && !ScalableContextEntry.PASIDE.isSet(context)) {
            return FaultReason.PASID_DISABLED.code();
        }
        if (pasid == ridPasid) {
            return FaultReason.PASID_IS_RID_PASID.code();
        }
        if (pasid >= 0 && pasid >>> unit.pasidBits() != 0) {
            return FaultReason.PASID_BEYOND_WIDTH.code();
        }
        if (pasid >= ScalableContextEntry.pasids(context)) {
            return FaultReason.PASID_BEYOND_DIRECTORY.code();
        }
        fault = scalable.readPasid(ScalableContextEntry.PASIDDIRPTR.get(context), pasid >= 0 ? pasid : ridPasid, null);
        suppressed |= scalable.faultsSuppressed();
        return fault;
    }

    /** Of the request that {@link #reason} has let pass in scalable mode: the first three words of its PASID entry. */
    long pasidEntry(int word) {
        return scalable.pasid(word);
    }

    /** Of the request that {@link #reason} has let pass in legacy mode: its context entry. */
    TableWalker legacy() {
        return legacy;
    }
}
