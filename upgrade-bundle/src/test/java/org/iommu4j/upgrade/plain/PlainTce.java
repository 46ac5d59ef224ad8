package org.iommu4j.upgrade.plain;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Kind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;

/** sPAPR: windows of one level in pages of the host's, filled by hypercalls; translations are kept until they are dropped. */
final class PlainTce implements PlainMachine {
    private static final int H_GET_TCE = 0x1c;
    private static final int H_PUT_TCE = 0x20;
    private static final int H_STUFF_TCE = 0x138;
    private static final int H_PUT_TCE_INDIRECT = 0x13c;
    private static final int QUERY = 0x2026;
    private static final int CREATE = 0x2027;
    private static final int REMOVE = 0x2028;
    private static final long H_PARAMETER = -4;
    private static final int LIOBN = 0x8000_0000;

    static final List<CallFormat> CALLS = List.of(
            format(Kind.HYPERCALL, "H_GET_TCE", H_GET_TCE),
            format(Kind.HYPERCALL, "H_PUT_TCE", H_PUT_TCE),
            format(Kind.HYPERCALL, "H_STUFF_TCE", H_STUFF_TCE),
            format(Kind.HYPERCALL, "H_PUT_TCE_INDIRECT", H_PUT_TCE_INDIRECT),
            format(Kind.RTAS, "ibm,query-pe-dma-window", QUERY),
            format(Kind.RTAS, "ibm,create-pe-dma-window", CREATE),
            format(Kind.RTAS, "ibm,remove-pe-dma-window", REMOVE));

    private Platform platform;
    private PhysicalMemory memory;
    private final Map<Integer, Window> windows = new TreeMap<>();
    private final Map<Integer, Map<Long, Long>> kept = new HashMap<>();

    PlainTce(Platform platform) {
        on(platform);
        windows.put(LIOBN, window(LIOBN, 0, 12, 1 << 18));
    }

    @Override
    public final void on(Platform view) {
        platform = view;
        memory = view.memory();
    }

    private record Window(int liobn, long base, int pageShift, long entries, long table) {
        /** Number of the entry, or -1. */
        long index(long iova) {
            long index = (iova - base) >>> pageShift;
            return Long.compareUnsigned(index, entries) < 0 ? index : -1;
        }
    }

    private Window window(int liobn, long base, int pageShift, long entries) {
        return new Window(liobn, base, pageShift, entries, platform.allocatePages((int) ((entries + 511) >> 9)));
    }

    private static CallFormat format(Kind kind, String name, int function) {
        return new CallFormat(kind, name, function, List.of(), List.of(), List.of(), "");
    }

    @Override
    public void opened(Changes changes) {
        windows.values().forEach(window -> opened(window, changes));
    }

    private static void opened(Window window, Changes changes) {
        changes.opened(window.liobn, window.table, window.base, window.pageShift | (window.entries << 8));
    }

    @Override
    public void call(NativeCall call, Changes changes) {
        switch (call.function()) {
            case H_GET_TCE, H_PUT_TCE, H_STUFF_TCE, H_PUT_TCE_INDIRECT -> hypercall(call, changes);
            case QUERY -> {
                call.word(0, 2 - windows.size());
                call.word(1, 0x8000_0000L);
                call.word(2, 0x107);
                call.result(0);
            }
            case CREATE -> {
                int shift = (int) call.word(5);
                Window made = window(LIOBN | 1, 1L << 59, shift, 1L << ((int) call.word(6) - shift));
                windows.put(made.liobn, made);
                opened(made, changes);
                call.word(0, made.liobn & 0xffff_ffffL);
                call.word(1, made.base >>> 32);
                call.word(2, made.base & 0xffff_ffffL);
                call.result(0);
            }
            case REMOVE -> {
                windows.remove((int) call.word(2));
                changes.closed((int) call.word(2));
                call.result(0);
            }
            default -> call.result(-2);
        }
    }

    private void hypercall(NativeCall call, Changes changes) {
        Window window = windows.get((int) call.word(0));
        long iova = call.word(1);
        long index = window == null ? -1 : window.index(iova);
        boolean many = call.function() == H_STUFF_TCE || call.function() == H_PUT_TCE_INDIRECT;
        long count = many ? call.word(3) : 1;
        if (index < 0 || count > window.entries - index) {
            call.result(H_PARAMETER);
            return;
        }
        if (call.function() == H_GET_TCE) {
            call.word(0, memory.readLongBe(window.table + index * 8));
            return;
        }
        for (long i = 0; i < count; i++) {
            long tce = call.function() == H_PUT_TCE_INDIRECT ? memory.readLongBe(call.word(2) + i * 8) : call.word(2);
            memory.writeLongBe(window.table + (index + i) * 8, tce);
        }
        drop(window.liobn, iova, count << window.pageShift);
        changes.changed(window.liobn, iova, count << window.pageShift);
    }

    @Override
    public void bind(int requester, long first, long second, long third) {
        windows.put(requester, new Window(requester, second, (int) third & 0xff, third >>> 8, first));
        kept.remove(requester);
    }

    @Override
    public void unbind(int requester) {
        windows.remove(requester);
        kept.remove(requester);
    }

    @Override
    public void drop(int requester, long iova, long lengthBytes) {
        Window window = windows.get(requester);
        Map<Long, Long> pages = kept.get(requester);
        if (window != null && pages != null) {
            long first = window.index(iova);
            pages.keySet().removeIf(page -> page >= first && page <= window.index(iova + lengthBytes - 1));
        }
    }

    @Override
    public void translate(DmaAccess access) {
        Window window = windows.get(access.requester());
        long index = window == null ? -1 : window.index(access.iova());
        if (index < 0) {
            access.fault(1, false);
            return;
        }
        Map<Long, Long> pages = kept.computeIfAbsent(access.requester(), key -> new HashMap<>());
        Long tce = pages.get(index);
        boolean hit = tce != null;
        if (!hit) {
            tce = memory.readLongBe(window.table + index * 8);
            if (access.listener() != null) {
                access.listener().step("tce", window.table + index * 8, tce);
            }
            if ((tce & 3) != 0) {
                pages.put(index, tce);
            }
        }
        if ((access.rights() & ~tce & 3) != 0) {
            access.fault(2, false);
            return;
        }
        long page = 1L << window.pageShift;
        access.translated((tce & -page) | (access.iova() & (page - 1)), page, (int) (tce & 3), hit);
    }
}
