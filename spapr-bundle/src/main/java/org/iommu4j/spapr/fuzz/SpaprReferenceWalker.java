package org.iommu4j.spapr.fuzz;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.spapr.command.FaultReason;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprRegisters.DmaReadSync;
import org.iommu4j.spapr.command.SpaprRegisters.TceKill;

/**
 * A plain translation from the calls that software made on a bare platform and from memory. It cannot say where a table is
 * that the hypervisor chose, nor what became of an endpoint that a fault may have stopped: so software first turns error
 * handling off. Once software has set a register other than those of kills, or made RTAS calls other than that, it says
 * nothing any more.
 */
final class SpaprReferenceWalker implements ReferenceWalker {
    private static final int NOWHERE = -1;
    private static final long SUCCESS = 0;
    private static final int OPTION = CallFormat.RTAS_FIRST_ARGUMENT + 3;
    private static final int BASE_BITS = 59;

    private final PhysicalMemory memory;
    private final int home;
    private final Map<Integer, Window> windows = new HashMap<>();
    private final Map<Integer, Integer> moved = new HashMap<>();
    private final Set<Integer> unstoppable = new HashSet<>();
    private int others;
    private boolean lost;

    /** A window as software asked for it; {@code levelBits} as the rule of the sheet says where it left them open. */
    private record Window(int pe, long base, int pageShift, int windowShift, int levels, int levelBits, long table) {}

    SpaprReferenceWalker(PhysicalMemory memory, int home) {
        this.memory = memory;
        this.home = home;
        others = home;
    }

    @Override
    public boolean wrote(long offset, int sizeBytes, long value) {
        boolean drops = offset == TceKill.OFFSET || offset == DmaReadSync.OFFSET;
        lost |= !drops;
        return !drops;
    }

    @Override
    public boolean called(NativeCall call, long[] arguments) {
        switch (call.function()) {
            case SpaprCall.H_SET_TCE_TABLE -> {
                if (call.result() == SUCCESS) {
                    setTable(arguments);
                }
            }
            case SpaprCall.H_SET_REQUESTER_PE -> {
                if (call.result() == SUCCESS) {
                    move((int) arguments[0], (int) arguments[1]);
                }
            }
            case SpaprCall.SET_EEH_OPTION -> {
                boolean off = call.result() == SUCCESS && arguments[OPTION] == 0;
                if (off) {
                    int pe = endpointOf((int) (arguments[CallFormat.RTAS_FIRST_ARGUMENT] >>> 8) & 0xffff);
                    unstoppable.add(pe == NOWHERE ? home : pe);
                }
                lost |= !off && call.result() == SUCCESS;
            }
            default -> lost |= changesMore(call.function());
        }
        return false;
    }

    /** True for calls that change more than entries of tables and what is cached of them. */
    private static boolean changesMore(int function) {
        return SpaprCall.isRtas(function)
                && function != SpaprCall.QUERY_PE_DMA_WINDOW
                && function != SpaprCall.READ_SLOT_RESET_STATE2;
    }

    private void setTable(long[] a) {
        int liobn = (int) a[0];
        windows.remove(liobn);
        if (a[4] == 0) {
            return;
        }
        int pageShift = (int) a[3];
        int windowShift = (int) a[4];
        int levels = (int) a[5];
        int bits = a[6] != 0 ? (int) a[6] - 3 : Math.max(9, (windowShift - pageShift + levels - 1) / levels);
        windows.put(liobn, new Window((int) a[1], a[2], pageShift, windowShift, levels, bits, a[7]));
    }

    private void move(int requester, int pe) {
        if (requester == NOWHERE) {
            moved.clear();
            others = pe;
        } else {
            moved.put(requester, pe);
        }
    }

    private int endpointOf(int requester) {
        return moved.getOrDefault(requester, others);
    }

    @Override
    public boolean translate(DmaAccess access) {
        if (lost) {
            return false;
        }
        int requester = access.requester();
        Window window = null;
        int pe;
        if (requester < 0) {
            window = windows.get(requester);
            if (window == null) {
                return false; // unknown, or where the hypervisor has put it
            }
            pe = window.pe();
        } else if (requester > 0xffff || endpointOf(requester) == NOWHERE) {
            access.blocked();
            return true;
        } else {
            pe = endpointOf(requester);
        }
        if (!unstoppable.contains(pe)) {
            return false;
        }
        if (access.pasid() != DmaAccess.NO_PASID || access.addressType() != DmaAccess.AddressType.UNTRANSLATED) {
            access.blocked();
            return true;
        }
        long iova = access.iova();
        if (iova >>> 60 == 1) {
            access.translated(iova, 0, access.rights(), false);
            return true;
        }
        if (iova >>> 60 != 0) {
            access.fault(FaultReason.ADDRESS_INVALID.code(), true);
            return true;
        }
        if (window == null) {
            for (Window each : windows.values()) {
                if (each.pe() == pe && each.base() >>> BASE_BITS == iova >>> BASE_BITS) {
                    window = each;
                }
            }
        }
        return window != null && window.table() != SpaprCall.HOST_TABLE && walk(access, window);
    }

    private boolean walk(DmaAccess access, Window window) {
        long offset = access.iova() - window.base();
        if (access.iova() >>> BASE_BITS != window.base() >>> BASE_BITS
                || offset < 0
                || offset >>> window.windowShift() != 0) {
            access.fault(FaultReason.TCE_EXTENT_ERROR.code(), true);
            return true;
        }
        long entry = 0;
        long table = window.table();
        try {
            for (int level = window.levels() - 1; level >= 0; level--) {
                long page = offset >>> window.pageShift() >>> (level * window.levelBits());
                entry = memory.readLongBe(table + page % (1L << window.levelBits()) * 8);
                if ((entry & 3) == 0) {
                    access.fault(FaultReason.TCE_PAGE_FAULT.code(), true);
                    return true;
                }
                table = entry & ~0xfffL;
            }
        } catch (BusErrorException e) {
            access.fault(FaultReason.TCE_ACCESS_ERROR.code(), true);
            return true;
        }
        int needed = access.rights() & 3;
        if (((needed == 0 ? DmaAccess.READ : needed) & ~entry) != 0) {
            access.fault(FaultReason.TCE_ACCESS_FAULT.code(), true);
            return true;
        }
        long pageBytes = 1L << window.pageShift();
        access.translated((entry & -pageBytes) + offset % pageBytes, pageBytes, (int) entry & 3, false);
        return true;
    }
}
