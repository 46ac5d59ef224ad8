package org.iommu4j.spapr.front;

import java.util.function.IntUnaryOperator;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.spapr.command.RtasStatus;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCapabilities;

/**
 * RTAS calls that control enhanced error handling, docs/spec/spapr-tce.md 2.4. Recovery without reset: release MMIO
 * (state 2 to 4), release DMA (4 to 0). With reset: set-slot-reset 1 or 3 (to 1), then 0 (to 0). None touches a table,
 * and what is cached stays.
 *
 * <p>A call that the state gives no sense to changes nothing, and is answered as PAPR's table of PE state control says: -7, an
 * unexpected state change, or -3 where there is nothing to release.
 */
public final class EehCalls {
    private static final int DISABLE = 0;
    private static final int ENABLE = 1;
    private static final int RELEASE_MMIO = 2;
    private static final int RELEASE_DMA = 3;
    private static final int ENABLE_EVENT = 4;
    private static final int DISABLE_EVENT = 5;
    private static final int DEACTIVATE_RESET = 0;
    private static final int HOT_RESET = 1;
    private static final int FUNDAMENTAL_RESET = 3;
    private static final int GET_ADDRESS = 0;
    private static final int GET_MODE = 1;
    private static final int MODE_SHARED = 2;
    private static final int TEMPORARY_ERROR = 1;
    private static final int PERMANENT_ERROR = 2;

    private final SpaprCapabilities platform;
    private final EndpointStates states;
    private final IntUnaryOperator endpointOf;

    /**
     * The calls of a hypervisor.
     *
     * @param endpointOf the endpoint of a requester id; negative if it has none
     */
    public EehCalls(SpaprCapabilities platform, EndpointStates states, IntUnaryOperator endpointOf) {
        this.platform = platform;
        this.states = states;
        this.endpointOf = endpointOf;
    }

    /** True if that is the token of one of these calls. */
    public static boolean isOne(int token) {
        return token >= SpaprCall.SET_EEH_OPTION && token <= SpaprCall.SLOT_ERROR_DETAIL;
    }

    /** Carries out a call; the outcome stands in it. */
    public void call(NativeCall call) {
        if (!hasCells(call) || !platform.isBuid(Rtas.buid(call))) {
            Rtas.status(call, RtasStatus.PARAMETER_ERROR);
            return;
        }
        int pe = endpointOf.applyAsInt(Rtas.requester(call));
        if (pe < 0) {
            Rtas.status(call, RtasStatus.PARAMETER_ERROR);
            return;
        }
        switch (call.function()) {
            case SpaprCall.SET_EEH_OPTION -> Rtas.status(call, setOption(pe, (int) Rtas.argument(call, 3)));
            case SpaprCall.SET_SLOT_RESET -> Rtas.status(call, setReset(pe, (int) Rtas.argument(call, 3)));
            case SpaprCall.READ_SLOT_RESET_STATE2 -> Rtas.answer(call, states.state(pe), 1);
            case SpaprCall.GET_CONFIG_ADDR_INFO2 -> info(call, (int) Rtas.argument(call, 3));
            case SpaprCall.SLOT_ERROR_DETAIL -> Rtas.status(call, detail((int) Rtas.argument(call, 7)));
            default -> Rtas.status(call, RtasStatus.SUCCESS); // configure-pe: bridges keep their configuration
        }
    }

    private static boolean hasCells(NativeCall call) {
        return switch (call.function()) {
            case SpaprCall.SET_EEH_OPTION, SpaprCall.SET_SLOT_RESET -> Rtas.has(call, 4, 1);
            case SpaprCall.GET_CONFIG_ADDR_INFO2 -> Rtas.has(call, 4, 2);
            case SpaprCall.READ_SLOT_RESET_STATE2 -> Rtas.has(call, 3, 4) || Rtas.has(call, 3, 5);
            case SpaprCall.CONFIGURE_PE -> Rtas.has(call, 3, 1);
            case SpaprCall.SLOT_ERROR_DETAIL -> Rtas.has(call, 8, 1);
            default -> false;
        };
    }

    private int setOption(int pe, int function) {
        return switch (function) {
            case DISABLE, ENABLE -> {
                states.handleErrors(pe, function == ENABLE);
                yield RtasStatus.SUCCESS;
            }
            case RELEASE_MMIO -> releaseMmio(pe);
            case RELEASE_DMA -> releaseDma(pe);
            // There are no interrupts here that could be turned on or off.
            case ENABLE_EVENT, DISABLE_EVENT -> RtasStatus.SUCCESS;
            default -> RtasStatus.PARAMETER_ERROR;
        };
    }

    private int releaseMmio(int pe) {
        return switch (states.state(pe)) {
            case EndpointStates.STOPPED -> {
                states.stopMmio(pe, false);
                yield RtasStatus.SUCCESS;
            }
            case EndpointStates.RESET -> RtasStatus.UNEXPECTED_STATE;
            default -> RtasStatus.PARAMETER_ERROR;
        };
    }

    private int releaseDma(int pe) {
        return switch (states.state(pe)) {
            case EndpointStates.DMA_STOPPED -> {
                states.stopDma(pe, false);
                yield RtasStatus.SUCCESS;
            }
            // There is no state in which only MMIO is stopped.
            case EndpointStates.STOPPED, EndpointStates.RESET -> RtasStatus.UNEXPECTED_STATE;
            default -> RtasStatus.PARAMETER_ERROR;
        };
    }

    private int setReset(int pe, int function) {
        return switch (function) {
            case DEACTIVATE_RESET -> deactivateReset(pe);
            case HOT_RESET, FUNDAMENTAL_RESET -> {
                states.reset(pe, true);
                yield RtasStatus.SUCCESS;
            }
            default -> RtasStatus.PARAMETER_ERROR;
        };
    }

    private int deactivateReset(int pe) {
        return switch (states.state(pe)) {
            case EndpointStates.RESET -> {
                states.reset(pe, false);
                yield RtasStatus.SUCCESS;
            }
            case EndpointStates.STOPPED -> RtasStatus.UNEXPECTED_STATE;
            case EndpointStates.DMA_STOPPED -> RtasStatus.PARAMETER_ERROR;
            default -> RtasStatus.SUCCESS;
        };
    }

    private static void info(NativeCall call, int function) {
        switch (function) {
            case GET_ADDRESS -> Rtas.answer(call, (Rtas.bus(call) << 16) + 1);
            case GET_MODE -> Rtas.answer(call, MODE_SHARED);
            default -> Rtas.status(call, RtasStatus.PARAMETER_ERROR);
        }
    }

    private static int detail(int function) {
        return function == TEMPORARY_ERROR || function == PERMANENT_ERROR
                ? RtasStatus.NO_ERRORS_FOUND
                : RtasStatus.PARAMETER_ERROR;
    }
}
