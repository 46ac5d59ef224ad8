package org.iommu4j.spapr.fuzz;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
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
    private static final int EEH_ENABLE = 1;
    private static final int OPTION = CallFormat.RTAS_FIRST_ARGUMENT + 3;

    private final PhysicalMemory guestTables;
    private final int home;
    private final Map<Integer, Window> windows = new HashMap<>();
    private final Map<Integer, Integer> moved = new HashMap<>();
    private final Set<Integer> unstoppable = new HashSet<>();
    private int others;
    private boolean lost;

    /** A window as software asked for it. */
    private record Window(int pe, ReferenceWindow at) {}

    SpaprReferenceWalker(PhysicalMemory guestTables, int home) {
        this.guestTables = guestTables;
        this.home = home;
        others = home;
    }

    @Override
    public boolean wrote(long offset, int sizeBytes, long value) {
        boolean drops = offset == TceKill.REGISTER.offset() || offset == DmaReadSync.REGISTER.offset();
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
                boolean off = call.result() == SUCCESS && (arguments[OPTION] & 0xffff_ffffL) == 0;
                if (off) {
                    int pe = endpointOf((int) (arguments[CallFormat.RTAS_FIRST_ARGUMENT] >>> 8) & 0xffff);
                    unstoppable.add(pe == NOWHERE ? home : pe);
                }
                // Releasing an endpoint that no fault stops changes nothing; other endpoints are not followed.
                lost |= call.result() == SUCCESS && (arguments[OPTION] & 0xffff_ffffL) == EEH_ENABLE;
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
        int pe = (int) a[1];
        windows.remove(liobn);
        if (a[4] == 0) {
            return;
        }
        ReferenceWindow at = ReferenceWindow.of(a[2], (int) a[3], (int) a[4], (int) a[5], (int) a[6], a[7]);
        // It replaces a window of the hypervisor's own in the slot.
        windows.values().removeIf(each -> each.pe() == pe && each.at().slot() == at.slot());
        windows.put(liobn, new Window(pe, at));
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
        if (ReferenceWindow.needsNone(access)) {
            return true;
        }
        if (window == null) {
            for (Window each : windows.values()) {
                if (each.pe() == pe && each.at().slot() == ReferenceWindow.slotOf(access.iova())) {
                    window = each;
                }
            }
        }
        if (window == null
                || window.at().table() == SpaprCall.HOST_TABLE
                || !guestTables.contains(window.at().table(), 1)) {
            return false; // where the hypervisor has put it, or in a page of which it is not known whose it is
        }
        window.at().translate(access, guestTables);
        return true;
    }
}
