package org.iommu4j.amd.fuzz;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;

/** Host tables, GCR3 tables and guest tables of the reference walker, docs/spec/amd-vi.md 3.5 to 3.8. */
final class ReferenceTables {
    /** Bits of an entry that are an address. */
    static final long ADDRESS = 0x000f_ffff_ffff_f000L;

    private static final int CONTROL = 0x18;
    private static final int FEATURES = 0x30;

    private final NativePort port;
    private final PhysicalMemory memory;
    private final PhysicalMemory guestTables;
    private final ReferenceBindings bindings;
    private final long features;

    /** A page of a host table. */
    record Page(long address, int shift, boolean read, boolean write) {}

    /**
     * Tables of a unit.
     *
     * @param bindings whose GCR3 tables devices have; null if their entries in memory say so
     */
    ReferenceTables(NativePort port, ReferenceBindings bindings) {
        this.port = port;
        this.bindings = bindings;
        memory = port.platform().memory();
        guestTables = port.platform().guestTables();
        features = port.readRegister(FEATURES, Long.BYTES);
    }

    static boolean isWrite(DmaAccess access) {
        return (access.rights() & DmaAccess.WRITE) != 0;
    }

    static boolean isRead(DmaAccess access) {
        return (access.rights() & (DmaAccess.READ | DmaAccess.EXECUTE)) != 0;
    }

    static boolean bit(long word, int bit) {
        return (word >>> bit & 1) != 0;
    }

    static int mode(long[] entry) {
        return (int) (entry[0] >>> 9 & 7);
    }

    private long read(PhysicalMemory from, long at) {
        try {
            return from.readLongLe(at);
        } catch (BusErrorException e) {
            throw new ReferenceStop(ReferenceStop.PAGE_TABLE_ERROR);
        }
    }

    /** Docs 3.5. */
    Page host(long[] entry, long address, boolean read, boolean write, boolean asks) {
        int level = mode(entry);
        boolean mayRead = bit(entry[0], 61);
        boolean mayWrite = bit(entry[0], 62);
        if (level == 0) {
            return new Page(address & -4096L, 12, mayRead, mayWrite);
        }
        if (level < 6 && address >>> (12 + 9 * level) != 0) {
            throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
        }
        long table = entry[0] & ADDRESS;
        PhysicalMemory tables = guestTables.contains(table, 8) ? guestTables : memory;
        while (true) {
            int low = 3 + 9 * level;
            long word = read(tables, table + (address >>> low & 0x1ff) * 8);
            if (isTorn(tables, table, low, word, (int) (address >>> low & 0x1ff))) {
                throw new ReferenceStop(ReferenceStop.NO_OPINION);
            }
            int next = (int) (word >>> 9 & 7);
            boolean leaf = next == 0 || next == 7;
            boolean reserved = (word & (leaf ? 0x7fL << 52 : 0x1ffL << 52)) != 0;
            mayRead &= bit(word, 61);
            mayWrite &= bit(word, 62);
            boolean denied = !asks && ((read && !bit(word, 61)) || (write && !bit(word, 62)));
            if (!bit(word, 0) || reserved || denied) {
                throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
            }
            if (leaf) {
                int shift = next == 7 ? encodedShift(word) : low;
                if (level == 6 || (next == 7 && (shift <= low || shift >= low + 9))) {
                    throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
                }
                return new Page(word & ADDRESS & -1L << shift, shift, mayRead, mayWrite);
            }
            if (next >= level || (address & ((1L << low) - (1L << (12 + 9 * next)))) != 0) {
                throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
            }
            level = next;
            table = word & ADDRESS;
        }
    }

    /** True if an entry is part of a page of more entries, docs 3.5, that are not alike: any of them may answer for all. */
    private boolean isTorn(PhysicalMemory tables, long table, int low, long word, int index) {
        int first = index & 0x100;
        for (int other = first; other < first + 0x100; other++) {
            long candidate = read(tables, table + other * 8L);
            int bits = encodedShift(candidate) - low;
            boolean page = (candidate & 0xe01) == 0xe01 && bits > 0 && bits < 9;
            if (page && other >>> bits == index >>> bits && candidate != word) {
                return true;
            }
        }
        return false;
    }

    private static int encodedShift(long word) {
        int shift = 13;
        while (shift < 53 && bit(word, shift - 1)) {
            shift++;
        }
        return shift;
    }

    /** A guest physical address through the host table, to be read. */
    private long through(long[] entry, long address, boolean asks) {
        if (mode(entry) == 0) {
            return address;
        }
        Page page = host(entry, address, true, false, asks);
        return page.address | (address & ((1L << page.shift) - 1));
    }

    /** Docs 3.6 to 3.8. */
    boolean guest(DmaAccess access, int requester, long[] entry, boolean asks) {
        boolean nested = mode(entry) != 0;
        boolean withPasid = access.pasid() != DmaAccess.NO_PASID;
        int pasid = withPasid ? access.pasid() : 0;
        boolean user = !withPasid || !access.privileged();
        int level = 4 + (int) (entry[2] >>> 54 & 3);
        int bits = 12 + 9 * level;
        long address = access.iova();
        long upper = address >> (bits - 1);
        boolean inRange = pasid != 0 ? upper == 0 || upper == -1 : address >>> bits == 0;
        if (pasid >>> Math.min(20, (int) (features >>> 32 & 0x1f) + 1) != 0 || !inRange) {
            throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
        }
        long table = bindings != null && !bindings.hasOpenPasids(requester)
                ? boundTable(requester, pasid)
                : gcr3(bindings != null ? bindings.gcr3(requester) : gcr3Root(entry), entry, pasid, asks);
        long all = 6;
        boolean executable = true;
        boolean marked = true;
        long word;
        int low;
        while (true) {
            low = 3 + 9 * level;
            word = read(guestTables, through(entry, table + (address >>> low & 0x1ff) * 8, asks));
            boolean large = level > 1 && bit(word, 7);
            long odd = word & ADDRESS & ((1L << low) - 1) & ~0x1fffL;
            if (!bit(word, 0) || (large && (level > 3 || odd != 0))) {
                throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
            }
            all &= word;
            executable &= word >= 0 || !bit(features, 3);
            marked &= bit(word, 5);
            table = word & ADDRESS;
            if (large || level == 1) {
                break;
            }
            level--;
        }
        boolean execute = (access.rights() & DmaAccess.EXECUTE) != 0;
        boolean writable = bit(all, 1);
        boolean users = bit(all, 2);
        if (!asks && ((isWrite(access) && !writable) || (user && !users) || (execute && !executable))) {
            throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
        }
        if (nested && (!marked || (isWrite(access) && !bit(word, 6)))) {
            // Whether accessed and dirty bits of a guest can be set is for the rights of its host table to say.
            throw new ReferenceStop(ReferenceStop.NO_OPINION);
        }
        long inPage = (1L << low) - 1;
        long guestAddress = (table & ~inPage) | (address & inPage);
        Page page = nested
                ? host(entry, guestAddress, isRead(access), isWrite(access), asks)
                : new Page(guestAddress & ~inPage, low, bit(entry[0], 61), bit(entry[0], 62));
        if (asks && ((!users && user) || (!page.read && !(page.write && writable)))) {
            throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
        }
        access.translated(
                page.address | (guestAddress & ((1L << page.shift) - 1)), 1L << Math.min(low, page.shift), 0, false);
        return true;
    }

    private long boundTable(int requester, int pasid) {
        Long table = bindings.table(requester, pasid);
        if (table == null) {
            throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
        }
        return table;
    }

    private static long gcr3Root(long[] entry) {
        return (entry[0] >>> 58 & 7) << 12 | (entry[1] >>> 16 & 0xffff) << 15 | (entry[1] >>> 43 & 0x1f_ffff) << 31;
    }

    private long gcr3(long root, long[] entry, int pasid, boolean asks) {
        boolean asGuest = bit(port.readRegister(CONTROL, Long.BYTES), 58);
        long table = root;
        boolean ofHost = !asGuest;
        for (int depth = (int) (entry[0] >>> 56 & 3); depth >= 0; depth--) {
            long at = table + (pasid >>> (9 * depth) & 0x1ff) * 8L;
            if (asGuest) {
                at = through(entry, at, asks);
            }
            long word = read(ofHost ? memory : guestTables, at);
            if (!bit(word, 0)) {
                throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
            }
            ofHost &= !guestTables.contains(at, 8);
            table = word & ADDRESS;
        }
        return table;
    }
}
