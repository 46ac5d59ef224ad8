package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViEvents.HardwareErrorType;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Exclusion;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.front.CommandEffects.Outcome;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.memory.PageCursor;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.ring.CommandRing;
import org.iommu4j.simulation.ring.RingStyle;

/**
 * The command buffer, 48882 2.4: takes commands in order and carries each out before the next, so that a completion wait has
 * nothing to wait for and its F is fulfilled by itself.
 *
 * <p>A command that is illegal, that cannot be read or whose store fails is logged and stops the buffer: CmdBufRun falls, the head
 * stays on the command, and nothing behind it runs until software has cleared CmdBufEn and sets it anew. Whether there is an event
 * log makes no difference. A device that does not answer an invalidation in time is logged, and the buffer goes on.
 */
public final class CommandBuffer {
    private final RegisterFile registers;
    private final PhysicalMemory memory;
    private final PageCursor fetched;
    private final CommandDispatch dispatch;
    private final CommandEffects effects;
    private final EventRecorder events;
    private final Interrupts interrupts;
    private final boolean goesOnAfterIllegal;
    private final boolean storesAreLimited;
    private final long[] command = new long[AmdViCommand.BYTES / Long.BYTES];

    private final CommandRing ring = new CommandRing(RingStyle.BYTE_OFFSET);
    private boolean halted;
    private boolean stepping;
    private boolean running;
    private long commands;

    /** How a command ended. */
    private enum Ending {
        DONE,
        ILLEGAL,
        HARDWARE_ERROR,
        NOT_DONE
    }

    CommandBuffer(
            SettingValues chosen,
            RegisterFile registers,
            PhysicalMemory memory,
            CommandDispatch dispatch,
            CommandEffects effects,
            EventRecorder events,
            Interrupts interrupts) {
        this.registers = registers;
        this.memory = memory;
        fetched = new PageCursor(memory);
        this.dispatch = dispatch;
        this.effects = effects;
        this.events = events;
        this.interrupts = interrupts;
        goesOnAfterIllegal = chosen.isSet(AmdViSettings.HALT);
        storesAreLimited = chosen.isSet(AmdViSettings.SNP);
        RingRegisters.follow(registers, Rings.COMMAND_BUFFER, ring);
        registers.onWrite(Rings.COMMAND_BUFFER.tail(), (before, after, written, lanes) -> {
            ring.setTail(after);
            resume();
        });
        RingRegisters.followBase(registers, Rings.COMMAND_BUFFER, ring, this::update);
    }

    /** True while commands are fetched. */
    public boolean isRunning() {
        return registers.isSet(Status.REGISTER, Status.CMD_BUF_RUN);
    }

    /** True if it has stopped at a command. */
    public boolean isHalted() {
        return halted;
    }

    /** Commands carried out since the unit was made. */
    public long commands() {
        return commands;
    }

    /** Software has written the control register. */
    void controlWritten(long after) {
        halted &= Control.CMD_BUF_EN.isSet(after);
        update();
        resume();
    }

    /** Holds commands back for {@link #run} or {@link #take}; without holding, those that wait are carried out. */
    public void stepping(boolean on) {
        stepping = on;
        resume();
    }

    /**
     * Carries out commands until the buffer is empty or has stopped.
     *
     * @param most how many at most
     * @return how many
     */
    public int run(int most) {
        int before = (int) commands;
        // A command's effect may write registers of this unit; then the call that is under way goes on.
        if (!running) {
            running = true;
            try {
                while ((int) commands - before < most && isRunning() && !ring.isEmpty()) {
                    step();
                }
            } finally {
                running = false;
            }
        }
        return (int) commands - before;
    }

    /** Carries out the command at the head, which somebody else has fetched; for a buffer that runs. */
    public void take(long word0, long word1) {
        command[0] = word0;
        command[1] = word1;
        end(execute());
    }

    /** Stops at the command at the head, which nobody could fetch. */
    public void takeUnfetched() {
        command[0] = 0;
        events.commandHardwareError(ring.headAddress(), HardwareErrorType.MASTER_ABORT);
        end(Ending.HARDWARE_ERROR);
    }

    /** True if it waits for software to enable it anew: all that is not in the registers. */
    void load(boolean wasHalted) {
        halted = wasHalted;
        RingRegisters.loaded(registers, Rings.COMMAND_BUFFER, ring);
    }

    private void resume() {
        if (!stepping) {
            run(Integer.MAX_VALUE);
        }
    }

    private void step() {
        try {
            fetched.readPairLe(ring.headAddress(), command);
        } catch (BusErrorException e) {
            takeUnfetched();
            return;
        }
        end(execute());
    }

    /** A command that is done, or over which the unit goes on, lets the head advance; at another one the buffer stops. */
    private void end(Ending ending) {
        boolean goesOn = ending == Ending.DONE || (ending == Ending.ILLEGAL && goesOnAfterIllegal);
        if (ending == Ending.ILLEGAL) {
            events.illegalCommand(ring.headAddress());
        }
        if (ending != Ending.DONE) {
            effects.refused(
                    ending == Ending.HARDWARE_ERROR
                            ? "a command or where it stores is not in memory"
                            : dispatch.reason(command[0], command[1]));
        }
        if (goesOn) {
            ring.advanceHead();
            commands++;
            registers.set(Rings.COMMAND_BUFFER.head(), ring.head());
        } else {
            halted = true;
            update();
        }
    }

    private Ending execute() {
        long word0 = command[0];
        long word1 = command[1];
        if (!dispatch.isLegal(word0, word1)) {
            return Ending.ILLEGAL;
        }
        int opcode = AmdViCommand.opcodeOf(word0);
        if (opcode == AmdViCommand.OP_COMPLETION_WAIT) {
            return await(word0, word1);
        }
        Outcome outcome = dispatch.carryOut(word0, word1);
        if (outcome == Outcome.NOT_DONE) {
            return Ending.NOT_DONE;
        }
        if (outcome == Outcome.NO_ANSWER) {
            events.invalidationTimeout(InvalidateIotlbPages.DEVICE_ID.getInt(word0), ring.headAddress());
        } else {
            effects.carriedOut(AmdViCommand.of(opcode), word0, word1);
        }
        return Ending.DONE;
    }

    /** The data is stored before the interrupt is raised, 48882 2.4.1. */
    private Ending await(long word0, long word1) {
        if (CompletionWait.S.isSet(word0)) {
            long address = CompletionWait.STORE_ADDRESS.get(word0);
            if (!mayStore(address)) {
                events.commandHardwareError(address, HardwareErrorType.TARGET_ABORT);
                return Ending.HARDWARE_ERROR;
            }
            try {
                memory.writeLongLe(address, word1);
            } catch (BusErrorException | BackendException e) {
                events.commandHardwareError(address, HardwareErrorType.MASTER_ABORT);
                return Ending.HARDWARE_ERROR;
            }
        }
        if (CompletionWait.I.isSet(word0)) {
            registers.set(Status.REGISTER, Status.COM_WAIT_INT, true);
            if (registers.isSet(Control.REGISTER, Control.COM_WAIT_INT_EN)) {
                interrupts.raise();
            }
        }
        effects.waited();
        if (CompletionWait.S.isSet(word0) || CompletionWait.I.isSet(word0)) {
            effects.completed();
        }
        return Ending.DONE;
    }

    /** Under secure nested paging the exclusion registers hold the range that may be stored to, 48882 3.4.5. */
    private boolean mayStore(long address) {
        if (!storesAreLimited || !registers.isSet(Exclusion.BASE_REGISTER, Exclusion.EX_EN)) {
            return true;
        }
        return Long.compareUnsigned(address, registers.get(Exclusion.BASE_REGISTER, Exclusion.BASE_ADDRESS)) >= 0
                && Long.compareUnsigned(address, AmdViFront.lastExcluded(registers)) <= 0;
    }

    private void update() {
        long control = registers.get(Control.REGISTER);
        boolean enabled = Control.IOMMU_EN.isSet(control) && Control.CMD_BUF_EN.isSet(control);
        boolean legal = registers.get(Rings.COMMAND_BUFFER.base(), Rings.LENGTH) >= Rings.LEAST_LENGTH;
        registers.set(Status.REGISTER, Status.CMD_BUF_RUN, enabled && legal && !halted);
    }
}
