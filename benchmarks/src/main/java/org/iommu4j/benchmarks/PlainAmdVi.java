package org.iommu4j.benchmarks;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * The least that a command buffer and accesses through host tables of AMD-Vi cost: one class by hand for one device and one
 * domain, over the same memory and the same cache, with the checks that the architecture has for commands and entries; guest
 * tables over host tables are walked only. No registers, no counters, no observers, no events.
 */
final class PlainAmdVi {
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE = 1 << PAGE_SHIFT;
    private static final int LEVEL_BITS = 9;
    private static final long INDEX_MASK = (1 << LEVEL_BITS) - 1;
    private static final int RIGHTS_SHIFT = 61;
    private static final int BOTH = DmaAccess.READ | DmaAccess.WRITE;
    private static final long COMMAND_BYTES = 16;
    private static final int LARGEST_SHIFT = 51;

    /** Reserved bits of INVALIDATE_IOMMU_PAGES and of COMPLETION_WAIT. */
    private static final long PAGES_RESERVED_0 = 0x0fff_0000_fff0_0000L;

    private static final long PAGES_RESERVED_1 = 0xff8L;
    private static final long WAIT_RESERVED = 0x0ff0_0000_0000_0000L;

    /** Device table entry: V and TV, what has to be 0 of each word without guest tables, and the levels of the host table. */
    private static final long DEVICE_ENTRY_BYTES = 32;

    private static final long TRANSLATES = 3;
    private static final long DEVICE_RESERVED_0 = (0x1fL << 2) | (1L << 55);
    private static final long DEVICE_RESERVED_1 = 1L << 42;
    private static final long DEVICE_RESERVED_2 = 3L << 54;
    private static final int LEVELS_SHIFT = 9;
    private static final int LEVELS_MASK = 7;

    /** With guest tables: what has to be 0 of the first word, GV, and what a guest's entry says. */
    private static final long NESTED_RESERVED_0 = 0x1fL << 2;

    private static final long GUEST_VALID = 1L << 55;
    private static final int GUEST_LEVELS = 4;
    private static final int HIGHEST_GUEST_PAGE = 3;
    private static final int GUEST_SIGN_BITS = Long.SIZE - PAGE_SHIFT - LEVEL_BITS * GUEST_LEVELS;
    private static final int PASID_BITS = 16;
    private static final int GUEST_WRITE = 2;
    private static final int GUEST_USER = 4;
    private static final int GUEST_RIGHTS = GUEST_WRITE | GUEST_USER;
    private static final long GUEST_ACCESSED = 1L << 5;
    private static final long GUEST_LARGE = 1L << 7;

    private static final long LEAF_RESERVED = 0x07f0_0000_0000_0000L;
    private static final long DIRECTORY_RESERVED = 0x1ff0_0000_0000_0000L;
    private static final long ADDRESS = 0xf_ffff_ffff_f000L;

    private final PhysicalMemory memory;
    private final PhysicalMemory tables;
    private final int device;
    private final int domain;
    private final long deviceTable;
    private final long ring;
    private final long ringBytes;
    private final TranslationCache pages = new TranslationCache(1 << 16);
    private long head;

    /** log2 of the page of the host's table that was found last. */
    private int hostShift;

    /**
     * A unit.
     *
     * @param memory the host's, with device table and command buffer
     * @param tables what a guest's tables may be in
     */
    PlainAmdVi(
            PhysicalMemory memory,
            PhysicalMemory tables,
            int device,
            int domain,
            long deviceTable,
            long ring,
            long ringBytes) {
        this.memory = memory;
        this.tables = tables;
        this.device = device;
        this.domain = domain;
        this.deviceTable = deviceTable;
        this.ring = ring;
        this.ringBytes = ringBytes;
    }

    /** Carries out the commands up to there; where it stops. */
    long ring(long tail) {
        while (head != tail) {
            long word0 = memory.readLongLe(ring + head);
            long word1 = memory.readLongLe(ring + head + Long.BYTES);
            boolean done = switch ((int) (word0 >>> 60)) {
                case 1 -> store(word0, word1);
                case 3 -> invalidate(word0, word1);
                default -> false;
            };
            if (!done) {
                return head;
            }
            head = (head + COMMAND_BYTES) & (ringBytes - 1);
        }
        return head;
    }

    private boolean store(long word0, long word1) {
        if ((word0 & WAIT_RESERVED) != 0) {
            return false;
        }
        if ((word0 & 1) != 0) {
            memory.writeLongLe(word0 & 0xf_ffff_ffff_fff8L, word1);
        }
        return true;
    }

    private boolean invalidate(long word0, long word1) {
        if ((word0 & PAGES_RESERVED_0) != 0 || (word1 & PAGES_RESERVED_1) != 0) {
            return false;
        }
        int id = (int) (word0 >>> 32) & 0xffff;
        long address = word1 & -PAGE;
        if ((word1 & 1) == 0) {
            pages.invalidatePage(id, NO_PASID, address);
        } else {
            int zero = Long.numberOfTrailingZeros(~(address >>> PAGE_SHIFT)) + PAGE_SHIFT;
            if (zero >= LARGEST_SHIFT) {
                pages.invalidateSpace(id, NO_PASID);
            } else {
                pages.invalidateBlock(id, NO_PASID, address & (-1L << (zero + 1)), zero + 1);
            }
        }
        pages.invalidatePasids(id);
        return true;
    }

    /** The address to which an access goes, from the cache or by a walk; 0 if it is refused. */
    long translate(DmaAccess access) {
        if (access.requester() != device || access.pasid() != DmaAccess.NO_PASID) {
            return 0;
        }
        long iova = access.iova();
        int cached = pages.lookup(domain, NO_PASID, iova);
        if (cached != TranslationCache.MISS) {
            return finish(access, pages.value(cached), pages.pageShift(cached), pages.attributes(cached));
        }
        long found = walk(access);
        if (found != 0) {
            long first = -access.pageBytes();
            int shift = Long.numberOfTrailingZeros(first);
            pages.insert(domain, NO_PASID, iova & first, shift, found & first, access.grantedRights());
        }
        return found;
    }

    /**
     * Host address of an access with PASID by the device table entry, the GCR3 table and the guest's tables, each address of which goes
     * through the host's; 0 if it is refused. Accessed bits are set already.
     */
    long walkNested(DmaAccess access) {
        long entryAt = deviceTable + device * DEVICE_ENTRY_BYTES;
        long word0 = memory.readLongLe(entryAt);
        long word1 = memory.readLongLe(entryAt + Long.BYTES);
        long word2 = memory.readLongLe(entryAt + 2 * Long.BYTES);
        long iova = access.iova();
        int pasid = access.pasid();
        boolean reserved = (word0 & NESTED_RESERVED_0) != 0
                || (word1 & DEVICE_RESERVED_1) != 0
                || (word2 & DEVICE_RESERVED_2) != 0;
        boolean canonical = iova << GUEST_SIGN_BITS >> GUEST_SIGN_BITS == iova;
        if ((word0 & TRANSLATES) != TRANSLATES
                || (word0 & GUEST_VALID) == 0
                || reserved
                || !canonical
                || pasid >>> PASID_BITS != 0
                || (access.rights() & ~rights(word0)) != 0) {
            return 0;
        }
        long table = ((word0 >>> 58) & 7) << 12 | ((word1 >>> 16) & 0xffff) << 15 | (word1 >>> 43) << 31;
        for (int depth = (int) (word0 >>> 56) & 3; depth >= 0; depth--) {
            long entry = memory.readLongLe(table + ((pasid >>> (LEVEL_BITS * depth)) & INDEX_MASK) * (long) Long.BYTES);
            if ((entry & 1) == 0) {
                return 0;
            }
            table = entry & ADDRESS;
        }
        int hostLevel = (int) (word0 >>> LEVELS_SHIFT) & LEVELS_MASK;
        long hostRoot = word0 & ADDRESS;
        int granted = GUEST_RIGHTS;
        for (int level = GUEST_LEVELS; ; level--) {
            int shift = tableShift(level);
            long at = throughHost(hostRoot, hostLevel, table, DmaAccess.READ);
            if (at == 0) {
                return 0;
            }
            long entry = tables.readLongLe(at + ((iova >>> shift) & INDEX_MASK) * Long.BYTES);
            if ((entry & 1) == 0 || (entry & GUEST_ACCESSED) == 0) {
                return 0;
            }
            granted &= (int) entry;
            boolean leaf = level == 1 || (entry & GUEST_LARGE) != 0;
            if (!leaf) {
                table = entry & ADDRESS;
                continue;
            }
            long inPage = (1L << shift) - 1;
            boolean large = level > 1;
            boolean illegal = large && (level > HIGHEST_GUEST_PAGE || (entry & ADDRESS & inPage & -(2 * PAGE)) != 0);
            boolean writes = (access.rights() & DmaAccess.WRITE) != 0;
            if (illegal || (granted & GUEST_USER) == 0 || (writes && (granted & GUEST_WRITE) == 0)) {
                return 0;
            }
            long guest = (entry & ADDRESS & ~inPage) | (iova & inPage);
            long page = throughHost(hostRoot, hostLevel, guest, access.rights());
            if (page == 0) {
                return 0;
            }
            access.translated(page, 1L << Math.min(shift, hostShift), access.rights(), false);
            return access.spa();
        }
    }

    /** Host address of a guest-physical address by a host table of this host; 0 if it is refused. */
    private long throughHost(long root, int levels, long address, int needed) {
        if (address >>> tableShift(levels + 1) != 0) {
            return 0;
        }
        long table = root;
        int level = levels;
        while (true) {
            int shift = tableShift(level);
            long entry = memory.readLongLe(table + ((address >>> shift) & INDEX_MASK) * Long.BYTES);
            int next = (int) (entry >>> LEVELS_SHIFT) & LEVELS_MASK;
            if ((entry & 1) == 0
                    || (entry & (next == 0 ? LEAF_RESERVED : DIRECTORY_RESERVED)) != 0
                    || (needed & ~rights(entry)) != 0) {
                return 0;
            }
            if (next == 0) {
                hostShift = shift;
                return (entry & ADDRESS & -(1L << shift)) | (address & ((1L << shift) - 1));
            }
            long skipped = (1L << shift) - (1L << tableShift(next + 1));
            if (next >= level || (address & skipped) != 0) {
                return 0;
            }
            table = entry & ADDRESS;
            level = next;
        }
    }

    /** Host address of an access by the device table entry and the tables; 0 if it is refused. */
    long walk(DmaAccess access) {
        long entryAt = deviceTable + device * DEVICE_ENTRY_BYTES;
        long word0 = memory.readLongLe(entryAt);
        long word1 = memory.readLongLe(entryAt + Long.BYTES);
        long word2 = memory.readLongLe(entryAt + 2 * Long.BYTES);
        boolean reserved = (word0 & DEVICE_RESERVED_0) != 0
                || (word1 & DEVICE_RESERVED_1) != 0
                || (word2 & DEVICE_RESERVED_2) != 0;
        long iova = access.iova();
        int level = (int) (word0 >>> LEVELS_SHIFT) & LEVELS_MASK;
        if ((word0 & TRANSLATES) != TRANSLATES || reserved || iova >>> tableShift(level + 1) != 0) {
            return 0;
        }
        long table = word0 & ADDRESS;
        int rights = rights(word0);
        while (true) {
            int shift = tableShift(level);
            long entry = tables.readLongLe(table + ((iova >>> shift) & INDEX_MASK) * Long.BYTES);
            if ((entry & 1) == 0) {
                return 0;
            }
            int next = (int) (entry >>> LEVELS_SHIFT) & LEVELS_MASK;
            rights &= rights(entry);
            if ((entry & (next == 0 ? LEAF_RESERVED : DIRECTORY_RESERVED)) != 0 || (access.rights() & ~rights) != 0) {
                return 0;
            }
            if (next == 0) {
                return finish(access, (entry & ADDRESS) & -(1L << shift), shift, rights);
            }
            long skipped = (1L << shift) - (1L << tableShift(next + 1));
            if (next >= level || (iova & skipped) != 0) {
                return 0;
            }
            table = entry & ADDRESS;
            level = next;
        }
    }

    /** Bits of an address below those that a table of that level looks at. */
    private static int tableShift(int level) {
        return PAGE_SHIFT + LEVEL_BITS * (level - 1);
    }

    /** IR and IW of a device table entry or a table entry. */
    private static int rights(long entry) {
        return (int) (entry >>> RIGHTS_SHIFT) & BOTH;
    }

    private static long finish(DmaAccess access, long page, int shift, int rights) {
        if ((access.rights() & ~rights) != 0) {
            return 0;
        }
        long inPage = (1L << shift) - 1;
        access.translated(page | (access.iova() & inPage), 1L << shift, rights, false);
        return access.spa();
    }
}
