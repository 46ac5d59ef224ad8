package org.iommu4j.s390.front;

import static org.iommu4j.s390.command.ZpciInstruction.DONE;
import static org.iommu4j.s390.command.ZpciInstruction.ERROR;
import static org.iommu4j.s390.command.ZpciInstruction.INVALID_HANDLE;

import java.util.Arrays;
import java.util.Map;
import java.util.function.Consumer;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.ProgramInterruption;
import org.iommu4j.s390.command.RequestRegister;
import org.iommu4j.s390.command.Status;
import org.iommu4j.s390.command.ZpciCapabilities;
import org.iommu4j.s390.command.ZpciInstruction;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The functions of a chip and the instructions that software has for them; RPCIT and SIC are carried out here, in the order
 * of checks of docs/spec/s390-zpci.md 2.3 and 2.9. Nothing that software does throws: it ends in a condition code with its
 * status, or in a program interruption.
 *
 * <p>Not modelled: the registers of functions ({@link LoadStore}), adapter interrupts (MPCIFC 2 and 3 keep what is registered),
 * directed interrupts, memory I/O: its instructions are operation exceptions.
 */
public final class PciFacility {
    /** Offset of the count of refreshes in the measurement block. */
    private static final int FMB_REFRESHES = 40;

    private static final int SIC_ALL = 0;
    private static final int SIC_SINGLE = 1;
    private static final int SUBCLASS_SHIFT = 27;
    private static final int SUBCLASS_MASK = 7;

    private final ZpciCapabilities unit;
    private final PhysicalMemory memory;
    private final AddressTranslation translation;
    private final PciFunction[] functions;
    private final ClpService clp;
    private final LoadStore loadStore;
    private final ControlInstructions controls;
    private final FunctionEvents events = new FunctionEvents();
    private int singleSubclasses;
    private long executed;

    /**
     * A facility fresh from reset: every function is configured and disabled.
     *
     * @param memory where operands are
     * @param translation address translation of the functions
     * @param states states of functions that are in another one from the start
     */
    public PciFacility(
            ZpciCapabilities unit,
            PhysicalMemory memory,
            AddressTranslation translation,
            Map<Integer, FunctionState> states) {
        this.unit = unit;
        this.memory = memory;
        this.translation = translation;
        functions = new PciFunction[unit.functions()];
        for (int index = 0; index < functions.length; index++) {
            functions[index] = new PciFunction(index);
            functions[index].state(states.getOrDefault(index, FunctionState.DISABLED));
        }
        clp = new ClpService(this, unit, memory);
        loadStore = new LoadStore(this, unit);
        controls = new ControlInstructions(this, unit, memory, translation, events);
    }

    /** Instructions executed, those that ended in a program interruption included. */
    public long executed() {
        return executed;
    }

    /** All functions by their index. */
    PciFunction[] functions() {
        return functions;
    }

    /** The function that an index names, whatever its state; null if there is none. */
    public PciFunction at(int index) {
        return index >= 0 && index < functions.length ? functions[index] : null;
    }

    /** The function that has exactly this handle now, or null. */
    public PciFunction find(int handle) {
        PciFunction function = at(FunctionHandle.indexOf(handle));
        return function != null && function.handle() == handle ? function : null;
    }

    /** Executes an instruction; an unknown one is an operation exception. */
    public void call(NativeCall call) {
        executed++;
        int function = call.function();
        if (!isInstalled(function)) {
            call.result(-ProgramInterruption.OPERATION);
        } else if (call.word(ZpciInstruction.PROBLEM_STATE) != 0) {
            call.result(-ProgramInterruption.PRIVILEGED);
        } else {
            switch (function) {
                case ZpciInstruction.RPCIT -> refresh(call);
                case ZpciInstruction.MPCIFC -> controls.modify(call);
                case ZpciInstruction.STPCIFC -> controls.store(call);
                case ZpciInstruction.CLP -> call.result(clp.execute(call.word(ZpciInstruction.BLOCK)));
                case ZpciInstruction.PCILG -> loadStore.load(call);
                case ZpciInstruction.PCISTG -> loadStore.store(call);
                case ZpciInstruction.PCISTB -> loadStore.storeBlock(call);
                default -> setInterruptionControls(call);
            }
        }
    }

    private static boolean isInstalled(int function) {
        return switch (function) {
            case ZpciInstruction.RPCIT,
                    ZpciInstruction.MPCIFC,
                    ZpciInstruction.STPCIFC,
                    ZpciInstruction.CLP,
                    ZpciInstruction.PCILG,
                    ZpciInstruction.PCISTG,
                    ZpciInstruction.PCISTB,
                    ZpciInstruction.SIC -> true;
            default -> false;
        };
    }

    // ---- RPCIT, docs/spec/s390-zpci.md 2.3

    private void refresh(NativeCall call) {
        if ((call.word(ZpciInstruction.R2_NUMBER) & 1) != 0) {
            call.result(-ProgramInterruption.SPECIFICATION);
            return;
        }
        PciFunction function = find(RequestRegister.handle(call.word(ZpciInstruction.R1)));
        if (function == null || isOut(function)) {
            call.result(INVALID_HANDLE);
            return;
        }
        if (function.state() == FunctionState.ERROR) {
            fail(call, Status.NOT_AVAILABLE);
            return;
        }
        long start = call.word(ZpciInstruction.START);
        long length = call.word(ZpciInstruction.LENGTH);
        if (!function.registered()) {
            error(function, EventCode.NOT_REGISTERED, start, false, 0);
            fail(call, Status.FUNCTION_IN_ERROR);
            return;
        }
        long last = length == 0 ? start : start + length - 1;
        boolean wraps = Long.compareUnsigned(last, start) < 0;
        if (wraps
                || Long.compareUnsigned(start, function.pal()) > 0
                || Long.compareUnsigned(last, function.pba()) < 0) {
            error(function, EventCode.OUTSIDE_RANGE, start, false, 0);
            fail(call, Status.FUNCTION_IN_ERROR);
            return;
        }
        int outcome = AddressTranslation.DONE;
        if (length != 0 && Iota.T.isSet(function.iota())) {
            long first = Long.compareUnsigned(start, function.pba()) < 0 ? function.pba() : start;
            long end = Long.compareUnsigned(last, function.pal()) > 0 ? function.pal() : last;
            outcome = translation.refresh(function, first, end);
        }
        if (outcome == AddressTranslation.DONE || outcome == Status.INSUFFICIENT_RESOURCES) {
            count(function);
        }
        complete(call, outcome);
    }

    private void count(PciFunction function) {
        if (function.fmb() != 0) {
            long refreshes = function.countRefresh();
            try {
                memory.writeLongBe(function.fmb() + FMB_REFRESHES, refreshes);
            } catch (BusErrorException e) {
                events.error(function, EventCode.MEASUREMENT_ACCESS, function.fmb(), true, 0);
                function.measure(0);
            }
        }
    }

    // ---- SIC, docs/spec/s390-zpci.md 2.9

    private void setInterruptionControls(NativeCall call) {
        int mode = (int) call.word(ZpciInstruction.MODE) & 0xffff;
        int subclass = 1 << (call.word(ZpciInstruction.R3) >>> SUBCLASS_SHIFT & SUBCLASS_MASK);
        switch (mode) {
            case SIC_ALL -> singleSubclasses &= ~subclass;
            case SIC_SINGLE -> singleSubclasses |= subclass;
            default -> {
                call.result(-ProgramInterruption.OPERAND);
                return;
            }
        }
        call.result(DONE);
    }

    // ---- states

    /** Enables a function. */
    void enable(PciFunction function, int gisa) {
        function.state(FunctionState.ENABLED);
        designate(function, gisa);
    }

    /** Keeps a GISA designation, from the generation on that has them. */
    void designate(PciFunction function, int gisa) {
        if (unit.interpretation()) {
            function.gisa(gisa);
        }
    }

    /**
     * Disables a function: everything that was registered is gone, and its handle with it.
     *
     * @return {@link AddressTranslation#DONE}, or why address translation could not be unregistered
     */
    int disable(PciFunction function) {
        int outcome = function.registered() ? translation.unregister(function) : AddressTranslation.DONE;
        if (outcome == AddressTranslation.DONE) {
            function.unregister();
            function.unregisterInterrupts();
            function.measure(0);
            function.gisa(0);
            function.state(FunctionState.DISABLED);
            if (unit.countsLives()) {
                function.retire();
            }
        }
        return outcome;
    }

    /**
     * A function comes, goes, is asked to go, or breaks, docs/spec/s390-zpci.md 3.4; an event tells of it.
     *
     * @param event one of the availability events, {@link EventCode#PERMANENT_ERROR} or {@link EventCode#RECOVERY_FAILED}
     */
    public void available(PciFunction function, EventCode event) {
        switch (event) {
            case CONFIGURED -> function.state(FunctionState.DISABLED);
            case RESERVED_TO_STANDBY -> function.state(FunctionState.STANDBY);
            case CONFIGURED_TO_STANDBY -> {
                disable(function);
                function.state(FunctionState.STANDBY);
            }
            case STANDBY_TO_RESERVED -> function.state(FunctionState.RESERVED);
            case PERMANENT_ERROR, RECOVERY_FAILED -> {
                function.state(FunctionState.PERMANENT_ERROR);
                events.error(function, event, 0, false, 0);
                return;
            }
            default -> {
                // The host asks, or several changed: nothing has happened to this one yet.
            }
        }
        events.available(function, event);
    }

    /**
     * A function ran into an error: it stops, and one event tells why.
     *
     * @param write true if the access was a write
     * @param expectedType type of the table entry that was expected
     * @return true if the event waits to be taken
     */
    public boolean error(PciFunction function, EventCode code, long address, boolean write, int expectedType) {
        function.state(FunctionState.ERROR);
        return events.error(function, code, address, write, expectedType);
    }

    /** Takes the pending events, oldest first, as 32 bytes of content each. */
    public void takeEvents(Consumer<byte[]> sink) {
        events.take(sink);
    }

    /** docs/spec/s390-zpci.md 2.3 row 4, 2.4: the states in which a handle counts as invalid. */
    static boolean isOut(PciFunction function) {
        return switch (function.state()) {
            case RESERVED, STANDBY, DISABLED, PERMANENT_ERROR -> true;
            case ENABLED, ERROR, BLOCKED -> false;
        };
    }

    /** Ends an instruction as {@link AddressTranslation} has answered. */
    static void complete(NativeCall call, int outcome) {
        if (outcome == AddressTranslation.DONE) {
            call.result(DONE);
        } else if (outcome == AddressTranslation.BUSY) {
            call.result(ZpciInstruction.BUSY);
        } else {
            fail(call, outcome);
        }
    }

    /** Ends an instruction with condition code 1 and a status in R1. */
    static void fail(NativeCall call, int status) {
        call.word(ZpciInstruction.R1, RequestRegister.STATUS.set(call.word(ZpciInstruction.R1), status));
        call.result(ERROR);
    }

    // ---- state

    /** Writes functions, interruption modes and pending events. */
    public void save(SnapshotWriter out) {
        out.putInt(functions.length);
        for (PciFunction function : functions) {
            function.save(out);
        }
        events.save(out.putInt(singleSubclasses));
    }

    /** Reads what {@link #save} wrote. */
    public void load(SnapshotReader in) {
        int count = in.getCount(functions.length);
        if (count != functions.length) {
            throw in.invalid(count + " functions of " + functions.length);
        }
        for (PciFunction function : functions) {
            function.load(in);
            if (function.registered() && !controls.isLegal(function.pba(), function.pal(), function.iota())) {
                throw in.invalid("registration of function " + function.index());
            }
        }
        singleSubclasses = in.getInt();
        events.load(in);
    }

    @Override
    public String toString() {
        return Arrays.stream(functions)
                .filter(function -> function.state() != FunctionState.DISABLED)
                .map(function -> Integer.toHexString(function.handle()) + " " + function.state())
                .toList()
                .toString();
    }
}
