package org.iommu4j.amd.table;

import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.memory.TableCursors;

/**
 * Walks GCR3 tables and guest (v2) page tables as the hardware does, 48882 2.2.6, each guest physical address through the host
 * table of the same device if it has one, 2.2.7. It allocates nothing; the outcome of a walk stands in its accessors until the
 * next one.
 */
public final class GuestWalker {
    /** How a walk ended. */
    public enum Result {
        /** It found a page. */
        FOUND,
        /** A page fault of the guest's tables; {@link #flags} says why. */
        GUEST_FAULT,
        /** A page fault of the host table, at {@link #faultAddress}. */
        HOST_FAULT,
        /** A GCR3 or guest table entry could not be read or written; {@link #entryAddress} says which. */
        GUEST_UNREADABLE,
        /** A host table entry could not be read or written. */
        HOST_UNREADABLE
    }

    /** Guest right: written by the guest's tables as {@link DmaAccess#WRITE} is by the host's. */
    public static final int GUEST_WRITE = 8;

    /** Guest right: user requests. */
    public static final int GUEST_USER = 16;

    /** Guest right: execution. */
    public static final int GUEST_EXECUTE = 32;

    /** All rights that a guest table can give. */
    public static final int GUEST_RIGHTS = GUEST_WRITE | GUEST_USER | GUEST_EXECUTE;

    /** Number of a GCR3 entry's level where a walk begins at the GCR3 table. */
    private static final int FROM_GCR3 = 0;

    private static final int PAGE_SHIFT = 12;
    private static final long PAGE_MASK = (1L << PAGE_SHIFT) - 1;

    /** Address bits of a large page below which an entry may have others, that of the page attribute table. */
    private static final long SMALL_PAGE_BITS = (1L << (PAGE_SHIFT + 1)) - 1;

    private static final String[] GCR3_NAMES = HostWalker.names(EntryFormats.GCR3);
    private static final String[] GUEST_NAMES = HostWalker.names(EntryFormats.GUEST);
    private static final long NOWHERE = HostWalker.NOWHERE;

    private final PhysicalMemory memory;
    private final PhysicalMemory guestTables;
    private final TableCursors pageTables;
    private final WalkerConfig config;
    private final HostWalker host;

    private boolean gcr3IsGuestAddress;
    private boolean setsAccessed = true;
    private boolean setsDirty = true;

    private DeviceEntry device;
    private WalkListener listener;

    /** True if only an answer is wanted: no right is checked. */
    private boolean answering;

    private long flags;
    private long faultAddress;
    private long entryAddress;

    /** Guest address of the guest table's top level. */
    private long guestRoot;

    private boolean absent;
    private int level;
    private int topLevel;
    private int rights;
    private int reads;
    private int readsOfGcr3;
    private long pageAddress;
    private int pageShift;

    /** Host address of the last address that went through the host table, and the size of its page. */
    private long hostAddress;

    private int hostShift;
    private int hostRights;

    /** By level: where its table is, as host and as guest address; its entry, and where it is. */
    private final long[] table = new long[TableLevel.MOST + 1];

    private final long[] entryGuestAddress = new long[TableLevel.MOST + 1];
    private final long[] entryAt = new long[TableLevel.MOST + 1];
    private final long[] word = new long[TableLevel.MOST + 1];
    private final int[] rightsAt = new int[TableLevel.MOST + 1];
    private final int[] readsToTable = new int[TableLevel.MOST + 1];

    /**
     * A walker.
     *
     * @param memory where GCR3 tables are that the host made
     * @param guestTables where GCR3 and page tables are that a guest made
     * @param host walks the host tables
     */
    public GuestWalker(PhysicalMemory memory, PhysicalMemory guestTables, WalkerConfig config, HostWalker host) {
        this.memory = memory;
        this.guestTables = guestTables;
        pageTables = new TableCursors(guestTables, TableLevel.MOST);
        this.config = config;
        this.host = host;
    }

    /**
     * What software has switched in the control register.
     *
     * @param rootsAreGuestAddresses GCR3TRPMode
     * @param accessed accessed bits in guest tables are set
     * @param dirty dirty bits in guest tables are set
     */
    public void configure(boolean rootsAreGuestAddresses, boolean accessed, boolean dirty) {
        gcr3IsGuestAddress = rootsAreGuestAddresses;
        setsAccessed = accessed;
        setsDirty = dirty;
    }

    /** True if a PASID and an address may go to the tables of a device; else a fault with PR=0. */
    public boolean isInRange(DeviceEntry ofDevice, int pasid, long address) {
        // 48882 2.2.6: a PASID that the unit does not have.
        if (pasid >>> config.pasidBits() != 0) {
            return false;
        }
        int pasidLevels = Gcr3Entry.LEVEL_BITS * ofDevice.gcr3Levels();
        if (config.pasidHighFaults() && pasid >>> pasidLevels != 0) {
            return false;
        }
        // 2.2.6: canonical for a PASID; for PASID 0 the bits above the table are 0.
        int bits = PAGE_SHIFT + TableLevel.BITS * ofDevice.guestLevels();
        return pasid != 0 ? address << (Long.SIZE - bits) >> (Long.SIZE - bits) == address : address >>> bits == 0;
    }

    /**
     * Walks from the GCR3 table on.
     *
     * <ol>
     *   <li>2.2.6: the GCR3 table, nine bits of the PASID a level; V=0: a guest fault with PR=0. Its root is a host address, or a
     *       guest physical one in GCR3TRPMode.
     *   <li>2.2.6: at each level nine bits of the address select the entry, whose address goes through the host table.
     *   <li>P is set; else PR=0. PS only at levels 2 and 3, with the low bits of the page 0; else PR=1, RZ=1.
     *   <li>RW and US of all levels together, NX of any level, grant what is wanted; else PR=1, PE=1.
     *   <li>2.2.7: the page's address through the host table, with the right of the request.
     *   <li>Accessed bits in every entry used, the dirty bit in the leaf of a write.
     * </ol>
     *
     * @param needed wanted rights of {@link DmaAccess}; 0 if only an answer is wanted
     * @param user true for a user request
     */
    public Result walk(DeviceEntry ofDevice, int pasid, long address, int needed, boolean user, WalkListener to) {
        begin(ofDevice, needed, to);
        // 1. the GCR3 table
        Result found = gcr3(pasid);
        readsOfGcr3 = reads;
        return found == Result.FOUND ? levels(FROM_GCR3, address, needed, user) : found;
    }

    /**
     * Walks from a table that is known; accessed bits above it are set. As {@link #walk}, from step 2 on.
     *
     * @param knownTable host address of the table
     * @param knownLevel its level
     * @param granted guest rights of the levels above
     */
    public Result walkFrom(
            DeviceEntry ofDevice,
            int pasid,
            long knownTable,
            int knownLevel,
            int granted,
            long address,
            int needed,
            boolean user,
            WalkListener to) {
        begin(ofDevice, needed, to);
        table[knownLevel] = knownTable;
        rights = granted;
        Result found = levels(knownLevel, address, needed, user);
        // An entry whose accessed bit has to be set needs its guest address: only a whole walk has it.
        return found == null ? walk(ofDevice, pasid, address, needed, user, to) : found;
    }

    private void begin(DeviceEntry ofDevice, int needed, WalkListener to) {
        device = ofDevice;
        listener = to;
        answering = needed == 0;
        flags = 0;
        absent = false;
        reads = 0;
        readsOfGcr3 = 0;
        rights = GUEST_RIGHTS;
        for (int at = 0; at < table.length; at++) {
            table[at] = NOWHERE;
            entryAt[at] = NOWHERE;
        }
    }

    /** Leaves the guest table's address in {@link #guestRoot}. */
    private Result gcr3(int pasid) {
        long at = device.gcr3Root();
        boolean ofHost = !gcr3IsGuestAddress;
        for (int depth = device.gcr3Levels() - 1; depth >= 0; depth--) {
            entryAddress = at + (long) Gcr3Entry.index(pasid, depth) * Gcr3Entry.BYTES;
            if (gcr3IsGuestAddress) {
                Result located = throughHost(entryAddress, DmaAccess.READ, false);
                if (located != Result.FOUND) {
                    return located;
                }
                entryAddress = hostAddress;
            }
            long entry;
            try {
                entry = (ofHost ? memory : guestTables).readLongLe(entryAddress);
            } catch (BusErrorException e) {
                return Result.GUEST_UNREADABLE;
            }
            reads++;
            if (listener != null) {
                listener.step(GCR3_NAMES[depth], entryAddress, entry);
            }
            if (!Gcr3Entry.V.isSet(entry)) {
                return Result.GUEST_FAULT;
            }
            // A table of the host may lead to another one of the host; a table of the guest may not.
            ofHost = ofHost && !guestTables.contains(entryAddress, Gcr3Entry.BYTES);
            at = Gcr3Entry.ADDRESS.get(entry);
        }
        guestRoot = at;
        return Result.FOUND;
    }

    /** Steps 2 to 6; null if an accessed bit has to be set in a table whose guest address is not known. */
    private Result levels(int knownLevel, long address, int needed, boolean user) {
        boolean whole = knownLevel == FROM_GCR3;
        level = whole ? device.guestLevels() : knownLevel;
        topLevel = level;
        long tableGuestAddress = whole ? guestRoot : NOWHERE;
        long entry;
        while (true) {
            // 2. the entry
            long offset = (long) TableLevel.index(address, level) * GuestPte.BYTES;
            if (table[level] == NOWHERE) {
                entryGuestAddress[level] = tableGuestAddress + offset;
                Result located = throughHost(entryGuestAddress[level], answering ? 0 : DmaAccess.READ, false);
                if (located != Result.FOUND) {
                    return located;
                }
                table[level] = hostAddress & ~PAGE_MASK;
            } else {
                entryGuestAddress[level] = NOWHERE;
            }
            entryAddress = table[level] + offset;
            try {
                entry = pageTables.readLongLe(level - 1, entryAddress);
            } catch (BusErrorException e) {
                return Result.GUEST_UNREADABLE;
            }
            readsToTable[level] = reads;
            reads++;
            if (listener != null) {
                listener.step(GUEST_NAMES[level], entryAddress, entry);
            }
            // 3. what it says
            if (!GuestPte.P.isSet(entry)) {
                absent = true;
                return Result.GUEST_FAULT;
            }
            boolean large = level > 1 && GuestPte.PS.isSet(entry);
            if (large && !isLargePageLegal(entry)) {
                flags = IoPageFault.PR.mask() | IoPageFault.RZ.mask();
                return Result.GUEST_FAULT;
            }
            entryAt[level] = entryAddress;
            word[level] = entry;
            rights &= (GuestPte.RW.isSet(entry) ? GUEST_WRITE : 0)
                    | (GuestPte.US.isSet(entry) ? GUEST_USER : 0)
                    | (GuestPte.NX.isSet(entry) && config.noExecute() ? 0 : GUEST_EXECUTE);
            rightsAt[level] = rights;
            if (large || level == 1) {
                break;
            }
            tableGuestAddress = GuestPte.ADDRESS.get(entry);
            level--;
        }
        // 4. permission
        flags = denial(rights, needed, user);
        if (flags != 0) {
            return Result.GUEST_FAULT;
        }
        return page(address, GuestPte.ADDRESS.get(entry), needed);
    }

    private boolean isLargePageLegal(long entry) {
        return level <= GuestPte.HIGHEST_PAGE_LEVEL
                && (GuestPte.ADDRESS.get(entry) & ((1L << TableLevel.shift(level)) - 1) & ~SMALL_PAGE_BITS) == 0;
    }

    /**
     * The flags of a fault if guest rights do not suffice; 0 if they do.
     *
     * @param granted guest rights
     * @param needed wanted rights of {@link DmaAccess}
     */
    public static long denial(int granted, int needed, boolean user) {
        boolean executes = (needed & DmaAccess.EXECUTE) != 0;
        boolean denied = needed != 0
                && (((needed & DmaAccess.WRITE) != 0 && (granted & GUEST_WRITE) == 0)
                        || (user && (granted & GUEST_USER) == 0)
                        || (executes && (granted & GUEST_EXECUTE) == 0));
        return denied ? IoPageFault.PR.mask() | IoPageFault.PE.mask() | (executes ? IoPageFault.NX.mask() : 0) : 0;
    }

    /** Rights that a host table must grant for the wanted ones: an execution is a read there. */
    public static int hostRights(int needed) {
        return (needed & (DmaAccess.READ | DmaAccess.EXECUTE)) != 0
                ? (needed & DmaAccess.WRITE) | DmaAccess.READ
                : needed & DmaAccess.WRITE;
    }

    private Result page(long address, long guestPage, int needed) {
        // 5. the page through the host table
        int shift = TableLevel.shift(level);
        long inPage = (1L << shift) - 1;
        long guestAddress = (guestPage & ~inPage) | (address & inPage);
        boolean writes = (needed & DmaAccess.WRITE) != 0;
        Result located = throughHost(guestAddress, hostRights(needed), writes);
        if (located != Result.FOUND) {
            return located;
        }
        pageShift = Math.min(shift, hostShift);
        pageAddress = hostAddress & -1L << pageShift;
        int pageRights = hostRights;
        // 6. accessed and dirty bits
        for (int at = topLevel; at >= level; at--) {
            Result marked = mark(at, at == level && writes);
            if (marked != Result.FOUND) {
                return marked;
            }
        }
        rights |= pageRights;
        return Result.FOUND;
    }

    /** Sets the bits of one entry, whose page the host table must let write. */
    private Result mark(int at, boolean dirty) {
        if (entryAt[at] == NOWHERE) {
            return Result.FOUND;
        }
        long marked = word[at] | (setsAccessed ? GuestPte.A.mask() : 0) | (setsDirty && dirty ? GuestPte.D.mask() : 0);
        if (marked == word[at]) {
            return Result.FOUND;
        }
        if (device.mode() != 0) {
            if (entryGuestAddress[at] == NOWHERE) {
                return null;
            }
            Result located = throughHost(entryGuestAddress[at], DmaAccess.READ | DmaAccess.WRITE, true);
            if (located != Result.FOUND) {
                return located;
            }
        }
        entryAddress = entryAt[at];
        try {
            guestTables.writeLongLe(entryAddress, marked);
        } catch (BusErrorException | BackendException e) {
            return Result.GUEST_UNREADABLE;
        }
        return Result.FOUND;
    }

    /** Brings a guest physical address through the host table of the device; leaves it in {@link #hostAddress}. */
    private Result throughHost(long guestAddress, int needed, boolean writes) {
        if (device.mode() == 0) {
            hostAddress = guestAddress;
            hostShift = Long.SIZE - 1;
            hostRights = HostWalker.RIGHTS;
            return Result.FOUND;
        }
        faultAddress = guestAddress;
        if (!TableLevel.covers(device.mode(), guestAddress)) {
            flags = 0;
            return Result.HOST_FAULT;
        }
        HostWalker.Result found = host.walk(
                device.isOfHost(),
                device.hostRoot(),
                device.mode(),
                HostWalker.RIGHTS,
                guestAddress,
                answering ? 0 : needed,
                listener);
        reads += host.reads();
        if (found == HostWalker.Result.FOUND && device.setsAccessed()) {
            found = host.mark(writes && device.setsDirty());
        }
        if (found != HostWalker.Result.FOUND) {
            flags = host.flags();
            entryAddress = host.entryAddress();
            return found == HostWalker.Result.FAULT ? Result.HOST_FAULT : Result.HOST_UNREADABLE;
        }
        hostShift = host.pageShift();
        hostAddress = host.pageAddress() | (guestAddress & ((1L << hostShift) - 1));
        hostRights = host.rights();
        return Result.FOUND;
    }

    /** Flags of the page fault, of {@link IoPageFault}. */
    public long flags() {
        return flags;
    }

    /** Guest physical address of a fault of the host table. */
    public long faultAddress() {
        return faultAddress;
    }

    /** Address of the entry that ended the walk. */
    public long entryAddress() {
        return entryAddress;
    }

    /** True if the fault is that a guest table entry is not present. */
    public boolean isAbsent() {
        return absent;
    }

    /** Level at which the walk ended. */
    public int level() {
        return level;
    }

    /** Level at which the walk entered the guest table. */
    public int topLevel() {
        return topLevel;
    }

    /** First physical address of the page. */
    public long pageAddress() {
        return pageAddress;
    }

    /** log2 of the size of the page: the smaller one of guest and host. */
    public int pageShift() {
        return pageShift;
    }

    /** Rights of the tables: {@link DmaAccess#READ}, {@link DmaAccess#WRITE} of the host's, and guest rights. */
    public int rights() {
        return rights;
    }

    /** Entries that were read. */
    public int reads() {
        return reads;
    }

    /** Entries that were read for the GCR3 entry. */
    public int readsOfGcr3() {
        return readsOfGcr3;
    }

    /** Host address of the table of a level; {@link HostWalker#NOWHERE} if the walk did not get there. */
    public long table(int ofLevel) {
        return table[ofLevel];
    }

    /** Guest rights down to and with the entry of {@code atLevel}. */
    public int rightsAt(int atLevel) {
        return rightsAt[atLevel];
    }

    /** Entries that were read until the table of a level was found, those of the host table among them. */
    public int readsToTable(int ofLevel) {
        return readsToTable[ofLevel];
    }
}
