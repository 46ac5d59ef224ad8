package org.iommu4j.s390.fuzz;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;

/**
 * A bare unit's translations written from the sheet's text with none of the chip's code: numbers are typed out. Where the host
 * shadows tables it keeps what RPCIT has to have installed, so that there is one answer at any time; where hardware reads them
 * it cannot say what a refresh may have read ahead.
 */
final class ZpciReferenceWalker implements ReferenceWalker {
    private static final int RPCIT = 0xB9D3;
    private static final int MPCIFC = 0xE3D0;
    private static final int CLP = 0xB9A0;
    private static final int PROBLEM_STATE = 15;
    private static final int NOT_REGISTERED = 1;
    private static final int OUTSIDE = 2;
    private static final int ANCHOR = 3;
    private static final int ANCHOR_PROTECTED = 4;
    private static final int ENTRY_PROTECTED = 5;
    private static final int INVALID = 7;
    private static final int LENGTH = 8;
    private static final int TYPE = 9;
    private static final int NOT_MAPPED = -1;
    private static final long PAGE = 0x1000;
    private static final int MOST_ENTRIES = 1 << 18;

    /** Bytes that an entry of each level maps, from page table to region first table. */
    private static final int[] SHIFT = {12, 20, 31, 42, 53};

    private final PhysicalMemory memory;
    private final long sdma;
    private final boolean shadows;
    private final boolean largeFrames;
    private final Map<Integer, Function> functions = new HashMap<>();

    /** Where the last walk ended, and what it found. */
    private int level;

    private long frame;
    private boolean writable;

    /** True if software did more than it follows. */
    private boolean lost;

    /** A function as software has left it. */
    private static final class Function {
        private boolean enabled;
        private boolean registered;
        private long pba;
        private long pal;
        private long iota;
        private boolean readAhead;
        private final TreeMap<Long, Mapping> known = new TreeMap<>(Long::compareUnsigned);
    }

    private record Mapping(long last, long frame, boolean writable) {}

    ZpciReferenceWalker(NativePort port, long sdma, boolean shadows, boolean largeFrames) {
        memory = port.platform().memory();
        this.sdma = sdma;
        this.shadows = shadows;
        this.largeFrames = largeFrames;
    }

    @Override
    public boolean called(NativeCall call, long[] arguments) {
        if (arguments[PROBLEM_STATE] != 0 || call.result() < 0) {
            return false;
        }
        switch (call.function()) {
            case RPCIT -> refreshed(call, arguments);
            case MPCIFC -> modified(call, arguments);
            case CLP -> set(call, arguments[0]);
            default -> {
                return false;
            }
        }
        return !shadows;
    }

    private Function at(long register) {
        return functions.computeIfAbsent((int) (register >>> 32) & 0xffff, index -> new Function());
    }

    private void refreshed(NativeCall call, long[] arguments) {
        int status = (int) (call.word(0) >>> 24) & 0xff;
        if (call.result() == 1 && status == 8) {
            Function function = at(arguments[0]);
            function.enabled = false;
            if (function.registered) {
                refresh(function, arguments[1], arguments[2]);
            }
        } else if (call.result() == 1 && status == 16) {
            lost = true;
        } else if (call.result() == 0) {
            refresh(at(arguments[0]), arguments[1], arguments[2]);
        }
    }

    private void refresh(Function function, long start, long length) {
        long last = start + length - 1;
        boolean outside = Long.compareUnsigned(last, start) < 0
                || Long.compareUnsigned(start, function.pal) > 0
                || Long.compareUnsigned(last, function.pba) < 0;
        if (length == 0 || outside || (function.iota & 0x800) == 0) {
            return;
        }
        function.readAhead = true;
        if (!shadows) {
            return;
        }
        long at = (Long.compareUnsigned(start, function.pba) < 0 ? function.pba : start) & -PAGE;
        long end = (Long.compareUnsigned(last, function.pal) > 0 ? function.pal : last) | PAGE - 1;
        for (int entries = 0; entries < MOST_ENTRIES; entries++) {
            int code = walk(function.iota, at);
            if (code > 0) {
                return;
            }
            long size = 1L << SHIFT[level];
            long entryEnd = at | size - 1;
            if (code == 0) {
                long begin = at & -size;
                drop(function, begin, entryEnd);
                function.known.put(begin, new Mapping(entryEnd, frame, writable));
            } else {
                drop(function, at, Long.compareUnsigned(entryEnd, end) < 0 ? entryEnd : end);
            }
            if (Long.compareUnsigned(entryEnd, end) >= 0) {
                return;
            }
            at = entryEnd + 1;
        }
        lost = true;
    }

    private static void drop(Function function, long first, long last) {
        Map.Entry<Long, Mapping> before = function.known.floorEntry(first);
        if (before != null && Long.compareUnsigned(before.getValue().last, first) >= 0) {
            function.known.remove(before.getKey());
        }
        function.known.subMap(first, true, last, true).clear();
    }

    private void modified(NativeCall call, long[] arguments) {
        if (call.result() != 0) {
            return;
        }
        Function function = at(arguments[0]);
        switch ((int) arguments[0] & 0xff) {
            case 4, 6 -> {
                function.registered = true;
                function.pba = memory.readLongBe(arguments[1] + 16) & -PAGE;
                function.pal = memory.readLongBe(arguments[1] + 24) | PAGE - 1;
                function.iota = memory.readLongBe(arguments[1] + 32);
                function.known.clear();
                function.readAhead = false;
            }
            case 5 -> {
                function.registered = false;
                function.known.clear();
            }
            case 7 -> function.enabled = true;
            default -> {
                // Interrupts and measurement; a function whose load and store is released is in error as before.
            }
        }
    }

    /** CLP: set function changes a function; the rest only asks. */
    private void set(NativeCall call, long block) {
        byte[] bytes = new byte[36];
        memory.read(block, bytes, 0, bytes.length);
        boolean done = call.result() == 0 && bytes[34] == 0 && bytes[35] == 0x10;
        if (bytes[0] != 0 || bytes[1] != 32 || bytes[2] != 0 || bytes[3] != 5 || !done) {
            return;
        }
        Function function = at((long) ((bytes[18] & 0xff) << 8 | (bytes[19] & 0xff)) << 32);
        function.enabled = bytes[22] == 0;
        if (!function.enabled) {
            function.registered = false;
            function.known.clear();
        }
    }

    /** A fault puts the function into the error state, also while nobody asks what an access has to come to. */
    @Override
    public void accessed(int requester, boolean faulted) {
        if (faulted) {
            at((long) requester << 32).enabled = false;
        }
    }

    @Override
    public boolean translate(DmaAccess access) {
        Function function = functions.get(access.requester() & 0xffff);
        if (lost) {
            return false;
        }
        if (function == null
                || !function.enabled
                || access.pasid() != DmaAccess.NO_PASID
                || access.addressType() != DmaAccess.AddressType.UNTRANSLATED) {
            access.blocked();
            return true;
        }
        boolean write = (access.rights() & DmaAccess.WRITE) != 0;
        long iova = access.iova();
        long last = iova + Math.max(1, access.spanBytes()) - 1;
        boolean inside = Long.compareUnsigned(iova, function.pba) >= 0
                && Long.compareUnsigned(last, function.pal) <= 0
                && Long.compareUnsigned(iova, last) <= 0;
        if (!function.registered) {
            return fault(function, access, NOT_REGISTERED);
        }
        if (!inside) {
            return fault(function, access, OUTSIDE);
        }
        boolean sealed = (function.iota & 0x200) != 0;
        if ((function.iota & 0x800) == 0) {
            return (write && sealed) ? fault(function, access, ANCHOR_PROTECTED) : done(access, iova - sdma);
        }
        if (shadows) {
            Map.Entry<Long, Mapping> known = function.known.floorEntry(iova);
            if (known == null || Long.compareUnsigned(known.getValue().last, iova) < 0) {
                int unreached = reach(function.iota, iova);
                return fault(function, access, unreached == 0 ? INVALID : unreached);
            }
            frame = known.getValue().frame + iova - known.getKey();
            writable = known.getValue().writable;
        } else {
            if (function.readAhead) {
                return false;
            }
            int code = walk(function.iota, iova);
            if (code != 0) {
                return fault(function, access, code == NOT_MAPPED ? INVALID : code);
            }
            frame += iova & (1L << SHIFT[level]) - 1;
        }
        if (write && sealed) {
            return fault(function, access, ANCHOR_PROTECTED);
        }
        return (write && !writable) ? fault(function, access, ENTRY_PROTECTED) : done(access, frame);
    }

    private static boolean done(DmaAccess access, long target) {
        access.translated(target, 0, access.rights(), false);
        return true;
    }

    private static boolean fault(Function function, DmaAccess access, int code) {
        function.enabled = false;
        access.fault(code, true);
        return true;
    }

    /** What the anchor alone says of an address. */
    private static int reach(long iota, long address) {
        int type = (int) (iota >>> 2) & 7;
        if (type > 3 || (iota & 0x37e3) != 0) {
            return ANCHOR;
        }
        return type < 3 && address >>> (SHIFT[type + 1] + 11) != 0 ? LENGTH : 0;
    }

    private int walk(long iota, long address) {
        level = Math.min(((int) (iota >>> 2) & 7) + 1, SHIFT.length - 1);
        writable = true;
        int unreached = reach(iota, address);
        if (unreached != 0) {
            return unreached;
        }
        long table = iota & -0x4000L;
        while (true) {
            long index = address >>> SHIFT[level] & (level == 0 ? 0xff : 0x7ff);
            long entry;
            try {
                entry = memory.readLongBe(table + index * 8);
            } catch (BusErrorException e) {
                return INVALID;
            }
            if (entry == 0) {
                return INVALID;
            }
            if ((entry & (level == 0 ? 0x400 : 0x20)) != 0) {
                return NOT_MAPPED;
            }
            if (level > 0 && (entry >>> 2 & 3) != level - 1) {
                return TYPE;
            }
            if (level > 1 && (entry & 0xc3) != 3) {
                return LENGTH;
            }
            boolean large = level == 1 && (entry & 0x400) != 0;
            if (large && !largeFrames) {
                return TYPE;
            }
            writable &= (entry & 0x200) == 0;
            if (level == 0 || large) {
                frame = entry & -(1L << SHIFT[level]);
                return 0;
            }
            table = entry & (level == 1 ? -0x800L : -0x4000L);
            level--;
        }
    }
}
