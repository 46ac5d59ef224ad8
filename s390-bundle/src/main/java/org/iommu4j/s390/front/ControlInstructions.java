package org.iommu4j.s390.front;

import static org.iommu4j.s390.command.ZpciInstruction.DONE;
import static org.iommu4j.s390.command.ZpciInstruction.ERROR;
import static org.iommu4j.s390.command.ZpciInstruction.INVALID_HANDLE;

import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
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

/** The instructions that change and show what is registered for a function, and its state: MPCIFC and STPCIFC. */
final class ControlInstructions {
    private static final long PAGE_MASK = 0xfff;
    private static final int FIB_ALIGNMENT_MASK = 7;
    private static final int FMB_ALIGNMENT_MASK = 0xf;

    private final PciFacility facility;
    private final ZpciCapabilities unit;
    private final PhysicalMemory memory;
    private final AddressTranslation translation;
    private final FunctionEvents events;

    ControlInstructions(
            PciFacility facility,
            ZpciCapabilities unit,
            PhysicalMemory memory,
            AddressTranslation translation,
            FunctionEvents events) {
        this.facility = facility;
        this.unit = unit;
        this.memory = memory;
        this.translation = translation;
        this.events = events;
    }

    /** MPCIFC, docs/spec/s390-zpci.md 2.4. */
    void modify(NativeCall call) {
        long block = call.word(ZpciInstruction.FIB);
        if ((block & FIB_ALIGNMENT_MASK) != 0) {
            call.result(-ProgramInterruption.SPECIFICATION);
            return;
        }
        long request = call.word(ZpciInstruction.R1);
        PciFunction function = facility.find(RequestRegister.handle(request));
        if (function == null || PciFacility.isOut(function)) {
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
                    PciFacility.fail(call, Status.SEQUENCE);
                }
            }
            case FunctionControl.REGISTER_IOAT, FunctionControl.REREGISTER_IOAT ->
                register(call, function, block, operation == FunctionControl.REREGISTER_IOAT);
            case FunctionControl.UNREGISTER_IOAT -> {
                if (isOtherSpace(call)) {
                    PciFacility.fail(call, Status.INVALID_DMA_SPACE);
                } else if (function.registered()) {
                    int outcome = translation.unregister(function);
                    if (outcome == AddressTranslation.DONE) {
                        function.unregister();
                    }
                    PciFacility.complete(call, outcome);
                } else {
                    PciFacility.fail(call, Status.SEQUENCE);
                }
            }
            case FunctionControl.RESET_ERROR -> {
                if (function.state() == FunctionState.ERROR || function.state() == FunctionState.BLOCKED) {
                    int outcome = translation.recover(function);
                    if (outcome == AddressTranslation.DONE) {
                        function.state(FunctionState.ENABLED);
                    }
                    PciFacility.complete(call, outcome);
                } else {
                    PciFacility.fail(call, Status.SEQUENCE);
                }
            }
            case FunctionControl.RESET_BLOCK -> {
                if (function.state() == FunctionState.ERROR) {
                    function.state(FunctionState.BLOCKED);
                    call.result(DONE);
                } else {
                    PciFacility.fail(call, Status.SEQUENCE);
                }
            }
            case FunctionControl.SET_MEASURE -> measure(call, function, word(block, Fib.FMB.word()));
            default -> call.result(-ProgramInterruption.OPERAND);
        }
    }

    private void registerInterrupts(NativeCall call, PciFunction function, long block) {
        if (function.interrupts()) {
            PciFacility.fail(call, Status.SEQUENCE);
            return;
        }
        long vector = word(block, Fib.AIBV.word());
        long summary = word(block, Fib.AISB.word());
        boolean sums = Fib.SUM.isSet(word(block, Fib.SUM.word()));
        if (!memory.contains(vector, 1) || (sums && !memory.contains(summary, 1))) {
            PciFacility.fail(call, Status.RESOURCE);
            return;
        }
        int word = Fib.ISC.word();
        function.registerInterrupts(word(block, word) & ~Fib.LAYOUT.reservedMask(word), vector, summary);
        call.result(DONE);
    }

    private void register(NativeCall call, PciFunction function, long block, boolean again) {
        if (isOtherSpace(call)) {
            PciFacility.fail(call, Status.INVALID_DMA_SPACE);
            return;
        }
        if (function.state() == FunctionState.ERROR) {
            PciFacility.fail(call, Status.NOT_AVAILABLE);
            return;
        }
        if (function.registered() != again) {
            PciFacility.fail(call, Status.SEQUENCE);
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
            facility.designate(function, (int) Fib.GD.get(word(block, Fib.GD.word())));
        }
        PciFacility.complete(call, outcome);
    }

    /** True if a function can be registered with an aperture and an anchor. */
    boolean isLegal(long pba, long pal, long iota) {
        return Long.compareUnsigned(pba, pal) <= 0
                && Long.compareUnsigned(pba, unit.sdma()) >= 0
                && Long.compareUnsigned(pal, unit.edma()) <= 0
                && (Iota.T.isSet(iota) ? unit.supportsType(Iota.DT.getInt(iota)) : unit.relaxed());
    }

    /** Sets the measurement block: what was wrong with its address is an event that stops nothing. */
    private void measure(NativeCall call, PciFunction function, long block) {
        if ((block & FMB_ALIGNMENT_MASK) != 0) {
            function.measure(0);
            events.error(function, EventCode.MEASUREMENT_ADDRESS, block, false, 0);
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

    /** STPCIFC, docs/spec/s390-zpci.md 2.5. */
    void store(NativeCall call) {
        if (isOtherSpace(call)) {
            PciFacility.fail(call, Status.INVALID_DMA_SPACE);
            return;
        }
        long block = call.word(ZpciInstruction.FIB);
        if ((block & FIB_ALIGNMENT_MASK) != 0) {
            call.result(-ProgramInterruption.SPECIFICATION);
            return;
        }
        long request = call.word(ZpciInstruction.R1);
        int handle = RequestRegister.handle(request);
        PciFunction function = facility.at(FunctionHandle.indexOf(handle));
        if (function == null || function.state().isAway()) {
            call.result(INVALID_HANDLE);
            return;
        }
        long[] fib = new long[Fib.LAYOUT.words()];
        if (function.state() == FunctionState.PERMANENT_ERROR) {
            PciFacility.fail(call, Status.FUNCTION_IN_ERROR);
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
}
