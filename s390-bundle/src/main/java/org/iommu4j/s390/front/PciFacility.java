package org.iommu4j.s390.front;

import static org.iommu4j.s390.command.ZpciInstruction.DONE;
import static org.iommu4j.s390.command.ZpciInstruction.ERROR;
import static org.iommu4j.s390.command.ZpciInstruction.INVALID_HANDLE;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Consumer;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.s390.command.AvailabilityRecord;
import org.iommu4j.s390.command.ErrorRecord;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.s390.command.Fib;
import org.iommu4j.s390.command.FunctionControl;
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
 * The functions of a chip and the instructions that control them, in the order of checks of docs/spec/s390-zpci.md 2.3
 * and 2.4. Nothing that software does throws: it ends in a condition code with its status, or in a program
 * interruption.
 *
 * <p>Not modelled: the registers of functions ({@link LoadStore}), adapter interrupts (MPCIFC 2 and 3 keep what is registered),
 * directed interrupts, memory I/O: its instructions are operation exceptions.
 */
public final class PciFacility {
    /** Events that wait at most; later ones are lost, as the functions' states are not. */
    private static final int MOST_EVENTS = 4096;

    private static final long PAGE_MASK = 0xfff;
    private static final int FIB_ALIGNMENT_MASK = 7;
    private static final int FMB_ALIGNMENT_MASK = 0xf;

    /** Where the measurement block counts refreshes. */
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
    private final ArrayDeque<byte[]> events = new ArrayDeque<>();
    private int singleSubclasses;
    private long executed;

    /**
     * A facility fresh from reset: every function is configured and disabled.
     *
     * @param memory where operands are
     * @param translation what stands behind the functions
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
                case ZpciInstruction.MPCIFC -> modify(call);
                case ZpciInstruction.STPCIFC -> store(call);
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
                event(function, EventCode.MEASUREMENT_ACCESS, function.fmb(), true, 0);
                function.measure(0);
            }
        }
    }

    // ---- MPCIFC, docs/spec/s390-zpci.md 2.4

    private void modify(NativeCall call) {
        long block = call.word(ZpciInstruction.FIB);
        if ((block & FIB_ALIGNMENT_MASK) != 0) {
            call.result(-ProgramInterruption.SPECIFICATION);
            return;
        }
        long request = call.word(ZpciInstruction.R1);
        PciFunction function = find(RequestRegister.handle(request));
        if (function == null || isOut(function)) {
            call.result(INVALID_HANDLE);
            return;
        }
        if (!memory.contains(block, Fib.BYTES)) {
            call.result(-ProgramInterruption.ADDRESSING);
        } else if (Fib.FORMAT.get(memory.readLongBe(block)) != 0) {
            call.result(-ProgramInterruption.OPERAND);
        } else {
            modify(call, function, block, RequestRegister.OPERATION.getInt(request));
        }
    }

    private void modify(NativeCall call, PciFunction function, long block, int operation) {
        switch (operation) {
            case FunctionControl.REGISTER_INTERRUPTS -> registerInterrupts(call, function, block);
            case FunctionControl.UNREGISTER_INTERRUPTS -> {
                if (function.interrupts()) {
                    function.unregisterInterrupts();
                    call.result(DONE);
                } else {
                    fail(call, Status.SEQUENCE);
                }
            }
            case FunctionControl.REGISTER_IOAT, FunctionControl.REREGISTER_IOAT ->
                register(call, function, block, operation == FunctionControl.REREGISTER_IOAT);
            case FunctionControl.UNREGISTER_IOAT -> {
                if (isOtherSpace(call)) {
                    fail(call, Status.INVALID_DMA_SPACE);
                } else if (function.registered()) {
                    int outcome = translation.unregister(function);
                    if (outcome == AddressTranslation.DONE) {
                        function.unregister();
                    }
                    complete(call, outcome);
                } else {
                    fail(call, Status.SEQUENCE);
                }
            }
            case FunctionControl.RESET_ERROR -> {
                if (function.state() == FunctionState.ERROR || function.state() == FunctionState.BLOCKED) {
                    int outcome = translation.recover(function);
                    if (outcome == AddressTranslation.DONE) {
                        function.state(FunctionState.ENABLED);
                    }
                    complete(call, outcome);
                } else {
                    fail(call, Status.SEQUENCE);
                }
            }
            case FunctionControl.RESET_BLOCK -> {
                if (function.state() == FunctionState.ERROR) {
                    function.state(FunctionState.BLOCKED);
                    call.result(DONE);
                } else {
                    fail(call, Status.SEQUENCE);
                }
            }
            case FunctionControl.SET_MEASURE -> measure(call, function, word(block, Fib.FMB.word()));
            default -> call.result(-ProgramInterruption.OPERAND);
        }
    }

    private void registerInterrupts(NativeCall call, PciFunction function, long block) {
        if (function.interrupts()) {
            fail(call, Status.SEQUENCE);
            return;
        }
        long vector = word(block, Fib.AIBV.word());
        long summary = word(block, Fib.AISB.word());
        boolean sums = Fib.SUM.isSet(word(block, Fib.SUM.word()));
        if (!memory.contains(vector, 1) || (sums && !memory.contains(summary, 1))) {
            fail(call, Status.RESOURCE);
            return;
        }
        int word = Fib.ISC.word();
        function.registerInterrupts(word(block, word) & ~Fib.LAYOUT.reservedMask(word), vector, summary);
        call.result(DONE);
    }

    private void register(NativeCall call, PciFunction function, long block, boolean again) {
        if (isOtherSpace(call)) {
            fail(call, Status.INVALID_DMA_SPACE);
            return;
        }
        if (function.state() == FunctionState.ERROR) {
            fail(call, Status.NOT_AVAILABLE);
            return;
        }
        if (function.registered() != again) {
            fail(call, Status.SEQUENCE);
            return;
        }
        long pba = word(block, Fib.PBA.word()) & ~PAGE_MASK;
        long pal = word(block, Fib.PAL.word()) | PAGE_MASK;
        long iota = word(block, Fib.IOTA.word());
        if (!isLegal(pba, pal, iota)) {
            call.result(-ProgramInterruption.OPERAND);
            return;
        }
        int outcome = translation.register(function, pba, pal, iota, again);
        if (outcome == AddressTranslation.DONE) {
            function.register(pba, pal, iota);
            designate(function, (int) Fib.GD.get(word(block, Fib.GD.word())));
        }
        complete(call, outcome);
    }

    private boolean isLegal(long pba, long pal, long iota) {
        return Long.compareUnsigned(pba, pal) <= 0
                && Long.compareUnsigned(pba, unit.sdma()) >= 0
                && Long.compareUnsigned(pal, unit.edma()) <= 0
                && (Iota.T.isSet(iota) ? unit.supportsType(Iota.DT.getInt(iota)) : unit.relaxed());
    }

    /** Sets the measurement block: what was wrong with its address is an event that stops nothing. */
    private void measure(NativeCall call, PciFunction function, long block) {
        if ((block & FMB_ALIGNMENT_MASK) != 0) {
            function.measure(0);
            event(function, EventCode.MEASUREMENT_ADDRESS, block, false, 0);
            call.result(ERROR);
        } else {
            function.measure(block);
            call.result(DONE);
        }
    }

    private long word(long block, int word) {
        return memory.readLongBe(block + (long) word * Long.BYTES);
    }

    private static boolean isOtherSpace(NativeCall call) {
        return RequestRegister.DMAAS.isSet(call.word(ZpciInstruction.R1));
    }

    // ---- STPCIFC, docs/spec/s390-zpci.md 2.5

    private void store(NativeCall call) {
        if (isOtherSpace(call)) {
            fail(call, Status.INVALID_DMA_SPACE);
            return;
        }
        long block = call.word(ZpciInstruction.FIB);
        if ((block & FIB_ALIGNMENT_MASK) != 0) {
            call.result(-ProgramInterruption.SPECIFICATION);
            return;
        }
        long request = call.word(ZpciInstruction.R1);
        int handle = RequestRegister.handle(request);
        PciFunction function = at(FunctionHandle.indexOf(handle));
        if (function == null || function.state().isAway()) {
            call.result(INVALID_HANDLE);
            return;
        }
        long[] fib = new long[Fib.LAYOUT.words()];
        if (function.state() == FunctionState.PERMANENT_ERROR) {
            fail(call, Status.FUNCTION_IN_ERROR);
            return;
        }
        if (function.state() != FunctionState.DISABLED) {
            function.store(fib);
        } else if (FunctionHandle.isEnabled(handle)) {
            call.result(INVALID_HANDLE);
            return;
        }
        if (!memory.contains(block, Fib.BYTES)) {
            call.result(-ProgramInterruption.ADDRESSING);
            return;
        }
        memory.write(block, Fib.LAYOUT.encode(fib), 0, Fib.BYTES);
        if (function.state() != FunctionState.DISABLED && !FunctionHandle.isEnabled(handle)) {
            int enabled = handle | (int) FunctionHandle.ENABLED.mask();
            call.word(ZpciInstruction.R1, RequestRegister.HANDLE.set(request, Integer.toUnsignedLong(enabled)));
        }
        call.result(DONE);
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
    private void designate(PciFunction function, int gisa) {
        if (unit.interpretation()) {
            function.gisa(gisa);
        }
    }

    /**
     * Disables a function: everything that was registered is gone, and its handle with it.
     *
     * @return {@link AddressTranslation#DONE}, or why what stands behind the function did not let go
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
                event(function, event, 0, false, 0);
                return;
            }
            default -> {
                // The host asks, or several changed: nothing has happened to this one yet.
            }
        }
        add(AvailabilityRecord.of(function.handle(), function.index(), event.code()));
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
        return event(function, code, address, write, expectedType);
    }

    private boolean event(PciFunction function, EventCode code, long address, boolean write, int expectedType) {
        return add(ErrorRecord.of(function.handle(), function.index(), expectedType, write, address, code.code()));
    }

    private boolean add(byte[] event) {
        return events.size() < MOST_EVENTS && events.add(event);
    }

    /** Takes the pending events, oldest first, as 32 bytes of content each. */
    public void takeEvents(Consumer<byte[]> sink) {
        while (!events.isEmpty()) {
            sink.accept(events.remove());
        }
    }

    /** docs/spec/s390-zpci.md 2.3 row 4, 2.4: the states in which a handle counts as invalid. */
    private static boolean isOut(PciFunction function) {
        return switch (function.state()) {
            case RESERVED, STANDBY, DISABLED, PERMANENT_ERROR -> true;
            case ENABLED, ERROR, BLOCKED -> false;
        };
    }

    private static void complete(NativeCall call, int outcome) {
        if (outcome == AddressTranslation.DONE) {
            call.result(DONE);
        } else if (outcome == AddressTranslation.BUSY) {
            call.result(ZpciInstruction.BUSY);
        } else {
            fail(call, outcome);
        }
    }

    private static void fail(NativeCall call, int status) {
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
        out.putInt(singleSubclasses).putInt(events.size());
        events.forEach(out::putBytes);
    }

    /** Reads what {@link #save} wrote. */
    public void load(SnapshotReader in) {
        int count = in.getCount(functions.length);
        if (count != functions.length) {
            throw in.invalid(count + " functions of " + functions.length);
        }
        for (PciFunction function : functions) {
            function.load(in);
            if (function.registered() && !isLegal(function.pba(), function.pal(), function.iota())) {
                throw in.invalid("registration of function " + function.index());
            }
        }
        singleSubclasses = in.getInt();
        int pending = in.getCount(MOST_EVENTS);
        for (int i = 0; i < pending; i++) {
            byte[] event = in.getBytes();
            if (event.length != ErrorRecord.BYTES) {
                throw in.invalid("event of " + event.length + " bytes");
            }
            events.add(event);
        }
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
