package org.iommu4j.arm.front;

import org.iommu4j.arm.command.CommandCheck;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.arm.command.SmmuRegisters.Idr1;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.front.CommandEffects.Outcome;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.memory.PageCursor;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.ring.CommandRing;
import org.iommu4j.simulation.ring.RingStyle;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The command queue, IHI 0070 3.5 and 4: takes commands in order and carries each out before the next, so that a CMD_SYNC has
 * nothing to wait for.
 *
 * <p>At an error CMDQ_CONS.ERR says which, then GERROR.CMDQ_ERR becomes active; the queue stands at the command until software
 * acknowledges, then the command is fetched again, IHI 0070 7.1. Positions that are more than a lap apart consume nothing.
 */
public final class CommandQueue {
    private static final Queue REGISTERS = Queue.COMMANDS;
    private static final int OK = Queue.ERROR_NONE;

    private final RegisterFile registers;
    private final PhysicalMemory memory;

    /** Memory from which commands are fetched. */
    private final PageCursor fetched;

    private final CommandCheck[] checks;
    private final CommandEffects effects;
    private final GlobalErrors errors;
    private final InterruptSink interrupts;
    private final boolean messages;
    private final int mostLog2Size;

    /** The bits of an address of the host; those above are cut off, IHI 0070 3.4.3. */
    private final long addressBits;

    private final long[] words = new long[2];
    private final CommandRing ring = new CommandRing(RingStyle.WRAP_BIT);
    private boolean enabled;
    private boolean stepping;

    /** An ATC invalidation since the last CMD_SYNC was not completed by its device. */
    private boolean unanswered;

    private long commands;

    CommandQueue(
            SmmuCapabilities chip,
            CommandCheck[] checks,
            RegisterFile registers,
            PhysicalMemory memory,
            CommandEffects effects,
            GlobalErrors errors,
            InterruptSink interrupts) {
        this.registers = registers;
        this.memory = memory;
        fetched = new PageCursor(memory);
        this.checks = checks;
        this.effects = effects;
        this.errors = errors;
        this.interrupts = interrupts;
        messages = chip.has("MSI");
        mostLog2Size = Idr1.CMDQS.getInt(chip.idr1());
        addressBits = (1L << chip.outputBits()) - 1;
        registers.onWrite(REGISTERS.producer(), (before, after, written, lanes) -> produced());
    }

    /** True while the queue is on. */
    public boolean isEnabled() {
        return enabled;
    }

    /** True if it stands at a command because of an error, IHI 0070 7.1. */
    public boolean isStopped() {
        return errors.isActive(Gerror.CMDQ_ERR);
    }

    /** Commands consumed since the chip was made. */
    public long commands() {
        return commands;
    }

    /** Holds commands back for {@link #run} or {@link #take}; without holding, those that wait are consumed. */
    public void stepping(boolean on) {
        stepping = on;
        resume();
    }

    /** CR0.CMDQEN has changed: the queue goes on where its registers say. */
    void enable(boolean on) {
        enabled = on;
        if (on) {
            configure();
            produced();
        }
    }

    /** An error was acknowledged, or more was written: goes on at the command where the queue stands. */
    void resume() {
        if (!stepping) {
            run(Integer.MAX_VALUE);
        }
    }

    /**
     * Consumes commands until the queue is empty or stopped by an error.
     *
     * @param most how many at most
     * @return how many
     */
    public int run(int most) {
        int consumed = 0;
        if (enabled && !isStopped() && ring.used() <= ring.entries()) {
            while (consumed < most && !ring.isEmpty()) {
                int error = fetch();
                if (error != OK) {
                    stop(error);
                    break;
                }
                ring.advanceHead();
                consumed++;
            }
            commands += consumed;
            registers.set(REGISTERS.consumer(), REGISTERS.read(), ring.head());
        }
        return consumed;
    }

    /** Consumes the command where the queue stands, which somebody else has fetched; for a queue that is on and not stopped. */
    public void take(long word0, long word1) {
        words[0] = word0;
        words[1] = word1;
        int error = execute(word0, word1);
        if (error != OK) {
            stop(error);
            return;
        }
        ring.advanceHead();
        commands++;
        registers.set(REGISTERS.consumer(), REGISTERS.read(), ring.head());
    }

    void save(SnapshotWriter out) {
        out.putBoolean(enabled);
        out.putBoolean(stepping);
        out.putBoolean(unanswered);
    }

    void load(SnapshotReader in) {
        enabled = in.getBoolean();
        stepping = in.getBoolean();
        unanswered = in.getBoolean();
        configure();
        setTail();
    }

    private void configure() {
        long base = registers.get(REGISTERS.baseRegister());
        int log2Size = Math.min(REGISTERS.log2Size().getInt(base), mostLog2Size);
        RecordQueue.configure(ring, REGISTERS.address().get(base) & addressBits, CommandFields.COMMAND_BYTES, log2Size);
        ring.setHead(position(REGISTERS.read().get(registers.get(REGISTERS.consumer()))));
    }

    private void produced() {
        if (enabled) {
            setTail();
            resume();
        }
    }

    private void setTail() {
        ring.setTail(position(REGISTERS.write().get(registers.get(REGISTERS.producer()))));
    }

    /** Index and lap bit; what stands above them has no effect, IHI 0070 6.3.27. */
    private long position(long value) {
        return value & (2L * ring.entries() - 1);
    }

    private int fetch() {
        try {
            fetched.readPairLe(ring.headAddress(), words);
        } catch (BusErrorException e) {
            return Queue.ERROR_ABORT;
        }
        return execute(words[0], words[1]);
    }

    private int execute(long word0, long word1) {
        CommandCheck check = checks[SmmuCommand.opcodeOf(word0)];
        if (check == null || !check.isLegal(word0, word1)) {
            return Queue.ERROR_ILLEGAL;
        }
        if (check.command() == SmmuCommand.SYNC) {
            return await(word0, word1);
        }
        Outcome outcome = effects.carryOut(check.command(), word0, word1);
        unanswered |= outcome == Outcome.NO_ANSWER;
        return outcome == Outcome.NOT_DONE ? Queue.ERROR_ILLEGAL : OK;
    }

    /** CMD_SYNC, IHI 0070 4.7.3: everything before it is over; a failed ATC invalidation is told once. */
    private int await(long word0, long word1) {
        if (unanswered) {
            unanswered = false;
            return Queue.ERROR_ATC_SYNC;
        }
        if (effects.await() == Outcome.NOT_DONE) {
            return Queue.ERROR_ILLEGAL;
        }
        if (CommandFields.CS.getInt(word0) == CommandFields.SIG_IRQ) {
            signal(word0, word1);
        }
        effects.completed();
        return OK;
    }

    /** The message of a CMD_SYNC is one write of 32 bits; without one its line is raised, IHI 0070 4.8. */
    private void signal(long word0, long word1) {
        long address = CommandFields.messageAddress(word1);
        if (!messages || address == 0) {
            interrupts.raise(0, InterruptMessage.LINE_SYNC);
            return;
        }
        try {
            memory.writeIntLe(address & addressBits, CommandFields.MSI_DATA.getInt(word0));
        } catch (BusErrorException | BackendException e) {
            errors.raise(Gerror.MSI_CMDQ_ABT_ERR);
        }
    }

    /** First the code, then the error, IHI 0070 7.1. */
    private void stop(int error) {
        registers.set(REGISTERS.consumer(), REGISTERS.read(), ring.head());
        registers.set(REGISTERS.consumer(), REGISTERS.error(), error);
        errors.raise(Gerror.CMDQ_ERR);
        effects.refused(reason(error));
    }

    private String reason(int error) {
        if (error == Queue.ERROR_ABORT) {
            return "the command could not be fetched";
        }
        if (error == Queue.ERROR_ATC_SYNC) {
            return "a device did not complete an ATC invalidation";
        }
        int opcode = SmmuCommand.opcodeOf(words[0]);
        CommandCheck check = checks[opcode];
        return check == null
                ? "no command of this chip has opcode 0x" + Integer.toHexString(opcode)
                : check.reason(words[0], words[1]);
    }
}
