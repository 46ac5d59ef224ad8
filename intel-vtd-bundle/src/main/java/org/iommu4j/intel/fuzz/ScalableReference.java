package org.iommu4j.intel.fuzz;

import java.util.HashMap;
import java.util.Map;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Uapi;

/**
 * Translations behind a driver in scalable mode, from what was bound by device and PASID, written from the text of the architecture
 * (VT-d 3.6, 3.7, 3.9, 4.2, 7.1.3, 9.7, 9.8) with none of the chip's code: numbers are typed out. Of devices and PASIDs without a
 * binding it knows nothing: which of the host's structures says no is the driver's own business.
 */
final class ScalableReference {
    private static final int UNKNOWN_EXECUTE = 0x34;
    private static final int NO_DEVICE_TLB = 0x44;
    private static final int TRANSLATED_PASID = 0x49;
    private static final int EXECUTE = 0x5c;
    private static final int SUPERVISOR = 0x5d;
    private static final int FIRST_ACCESS = 0x70;
    private static final int FIRST_ABSENT = 0x71;
    private static final int FIRST_RESERVED = 0x72;
    private static final int FIRST_TOP_ACCESS = 0x73;
    private static final int SECOND_ACCESS = 0x78;
    private static final int SECOND_ABSENT = 0x79;
    private static final int SECOND_RESERVED = 0x7a;
    private static final int SECOND_TOP_ACCESS = 0x7b;
    private static final int NOT_CANONICAL = 0x80;
    private static final int NO_USER = 0x81;
    private static final int BEYOND_HOST = 0x83;
    private static final int BEYOND_WIDTH = 0x84;
    private static final int NO_WRITE = 0x85;
    private static final int NO_READ = 0x86;
    private static final int INTERRUPT_OUTPUT = 0x87;

    private static final int PASSES = 0x1_0000;
    private static final int DEVICE_TLB = 0x2_0000;
    private static final int FIRST_STAGE = 0x4_0000;
    private static final int SUPERVISORS = 0x8_0000;
    private static final int WRITE_PROTECT = 0x10_0000;

    private static final long ADDRESS = 0x000f_ffff_ffff_f000L;

    private final PhysicalMemory tables;
    private final int hostBits;
    private final int major;
    private final long cap;
    private final long ecap;

    /** By requester in bits 47:32, and PASID; 0 is that of requests without one. */
    private final Map<Long, Bound> bound = new HashMap<>();

    /** A binding: top table, width in bits, flags of the header. */
    private record Bound(long table, int width, int flags) {
        boolean has(int flag) {
            return (flags & flag) != 0;
        }
    }

    ScalableReference(PhysicalMemory tables, int hostBits, int major, long cap, long ecap) {
        this.tables = tables;
        this.hostBits = hostBits;
        this.major = major;
        this.cap = cap;
        this.ecap = ecap;
    }

    private static long key(int requester, int pasid) {
        return (long) requester << 32 | pasid;
    }

    void attached(int requester, long table, int levels) {
        if (table != -1) {
            bound.put(key(requester, 0), new Bound(table, 12 + 9 * levels, 0));
        }
    }

    void detached(int requester) {
        bound.keySet().removeIf(key -> key >> 32 == requester);
    }

    void bound(BindRequest request) {
        int requester = (int) ReferenceWalker.littleEndian(request, 8, 2);
        boolean ofPasid = request.operation() == Uapi.BIND_PASID;
        int pasid = ofPasid ? (int) ReferenceWalker.littleEndian(request, 24, 4) & 0xf_ffff : 0;
        if ((request.flags() & 1) != 0) {
            bound.remove(key(requester, pasid));
        } else {
            bound.put(
                    key(requester, pasid),
                    new Bound(
                            ReferenceWalker.littleEndian(request, 0, 8) & -4096L,
                            (int) ReferenceWalker.littleEndian(request, 12, 4),
                            request.flags()));
        }
    }

    /** False if there is no saying what an access comes to. */
    boolean translate(DmaAccess access) {
        boolean withPasid = access.pasid() != DmaAccess.NO_PASID;
        boolean executes = withPasid && (access.rights() & DmaAccess.EXECUTE) != 0;
        if (executes && major >= 8) {
            return fault(access, UNKNOWN_EXECUTE);
        }
        Bound stage = bound.get(key(access.requester(), withPasid ? access.pasid() : 0));
        if (stage == null || access.pasid() == 0) {
            return false;
        }
        boolean translated = access.addressType() == DmaAccess.AddressType.TRANSLATED;
        if (access.addressType() != DmaAccess.AddressType.UNTRANSLATED && !stage.has(DEVICE_TLB)) {
            return fault(access, NO_DEVICE_TLB);
        }
        if (translated) {
            return withPasid ? fault(access, TRANSLATED_PASID) : passes(access, true);
        }
        if (executes) {
            return fault(access, EXECUTE);
        }
        boolean supervisor = withPasid && access.privileged();
        if (supervisor && !stage.has(SUPERVISORS)) {
            return fault(access, SUPERVISOR);
        }
        boolean request = access.addressType() == DmaAccess.AddressType.TRANSLATION_REQUEST;
        if (stage.has(PASSES)) {
            return passes(access, !request) && !request;
        }
        boolean known = stage.has(FIRST_STAGE) ? first(access, stage, supervisor) : second(access, stage);
        // A translation request is given what is permitted, which may be less than it asks for.
        return known && !request;
    }

    private boolean passes(DmaAccess access, boolean notToInterrupts) {
        if (access.iova() >>> hostBits != 0) {
            return fault(access, BEYOND_HOST);
        }
        if (notToInterrupts && access.iova() >>> 20 == 0xfee) {
            return fault(access, INTERRUPT_OUTPUT);
        }
        access.translated(access.iova(), 0, DmaAccess.READ | DmaAccess.WRITE, false);
        return true;
    }

    private static boolean writes(DmaAccess access) {
        return (access.rights() & DmaAccess.WRITE) != 0;
    }

    private static boolean reads(DmaAccess access) {
        return !writes(access) || (access.rights() & DmaAccess.READ) != 0;
    }

    /** First stage, VT-d 3.6: what is wrong with an entry at any level goes before what it does not permit. */
    private boolean first(DmaAccess access, Bound stage, boolean supervisor) {
        long iova = access.iova();
        int unused = 64 - stage.width;
        if (iova << unused >> unused != iova) {
            return fault(access, NOT_CANONICAL);
        }
        int levels = stage.width == 57 ? 5 : 4;
        boolean user = true;
        boolean writable = true;
        long at = stage.table;
        for (int level = levels; ; level--) {
            int shift = 3 + 9 * level;
            long entry;
            try {
                entry = tables.readLongLe(at + (iova >>> shift & 0x1ff) * 8);
            } catch (BusErrorException e) {
                return fault(access, level == levels ? FIRST_TOP_ACCESS : FIRST_ACCESS);
            }
            if ((entry & 1) == 0) {
                return fault(access, FIRST_ABSENT);
            }
            boolean page = (entry & 0x80) != 0;
            boolean large = page && (level == 2 || (level == 3 && (cap >>> 56 & 1) != 0));
            boolean leaf = level == 1 || large;
            // Bit 12 of a large page is one of its memory type.
            long inPage = large ? ((1L << shift) - 1) & ADDRESS & ~0x1000L : 0;
            if (isBeyondHost(entry) || (entry & inPage) != 0 || (page && !leaf)) {
                return fault(access, FIRST_RESERVED);
            }
            user &= (entry & 4) != 0;
            writable &= (entry & 2) != 0;
            if (!leaf) {
                at = entry & ADDRESS;
                continue;
            }
            if (!supervisor && !user) {
                return fault(access, NO_USER);
            }
            if (writes(access) && !writable && (!supervisor || stage.has(WRITE_PROTECT))) {
                return fault(access, NO_WRITE);
            }
            return output(access, entry & ADDRESS & -1L << shift, shift);
        }
    }

    /** Second stage, VT-d 3.7, in the same order. */
    private boolean second(DmaAccess access, Bound stage) {
        long iova = access.iova();
        int widest = (int) (cap >>> 16 & 0x3f) + 1;
        if (iova >>> Math.min(stage.width, widest) != 0) {
            return fault(access, BEYOND_WIDTH);
        }
        int levels = (stage.width - 12) / 9;
        long rights = 3;
        long at = stage.table;
        for (int level = levels; ; level--) {
            int shift = 3 + 9 * level;
            long entry;
            try {
                entry = tables.readLongLe(at + (iova >>> shift & 0x1ff) * 8);
            } catch (BusErrorException e) {
                return fault(access, level == levels ? SECOND_TOP_ACCESS : SECOND_ACCESS);
            }
            if ((entry & 3) == 0) {
                return fault(access, SECOND_ABSENT);
            }
            boolean page = (entry & 0x80) != 0;
            boolean large = page && (level == 2 || level == 3) && (cap >>> (32 + level) & 1) != 0;
            boolean leaf = level == 1 || large;
            long inPage = large ? ((1L << shift) - 1) & ADDRESS : 0;
            boolean snoop = (entry & 0x800) != 0 && !(leaf && (ecap >>> 7 & 1) != 0);
            if (isBeyondHost(entry) || (entry & inPage) != 0 || (page && !leaf) || snoop || (entry >>> 62 & 1) != 0) {
                return fault(access, SECOND_RESERVED);
            }
            rights &= entry;
            if (!leaf) {
                at = entry & ADDRESS;
                continue;
            }
            if (rights == 0) {
                return fault(access, SECOND_ABSENT);
            }
            if (writes(access) && (rights & 2) == 0) {
                return fault(access, NO_WRITE);
            }
            boolean zeroLength = access.lengthBytes() == 0 && (cap >>> 22 & 1) != 0 && !writes(access);
            if (reads(access) && (rights & 1) == 0 && !zeroLength) {
                return fault(access, NO_READ);
            }
            return output(access, entry & ADDRESS, shift);
        }
    }

    private boolean isBeyondHost(long entry) {
        return (entry & ADDRESS) >>> hostBits != 0;
    }

    private static boolean output(DmaAccess access, long page, int shift) {
        long bytes = 1L << shift;
        long output = page + (access.iova() & (bytes - 1));
        if (output >>> 20 == 0xfee) {
            return fault(access, INTERRUPT_OUTPUT);
        }
        access.translated(output, bytes, 0, false);
        return true;
    }

    private static boolean fault(DmaAccess access, int code) {
        access.fault(code, false);
        return true;
    }
}
