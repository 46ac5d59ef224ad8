package org.iommu4j.spapr.front;

import java.util.Arrays;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.simulation.memory.PageCursor;
import org.iommu4j.spapr.command.FaultReason;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.table.DmaWindow;
import org.iommu4j.spapr.table.TableWalker;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;

/**
 * The TCE hypercalls, docs/spec/spapr-tce.md 2.1: the checks in the order of the outcome matrix, column SIM. Everything
 * is checked before anything is written, so that a call that fails has changed nothing. For one thread at a time;
 * allocates nothing.
 *
 * <p>Where QEMU differs, the architecture is followed: misaligned addresses are refused (row 3), pages that the partition
 * does not own and reserved bits are refused (rows 5, 6), a bad entry of a list leaves all as it was (row 9), a count of 0
 * succeeds (row 10), H_STUFF_TCE takes 512 entries at most (row 11) and writes nothing if it leaves the window (row 12).
 */
public final class TceCalls {
    /** A list is one page. */
    private static final long LIST_MASK = 0xfff;

    private static final long PAGES_OF_OTHERS = 0xffff_ffff_ffff_f000L;

    /** Widest real address in bits. */
    private static final int REAL_ADDRESS_BITS = 52;

    /** No place in the table: a level above is absent. */
    private static final long ABSENT = -1;

    private final HostTables hostTables;
    private final PhysicalMemory memory;
    private final PageCursor lists;
    private final Tables ownTables;
    private final Tables guestTables;
    private final Tables clientTables;
    private final DmaWindows windows;
    private final boolean multiTce;
    private final boolean mayRefuse;
    private final StoreListener listener;
    private final long[] values = new long[SpaprCall.MAX_BATCH];
    private final long[] before = new long[SpaprCall.MAX_BATCH];
    private final long[] places = new long[SpaprCall.MAX_BATCH];

    /** Readers and writers of the tables in one memory. */
    private record Tables(PhysicalMemory memory, PageCursor plain, TableWalker walker) {
        Tables(PhysicalMemory memory) {
            this(memory, new PageCursor(memory), new TableWalker(memory));
        }
    }

    /**
     * The calls of a hypervisor.
     *
     * @param machine whose memory is the partition's, and where tables are
     * @param hostTables the hypervisor's own tables, which are not the partition's
     * @param multiTce true if the calls for many entries exist
     * @param mayRefuse true if the listener may refuse a store, which is then undone
     * @param listener what follows a store
     */
    public TceCalls(
            Platform machine,
            DmaWindows windows,
            HostTables hostTables,
            boolean multiTce,
            boolean mayRefuse,
            StoreListener listener) {
        memory = machine.memory();
        this.hostTables = hostTables;
        lists = new PageCursor(memory);
        ownTables = new Tables(memory);
        guestTables = new Tables(machine.guestTables());
        clientTables = new Tables(machine.deviceMemory());
        this.windows = windows;
        this.multiTce = multiTce;
        this.mayRefuse = mayRefuse;
        this.listener = listener;
    }

    /**
     * A window's tables: the hypervisor's own; those of a virtual hypervisor, which cannot lead to pages of the host; or a
     * client's, which cannot lead to those of a virtual hypervisor either.
     */
    private Tables tables(DmaWindow window) {
        if (window.ownsTable()) {
            return ownTables;
        }
        return clientTables.memory().contains(window.table().root(), Tce.BYTES) ? clientTables : guestTables;
    }

    /** True if that is the number of a TCE hypercall, whether this hypervisor has it or not. */
    public static boolean isOne(int function) {
        return function == SpaprCall.H_GET_TCE
                || function == SpaprCall.H_PUT_TCE
                || function == SpaprCall.H_STUFF_TCE
                || function == SpaprCall.H_PUT_TCE_INDIRECT;
    }

    /** Carries out a TCE hypercall; the outcome stands in it. */
    public void call(NativeCall call) {
        call.result(
                switch (call.function()) {
                    case SpaprCall.H_GET_TCE -> get(call);
                    case SpaprCall.H_PUT_TCE -> put(call);
                    case SpaprCall.H_STUFF_TCE -> multiTce ? stuff(call) : HypercallCode.FUNCTION;
                    case SpaprCall.H_PUT_TCE_INDIRECT -> multiTce ? putIndirect(call) : HypercallCode.FUNCTION;
                    default -> HypercallCode.FUNCTION;
                });
    }

    private long get(NativeCall call) {
        DmaWindow window = windows.ofArgument(call.word(0));
        long offset = window == null ? 0 : call.word(1) - window.base();
        if (window == null || !isEntry(window, offset)) {
            return HypercallCode.PARAMETER;
        }
        TableWalker walker = tables(window).walker();
        int fault = walker.walk(window.table(), offset, null);
        if (fault == FaultReason.TCE_ACCESS_ERROR.code()) {
            return HypercallCode.HARDWARE;
        }
        // Below an absent level nothing was ever written.
        long tce = fault == TableWalker.OK ? walker.tce() : 0;
        if (Tce.isValid(tce) && !isOwned(window, tce)) {
            call.word(0, tce | PAGES_OF_OTHERS);
            return HypercallCode.PARTIAL;
        }
        call.word(0, tce);
        return HypercallCode.SUCCESS;
    }

    private long put(NativeCall call) {
        DmaWindow window = windows.ofArgument(call.word(0));
        long offset = window == null ? 0 : call.word(1) - window.base();
        if (window == null || !isEntry(window, offset) || !isLegal(window, call.word(2))) {
            return HypercallCode.PARAMETER;
        }
        if (isAgain(call)) {
            return listener.stored(call.function(), window, call.word(1), 1);
        }
        values[0] = call.word(2);
        return store(call.function(), window, offset, 1);
    }

    private long stuff(NativeCall call) {
        DmaWindow window = windows.ofArgument(call.word(0));
        long offset = window == null ? 0 : call.word(1) - window.base();
        long count = call.word(3);
        if (window == null || !startsIn(window, offset, count)) {
            return HypercallCode.PARAMETER;
        }
        if (Long.compareUnsigned(count, SpaprCall.MAX_BATCH) > 0) {
            return HypercallCode.P4;
        }
        if (leaves(window, offset, count) || !isLegal(window, call.word(2))) {
            return HypercallCode.PARAMETER;
        }
        Arrays.fill(values, 0, (int) count, call.word(2));
        return store(call.function(), window, offset, (int) count);
    }

    private long putIndirect(NativeCall call) {
        if (call.word(0) < 0) {
            // A negative LIOBN names many tables at once, an option that is off; it is never a sign-extended LIOBN.
            return HypercallCode.FUNCTION;
        }
        DmaWindow window = windows.ofArgument(call.word(0));
        long offset = window == null ? 0 : call.word(1) - window.base();
        long list = call.word(2);
        long count = call.word(3);
        if (window == null
                || !startsIn(window, offset, count)
                || Long.compareUnsigned(count, SpaprCall.MAX_BATCH) > 0
                || (list & LIST_MASK) != 0
                || hostTables.overlap(list, LIST_MASK + 1)
                || leaves(window, offset, count)) {
            return HypercallCode.PARAMETER;
        }
        try {
            for (int i = 0; i < count; i++) {
                values[i] = lists.readLongBe(list + (long) i * Tce.BYTES);
            }
        } catch (BusErrorException e) {
            return HypercallCode.PARAMETER;
        }
        if (!areLegal(window, (int) count)) {
            return HypercallCode.PARAMETER;
        }
        if (count > 0 && isAgain(call)) {
            return listener.stored(call.function(), window, call.word(1), count);
        }
        return store(call.function(), window, offset, (int) count);
    }

    /** True if the host's driver stores what it has read; behind a listener that may refuse there is a guest. */
    private boolean isAgain(NativeCall call) {
        return !mayRefuse && call.word(SpaprCall.AGAIN_WORD) == SpaprCall.AGAIN;
    }

    private static boolean isEntry(DmaWindow window, long offset) {
        TceTable table = window.table();
        return table.contains(offset) && (offset & table.pageMask()) == 0;
    }

    /** True if an entry starts there; with a count of 0 the end of the window will do. */
    private static boolean startsIn(DmaWindow window, long offset, long count) {
        return isEntry(window, offset) || (count == 0 && offset == window.sizeBytes());
    }

    private static boolean leaves(DmaWindow window, long offset, long count) {
        return (offset >>> window.table().pageShift()) + count > window.table().entries();
    }

    /** True if that may be stored: nothing allowed, or a page of the partition without reserved bits. */
    private boolean isLegal(DmaWindow window, long tce) {
        if (!Tce.isValid(tce)) {
            return true;
        }
        return (tce & window.table().pageMask() & ~Tce.CONTROL) == 0 && isOwned(window, tce);
    }

    /** True if all values may be stored. Where there is memory is asked once, if it is everywhere between their pages. */
    private boolean areLegal(DmaWindow window, int count) {
        long pageMask = window.table().pageMask();
        long bits = 0;
        long lowest = Long.MAX_VALUE;
        long highest = 0;
        for (int i = 0; i < count; i++) {
            long tce = values[i];
            if (Tce.isValid(tce)) {
                long page = tce & ~pageMask;
                bits |= tce;
                lowest = Math.min(lowest, page);
                highest = Math.max(highest, page);
            }
        }
        if (bits == 0) {
            return true;
        }
        if (bits >>> REAL_ADDRESS_BITS != 0 || (bits & pageMask & ~Tce.CONTROL) != 0) {
            return false;
        }
        if (isOwned(lowest, highest - lowest + pageMask + 1)) {
            return true;
        }
        for (int i = 0; i < count; i++) {
            if (!isLegal(window, values[i])) {
                return false;
            }
        }
        return true;
    }

    private boolean isOwned(DmaWindow window, long tce) {
        long page = tce & ~window.table().pageMask();
        return page >>> REAL_ADDRESS_BITS == 0
                && isOwned(page, 1L << window.table().pageShift());
    }

    /** True if all of that is memory of the partition, as the hypervisor's tables are not. */
    private boolean isOwned(long first, long length) {
        return memory.contains(first, length) && !hostTables.overlap(first, length);
    }

    private long store(int function, DmaWindow window, long offset, int count) {
        if (count == 0) {
            return HypercallCode.SUCCESS;
        }
        if (window.table().levels() == 1 && !mayRefuse) {
            return storePlainly(function, window, offset, count);
        }
        PhysicalMemory tables = tables(window).memory();
        try {
            long located = locate(window, offset, count);
            if (located != HypercallCode.SUCCESS) {
                return located;
            }
            for (int i = 0; i < count; i++) {
                if (places[i] != ABSENT) {
                    before[i] = tables.readLongBe(places[i]);
                }
            }
            write(tables, values, count);
        } catch (BusErrorException e) {
            return HypercallCode.HARDWARE;
        } catch (BackendException e) {
            return HypercallCode.NOT_ENOUGH_RESOURCES;
        }
        long outcome = listener.stored(function, window, window.base() + offset, count);
        if (outcome != HypercallCode.SUCCESS) {
            write(tables, before, count);
        }
        return outcome;
    }

    /** Stores into a table of one level, whose entries are contiguous, where no listener can refuse: the usual case. */
    private long storePlainly(int function, DmaWindow window, long offset, int count) {
        Tables tables = tables(window);
        long first = window.table().leafOf(offset);
        // Of several entries either all are stored or none, which of a single one need not be asked first.
        if (count > 1 && !tables.memory().contains(first, (long) count * Tce.BYTES)) {
            return HypercallCode.HARDWARE;
        }
        try {
            for (int i = 0; i < count; i++) {
                tables.plain().writeLongBe(first + (long) i * Tce.BYTES, values[i]);
            }
        } catch (BusErrorException e) {
            return HypercallCode.HARDWARE;
        }
        return listener.stored(function, window, window.base() + offset, count);
    }

    private void write(PhysicalMemory tables, long[] entries, int count) {
        for (int i = 0; i < count; i++) {
            if (places[i] != ABSENT) {
                tables.writeLongBe(places[i], entries[i]);
            }
        }
    }

    /** Finds the addresses of entries. Below an absent level an invalid entry needs no memory, and a valid one finds none. */
    private long locate(DmaWindow window, long offset, int count) {
        TceTable table = window.table();
        if (table.levels() == 1) {
            long first = table.leafOf(offset);
            for (int i = 0; i < count; i++) {
                places[i] = first + (long) i * Tce.BYTES;
            }
            return HypercallCode.SUCCESS;
        }
        TableWalker walker = tables(window).walker();
        for (int i = 0; i < count; i++) {
            long at = offset + ((long) i << table.pageShift());
            int fault = walker.walk(table, at, null);
            if (fault == FaultReason.TCE_PAGE_FAULT.code() && Tce.isValid(values[i]) && window.ownsTable()) {
                hostTables.extend(table, at);
                fault = walker.walk(table, at, null);
            }
            if (fault == TableWalker.OK) {
                places[i] = walker.leafAddress();
            } else if (fault == FaultReason.TCE_ACCESS_ERROR.code()) {
                return HypercallCode.HARDWARE;
            } else if (Tce.isValid(values[i])) {
                return HypercallCode.NOT_ENOUGH_RESOURCES;
            } else {
                places[i] = ABSENT;
            }
        }
        return HypercallCode.SUCCESS;
    }
}
