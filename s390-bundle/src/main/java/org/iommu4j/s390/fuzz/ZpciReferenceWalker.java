package org.iommu4j.s390.fuzz;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.InvalidateRequest;

/**
 * Translations of a unit written from docs/spec/s390-zpci.md 3.3 with none of the chip's code: numbers are typed out.
 * If the host shadows tables it keeps what RPCIT has to have installed, so that there is one answer at any time;
 * if hardware reads them it takes them from memory, which is right while nothing that may have been read before has
 * changed.
 *
 * <p>Behind a driver it learns of what was attached, bound and invalidated. A bind announces what the table maps; an
 * invalidation is a refresh of every function that is registered for an address of its range, in any order, until one fails.
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
    private final PhysicalMemory guestTables;
    private final Unit unit;
    private final Map<Integer, Function> functions = new HashMap<>();

    /** Level at which the last walk ended. */
    private int level;

    private long frame;
    private boolean writable;

    /** True if software did something that is not followed here; then no translation is predicted any more. */
    private boolean lost;

    /** True if a refresh may have read tables ahead of any access. */
    private boolean readAhead;

    /**
     * Capabilities of the unit, as CLP reports them.
     *
     * @param sdma first address
     * @param edma last address, inclusive
     * @param shadows true if only RPCIT makes a mapping known
     * @param largeFrames true if a segment table entry may name a frame of 1 MiB
     * @param budget mappings that the host can hold
     */
    record Unit(long sdma, long edma, boolean shadows, boolean largeFrames, int budget) {}

    /** A function as software has left it. */
    private static final class Function {
        private boolean enabled;
        private boolean registered;
        private long pba;
        private long pal;
        private long iota;
        private final TreeMap<Long, Mapping> known = new TreeMap<>(Long::compareUnsigned);

        /** True if it may be in error, or not. */
        private boolean stateOpen;

        /** True if a refresh that failed elsewhere may have come to it, or not. */
        private boolean contentOpen;

        boolean covers(long first, long last) {
            return Long.compareUnsigned(first, pba) >= 0 && Long.compareUnsigned(last, pal) <= 0;
        }

        boolean touches(long first, long last) {
            return Long.compareUnsigned(first, pal) <= 0 && Long.compareUnsigned(last, pba) >= 0;
        }
    }

    private record Mapping(long last, long frame, boolean writable) {}

    ZpciReferenceWalker(PhysicalMemory memory, PhysicalMemory guestTables, Unit unit) {
        this.memory = memory;
        this.guestTables = guestTables;
        this.unit = unit;
    }

    @Override
    public boolean edited(boolean used) {
        return !unit.shadows && (used || readAhead);
    }

    /** No call leaves a stale translation in use: registrations drop all translations, refreshes read the tables again. */
    @Override
    public boolean called(NativeCall call, long[] arguments) {
        if (arguments[PROBLEM_STATE] == 0 && call.result() >= 0) {
            switch (call.function()) {
                case RPCIT -> refreshed(call, arguments);
                case MPCIFC -> modified(call, arguments);
                case CLP -> set(call, arguments[0]);
                default -> {
                    // Other instructions change nothing.
                }
            }
        }
        return false;
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
        if (length != 0 && Long.compareUnsigned(last, start) >= 0 && function.touches(start, last)) {
            refreshTo(function, start, last);
        }
    }

    /**
     * A refresh of what a range and the aperture have in common.
     *
     * @return false if it meets a wrong entry
     */
    private boolean refreshTo(Function function, long start, long last) {
        if ((function.iota & 0x800) == 0) {
            return true;
        }
        readAhead = true;
        long first = Long.compareUnsigned(start, function.pba) < 0 ? function.pba : start;
        long end = Long.compareUnsigned(last, function.pal) > 0 ? function.pal : last;
        return pass(function, first & -PAGE, end | PAGE - 1, true, false);
    }

    /**
     * Looks at every entry of a range.
     *
     * @param installs true if what is found becomes known
     * @param skips true to go on behind a wrong entry
     * @return false if it stopped at a wrong entry
     */
    private boolean pass(Function function, long first, long end, boolean installs, boolean skips) {
        long at = first;
        for (int entries = 0; entries < MOST_ENTRIES; entries++) {
            int code = walk(function.iota, at);
            if (code > 0 && !skips) {
                return false;
            }
            long size = 1L << SHIFT[level];
            long entryEnd = at | size - 1;
            if (installs && unit.shadows) {
                if (code == 0) {
                    long begin = at & -size;
                    drop(function, begin, entryEnd);
                    function.known.put(begin, new Mapping(entryEnd, frame, writable));
                } else {
                    drop(function, at, Long.compareUnsigned(entryEnd, end) < 0 ? entryEnd : end);
                }
            }
            if (Long.compareUnsigned(entryEnd, end) >= 0) {
                lost |= functions.values().stream()
                                .mapToInt(one -> one.known.size())
                                .sum()
                        > unit.budget;
                return true;
            }
            at = entryEnd + 1;
        }
        lost = true;
        return true;
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
                long pba = memory.readLongBe(arguments[1] + 16) & -PAGE;
                long pal = memory.readLongBe(arguments[1] + 24) | PAGE - 1;
                register(function, memory.readLongBe(arguments[1] + 32), pba, pal);
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

    private static void register(Function function, long iota, long pba, long pal) {
        function.registered = true;
        function.pba = pba;
        function.pal = pal;
        function.iota = iota;
        function.known.clear();
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

    // ---- behind a driver

    /** With a table the function is registered for all of its addresses that the table reaches. */
    @Override
    public void attached(int requester, long table, int levels) {
        if (table == -1) {
            detached(requester);
            return;
        }
        long reach = reach(levels - 2);
        long last = Long.compareUnsigned(unit.edma, reach) < 0 ? unit.edma : reach;
        announce(requester, table | 0x800 | (long) (levels - 2) << 2, unit.sdma & -PAGE, last | PAGE - 1);
    }

    /** A function without a binding is disabled. */
    @Override
    public void detached(int requester) {
        functions.put(requester & 0xffff, new Function());
    }

    @Override
    public void bound(BindRequest request) {
        int requester = (int) ReferenceWalker.bigEndian(request, 0, 4);
        if ((request.flags() & 1) != 0) {
            detached(requester);
        } else {
            announce(
                    requester,
                    ReferenceWalker.bigEndian(request, 8, 8),
                    ReferenceWalker.bigEndian(request, 16, 8),
                    ReferenceWalker.bigEndian(request, 24, 8));
        }
    }

    /** Last address that a first table of a type reaches. */
    private static long reach(int type) {
        return type >= 3 ? -1L : (1L << (SHIFT[type + 1] + 11)) - 1;
    }

    /** A function enabled and registered anew, and made known what its table maps; wrong entries are nobody's business yet. */
    private void announce(int requester, long iota, long pba, long pal) {
        Function function = new Function();
        functions.put(requester & 0xffff, function);
        function.enabled = true;
        register(function, iota, pba, pal);
        long reach = reach((int) (iota >>> 2) & 7);
        long last = Long.compareUnsigned(pal, reach) < 0 ? pal : reach;
        if ((iota & 0x800) != 0 && unit.shadows && Long.compareUnsigned(pba, last) <= 0) {
            pass(function, pba, last, true, true);
        }
    }

    @Override
    public Verdict invalidated(InvalidateRequest request, boolean done) {
        long first = request.selectsRange() ? request.vaddr() & -PAGE : 0;
        long last = request.selectsRange() ? request.lastVaddr() | PAGE - 1 : -1L;
        List<Function> asked = functions.values().stream()
                .filter(function -> function.registered && function.touches(first, last))
                .toList();
        Verdict verdict = done ? carriedOut(asked, first, last) : failed(asked, first, last);
        return lost ? Verdict.OPEN : verdict;
    }

    /** RPCIT was done for every function, so that none was in error, and none has met a wrong entry. */
    private Verdict carriedOut(List<Function> asked, long first, long last) {
        boolean right = true;
        for (Function function : asked) {
            right &= (function.enabled || function.stateOpen) && refreshTo(function, first, last);
            function.enabled = true;
            function.stateOpen = false;
            function.contentOpen &=
                    Long.compareUnsigned(first, function.pba) > 0 || Long.compareUnsigned(last, function.pal) < 0;
        }
        return right ? Verdict.RIGHT : Verdict.WRONG;
    }

    /** RPCIT failed for a function that is in error, or that has met a wrong entry and is in error since. */
    private Verdict failed(List<Function> asked, long first, long last) {
        List<Function> failing = new ArrayList<>();
        boolean open = false;
        for (Function function : asked) {
            open |= function.stateOpen;
            if (!function.stateOpen && (!function.enabled || !isRight(function, first, last))) {
                failing.add(function);
            }
        }
        for (Function function : asked) {
            if (failing.size() == 1 && !open && failing.contains(function)) {
                function.enabled = false;
            } else if (function.enabled && failing.contains(function)) {
                function.stateOpen = true;
            }
            // It is not known whether the function was refreshed before the one that failed.
            function.contentOpen = true;
        }
        readAhead = true;
        return !failing.isEmpty() ? Verdict.RIGHT : open ? Verdict.OPEN : Verdict.WRONG;
    }

    private boolean isRight(Function function, long first, long last) {
        if ((function.iota & 0x800) == 0) {
            return true;
        }
        long begin = Long.compareUnsigned(first, function.pba) < 0 ? function.pba : first;
        long end = Long.compareUnsigned(last, function.pal) > 0 ? function.pal : last;
        return pass(function, begin, end, false, false);
    }

    // ---- accesses

    /** A fault puts the function into the error state, also while nobody asks what an access has to come to. */
    @Override
    public void accessed(int requester, boolean faulted) {
        if (faulted) {
            Function function = at((long) requester << 32);
            function.enabled = false;
            function.stateOpen = false;
        }
    }

    @Override
    public boolean translate(DmaAccess access) {
        Function function = functions.get(access.requester() & 0xffff);
        if (lost) {
            return false;
        }
        if (function != null && function.stateOpen) {
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
        if (!function.registered) {
            return fault(function, access, NOT_REGISTERED);
        }
        if (!function.covers(iova, last) || Long.compareUnsigned(iova, last) > 0) {
            return fault(function, access, OUTSIDE);
        }
        boolean sealed = (function.iota & 0x200) != 0;
        if ((function.iota & 0x800) == 0) {
            return (write && sealed) ? fault(function, access, ANCHOR_PROTECTED) : done(access, iova - unit.sdma);
        }
        if (function.contentOpen) {
            return false;
        }
        if (unit.shadows) {
            Map.Entry<Long, Mapping> known = function.known.floorEntry(iova);
            if (known == null || Long.compareUnsigned(known.getValue().last, iova) < 0) {
                int unreached = reach(function.iota, iova);
                return fault(function, access, unreached == 0 ? INVALID : unreached);
            }
            frame = known.getValue().frame + iova - known.getKey();
            writable = known.getValue().writable;
        } else {
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

    /** The error of the anchor, or of an address that its tables do not reach; 0 if there is none. */
    private static int reach(long iota, long address) {
        int type = (int) (iota >>> 2) & 7;
        if (type > 3 || (iota & 0x35e3) != 0) {
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
                entry = guestTables.readLongBe(table + index * 8);
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
            if (large && !unit.largeFrames) {
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
