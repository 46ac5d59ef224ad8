package org.iommu4j.intel.front;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.InvalidationWait;
import org.iommu4j.intel.command.PasidDeviceTlbInvalidate;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdRegisters.CompletionStatus;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.QueueAddress;
import org.iommu4j.intel.command.VtdRegisters.QueueError;
import org.iommu4j.intel.command.VtdRegisters.QueueHead;
import org.iommu4j.intel.command.VtdRegisters.QueueTail;
import org.iommu4j.intel.command.VtdSettings;
import org.iommu4j.intel.front.CommandEffects.Outcome;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.memory.PageCursor;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.ring.CommandRing;
import org.iommu4j.simulation.ring.RingStyle;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The invalidation queue, VT-d 6.5.2: takes descriptors in order and carries each out before the next, so that a wait has
 * nothing to wait for and FN, DW and DR are fulfilled by themselves.
 *
 * <p>A wrong descriptor sets FSTS.IQE with its IQEI; the head stays on it until software clears IQE, then it is fetched
 * again. A wrong tail is refused when it is written: the tail that was valid before goes on to count. A wait whose status
 * cannot be stored is an error 2 (descriptor cannot be completed), head on the wait.
 *
 * <p>A device that does not answer its invalidation in time makes the waits behind it abort (no status, no event). FSTS.ITE
 * is set once everything up to the tail has been fetched, and nothing more is fetched until software clears it.
 */
public final class InvalidationQueue {
    /** Size of a descriptor that is not one of 256 bits. */
    public static final int DESCRIPTOR_BYTES = 16;

    private static final int LONG_DESCRIPTOR_BYTES = 32;
    private static final int PAGE_SHIFT = 12;
    private static final int NOBODY = -1;
    private static final int OK = CommandCheck.OK;

    private final int subVersion;
    private final RegisterFile registers;
    private final PhysicalMemory memory;

    /** The queue in memory that descriptors are fetched from. */
    private final PageCursor fetched;

    private final CommandDispatch dispatch;
    private final CommandEffects effects;
    private final FaultRecorder faults;
    private final EventMessage completion;
    private final boolean refusesTailBeforeEnable;
    private final boolean hidesTimedOutSource;
    private final boolean goesOffAtOnce;
    /** The bits of an address of the host; the others of a wait's status address are ignored. */
    private final long hostAddressBits;

    private final long[] descriptor = new long[2];

    /** Third and fourth word of a descriptor of 256 bits: reserved in every type, VT-d 6.5.2. */
    private final long[] upperHalf = new long[2];

    private final boolean hasLongDescriptors;

    private final CommandRing ring = new CommandRing(RingStyle.BYTE_OFFSET);
    private boolean enabled;
    private boolean longDescriptors;
    private boolean stepping;
    private boolean endsWithWait = true;
    private int timedOut = NOBODY;
    private long commands;

    InvalidationQueue(
            int subVersion,
            boolean hasLongDescriptors,
            SettingValues chosen,
            RegisterFile registers,
            PhysicalMemory memory,
            int hostAddressWidth,
            CommandDispatch dispatch,
            CommandEffects effects,
            FaultRecorder faults,
            EventMessage completion) {
        this.subVersion = subVersion;
        this.hasLongDescriptors = hasLongDescriptors;
        refusesTailBeforeEnable = chosen.isSet(VtdSettings.TAIL_BEFORE_ENABLE);
        goesOffAtOnce = chosen.isSet(VtdSettings.QUEUE_OFF);
        hidesTimedOutSource = chosen.isSet(VtdSettings.TIMEOUT_SOURCE_ID);
        this.registers = registers;
        this.memory = memory;
        fetched = new PageCursor(memory);
        hostAddressBits = hostAddressWidth < Long.SIZE ? (1L << hostAddressWidth) - 1 : -1L;
        this.dispatch = dispatch;
        this.effects = effects;
        this.faults = faults;
        this.completion = completion;
        registers.onWrite(QueueTail.REGISTER, (before, after, written, lanes) -> tailWritten(after));
        registers.onWrite(CompletionStatus.REGISTER, (before, after, written, lanes) -> {
            if (!CompletionStatus.IWC.isSet(after)) {
                completion.withdraw();
            }
        });
    }

    /** True while the queue is on. */
    public boolean isEnabled() {
        return enabled;
    }

    /** True if it has stopped at an error, VT-d 6.5.2.11, or at a device that did not answer. */
    public boolean isStopped() {
        return faults.isRaised(FaultStatus.IQE.mask() | FaultStatus.ITE.mask());
    }

    /** Descriptors consumed since the unit was made. */
    public long commands() {
        return commands;
    }

    /** Turns the queue on: it starts empty at its address, or with what software has put before the tail already. */
    void enable() {
        configure();
        registers.set(QueueHead.REGISTER, 0);
        enabled = true;
        endsWithWait = true;
        timedOut = NOBODY;
        long tail = registers.get(QueueTail.REGISTER);
        if (tail != 0 && refusesTailBeforeEnable) {
            fail(QueueError.INVALID_TAIL);
        } else {
            tailWritten(tail);
        }
    }

    /**
     * Turns the queue off and sets the head to 0.
     *
     * @return false, and it stays on, unless it is empty and the last descriptor was a wait, or the unit drops what is left
     */
    boolean disable() {
        if (!goesOffAtOnce && (!ring.isEmpty() || !endsWithWait)) {
            return false;
        }
        enabled = false;
        registers.set(QueueHead.REGISTER, 0);
        return true;
    }

    /** Software has cleared errors: fetching goes on at the head, VT-d 6.5.2.11. */
    void resume() {
        if (!stepping) {
            run(Integer.MAX_VALUE);
        }
    }

    /** Holds descriptors back for {@link #run} or {@link #take}; without holding, those that wait are consumed. */
    public void stepping(boolean on) {
        stepping = on;
        resume();
    }

    /**
     * Consumes descriptors until the queue is empty or stopped by an error.
     *
     * @param most how many at most
     * @return how many
     */
    public int run(int most) {
        int consumed = 0;
        if (enabled && !isStopped()) {
            int wrong = configurationError();
            while (consumed < most && !ring.isEmpty()) {
                int error = wrong == OK ? fetch(ring.headAddress()) : wrong;
                if (error != OK) {
                    stop(error);
                    break;
                }
                ring.advanceHead();
                consumed++;
            }
            commands += consumed;
            registers.set(QueueHead.REGISTER, ring.head());
            reportTimeoutAtEnd();
        }
        return consumed;
    }

    /** Bytes of a descriptor, 16 or 32. */
    public int descriptorBytes() {
        return longDescriptors ? LONG_DESCRIPTOR_BYTES : DESCRIPTOR_BYTES;
    }

    /**
     * Consumes the descriptor at the head, which somebody else has fetched; for a queue that is on and not stopped.
     *
     * @param upper bits that are set in the third or fourth word; 0 if there are no such words
     */
    public void take(long word0, long word1, long upper) {
        descriptor[0] = word0;
        descriptor[1] = word1;
        upperHalf[0] = upper;
        upperHalf[1] = 0;
        int error = configurationError();
        if (error == OK) {
            error = execute(word0, word1);
        }
        if (error != OK) {
            stop(error);
            return;
        }
        ring.advanceHead();
        commands++;
        registers.set(QueueHead.REGISTER, ring.head());
        reportTimeoutAtEnd();
    }

    /**
     * Stops at the descriptor at the head, which nobody could fetch; what is wrong with the queue itself goes first.
     *
     * @param error code of IQEI
     */
    public void takeUnfetched(int error) {
        int before = configurationError();
        fail(before == OK ? error : before);
    }

    /** Stops at the descriptor at the head, VT-d 6.5.2.11; an error that is there already keeps its cause. */
    private void fail(int error) {
        refuse(error, QueueError.IQEI.meaningOf(error));
    }

    void save(SnapshotWriter out) {
        out.putBoolean(enabled);
        out.putBoolean(longDescriptors);
        out.putBoolean(stepping);
        out.putBoolean(endsWithWait);
        out.putInt(timedOut);
        ring.save(out);
    }

    void load(SnapshotReader in) {
        enabled = in.getBoolean();
        longDescriptors = in.getBoolean();
        stepping = in.getBoolean();
        endsWithWait = in.getBoolean();
        timedOut = in.getInt();
        ring.load(in);
    }

    /**
     * Goes on with what the registers say, where nothing else was saved.
     *
     * @return false if the head is not in the queue
     */
    boolean loadFromRegisters(boolean on) {
        enabled = on;
        configure();
        ring.setTail(registers.get(QueueTail.REGISTER));
        return !on || ring.setHead(registers.get(QueueHead.REGISTER));
    }

    private void configure() {
        long address = registers.get(QueueAddress.REGISTER);
        longDescriptors = QueueAddress.DW.isSet(address);
        int bytes = descriptorBytes();
        int queueShift = PAGE_SHIFT + QueueAddress.QS.getInt(address);
        ring.configure(QueueAddress.IQA_BASE.get(address), bytes, (1 << queueShift) / bytes);
    }

    private void tailWritten(long tail) {
        if (!enabled) {
            return;
        }
        boolean aligned = !longDescriptors || (tail & DESCRIPTOR_BYTES) == 0;
        if (aligned && ring.setTail(tail)) {
            resume();
        } else {
            fail(aligned ? QueueError.INVALID_TAIL : QueueError.UNALIGNED_TAIL);
        }
    }

    /** A mistake in the queue itself, before any descriptor is looked at, VT-d table 26. */
    private int configurationError() {
        TableMode mode = dispatch.tableMode();
        if (mode == TableMode.INVALID) {
            return QueueError.INVALID_TABLE_MODE;
        }
        boolean legal = longDescriptors ? hasLongDescriptors : !mode.needsLongDescriptors();
        return legal ? OK : QueueError.INVALID_WIDTH;
    }

    /** Stops at a descriptor that was read. */
    private void stop(int error) {
        boolean read = configurationError() == OK && error != QueueError.FETCH_ERROR;
        refuse(error, read ? reason() : QueueError.IQEI.meaningOf(error));
    }

    /** Text for people about what is wrong with the descriptor that was read. */
    private String reason() {
        int type = VtdCommand.typeOf(descriptor[0], subVersion);
        CommandCheck check = dispatch.ofType(type);
        boolean lowerHalf = check == null || check.check(descriptor[0], descriptor[1]) != OK;
        return lowerHalf || !isUpperHalfSet()
                ? dispatch.reason(type, descriptor[0], descriptor[1])
                : check.name() + ": a reserved bit is set in the upper half";
    }

    private boolean isUpperHalfSet() {
        return longDescriptors && (upperHalf[0] | upperHalf[1]) != 0;
    }

    private void refuse(int error, String reason) {
        if (!faults.isRaised(FaultStatus.IQE.mask())) {
            registers.set(QueueError.REGISTER, QueueError.IQEI, error);
            faults.raise(FaultStatus.IQE.mask());
        }
        effects.refused(reason);
    }

    /** A device that did not answer shows once the waits behind its command have not completed. */
    private void reportTimeoutAtEnd() {
        if (timedOut != NOBODY && ring.isEmpty()) {
            registers.set(QueueError.REGISTER, QueueError.ITESID, hidesTimedOutSource ? 0 : timedOut);
            timedOut = NOBODY;
            faults.raise(FaultStatus.ITE.mask());
        }
    }

    /** Reads and carries out the descriptor at {@code address}; returns {@link #OK} or its IQEI. */
    private int fetch(long address) {
        long[] words = descriptor;
        try {
            fetched.readPairLe(address, words);
            if (longDescriptors) {
                fetched.readPairLe(address + DESCRIPTOR_BYTES, upperHalf);
            }
        } catch (BusErrorException e) {
            return QueueError.FETCH_ERROR;
        }
        return execute(words[0], words[1]);
    }

    /** Carries out a descriptor; returns {@link #OK} or its IQEI. */
    private int execute(long word0, long word1) {
        return dispatch.isPlainPages(word0, word1) && !isUpperHalfSet()
                ? carryOut(dispatch.ofType(VtdCommand.TYPE_IOTLB), VtdCommand.TYPE_IOTLB, word0, word1, word0, word1)
                : executeAny(word0, word1);
    }

    private int executeAny(long word0, long word1) {
        int type = VtdCommand.typeOf(word0, subVersion);
        CommandCheck check = dispatch.ofType(type);
        int error = check == null ? QueueError.UNKNOWN_TYPE : check.check(word0, word1);
        if (error != OK) {
            return error;
        }
        if (isUpperHalfSet()) {
            return QueueError.RESERVED_FIELD;
        }
        return type == VtdCommand.TYPE_WAIT
                ? await(word0, word1)
                : carryOut(check, type, check.meant0(word0), check.meant1(word1), word0, word1);
    }

    /** Carries out a command that was checked: with what the unit takes of its words, and the words themselves for reports. */
    private int carryOut(CommandCheck check, int type, long meant0, long meant1, long word0, long word1) {
        Outcome outcome = dispatch.carryOut(type, meant0, meant1);
        if (outcome == Outcome.NOT_DONE) {
            return QueueError.NO_INFORMATION;
        }
        if (outcome == Outcome.NO_ANSWER && timedOut == NOBODY) {
            timedOut = type == VtdCommand.TYPE_DEVICE_TLB
                    ? DeviceTlbInvalidate.SID.getInt(word0)
                    : PasidDeviceTlbInvalidate.SID.getInt(word0);
        }
        boolean asksDevice = type == VtdCommand.TYPE_DEVICE_TLB || type == VtdCommand.TYPE_PASID_DEVICE_TLB;
        if (timedOut == NOBODY || !asksDevice) {
            effects.carriedOut(check.command(), meant0, meant1, check.name(), word0, word1);
        }
        endsWithWait = false;
        return OK;
    }

    /** The status is stored before the event is raised; after a time-out neither happens. */
    private int await(long word0, long word1) {
        boolean told = timedOut == NOBODY && (InvalidationWait.SW.isSet(word0) || InvalidationWait.IF.isSet(word0));
        if (told && InvalidationWait.SW.isSet(word0)) {
            try {
                memory.writeIntLe(
                        InvalidationWait.STATUS_ADDRESS.get(word1) & hostAddressBits,
                        InvalidationWait.STATUS_DATA.getInt(word0));
            } catch (BusErrorException | BackendException e) {
                return QueueError.FETCH_ERROR;
            }
        }
        if (told
                && InvalidationWait.IF.isSet(word0)
                && !registers.isSet(CompletionStatus.REGISTER, CompletionStatus.IWC)) {
            registers.set(CompletionStatus.REGISTER, CompletionStatus.IWC, true);
            completion.raise();
        }
        effects.waited();
        if (told) {
            effects.completed();
        }
        endsWithWait = true;
        return OK;
    }
}
