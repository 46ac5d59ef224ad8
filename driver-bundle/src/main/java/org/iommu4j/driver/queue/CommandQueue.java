package org.iommu4j.driver.queue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Errno;
import org.iommu4j.simulation.memory.PageCursor;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Commands through a ring in memory, one completion command and one doorbell for each {@link #finish}. A command has two words of 64
 * bits, and where the ring's entries are longer, zeroes behind them. The ring is empty between two completions. Commands that do not fit are completed on the way; an error of theirs is told by the next
 * {@code finish}. Putting a command and completing it allocates nothing.
 *
 * <p>A chip that reports an error is brought to the end of the queue, and the error is told. A chip that does not go on has time
 * until the next command; then its queue is set up anew, with every cache emptied.
 */
public final class CommandQueue {
    /** Size in bytes of the two words of a command. */
    public static final int COMMAND_BYTES = 16;

    /** Entries that commands leave for completions: the regular one and those of a recovery; one entry always stays free. */
    static final int RESERVED_ENTRIES = 8;

    /** Reads of the registers before a chip counts as one that does not go on. */
    private static final int MAX_POLLS = 1000;

    private final NativePort port;
    private final PhysicalMemory memory;
    private final RingFormat format;
    private final CompletionCommand completion;
    private final QueueControl chip;

    /** Writes commands into the ring. */
    private final PageCursor commands;

    private final long ring;
    private final int indexMask;
    private final int lapMask;
    private final int mostCommands;
    private final int commandShift;
    private final boolean hasUpperHalf;
    private final int positionShift;
    private NativeCommandListener listener;

    /** The next entry; counts over two laps if the registers do. */
    private int tail;

    private int written;
    private int sequence;
    private boolean stuck;
    private Errno failure = Errno.OK;

    /**
     * A queue that is not switched on yet.
     *
     * @param ring physical address of the first entry
     */
    public CommandQueue(
            NativePort port, RingFormat format, CompletionCommand completion, QueueControl chip, long ring) {
        this.port = port;
        this.format = format;
        this.completion = completion;
        this.chip = chip;
        this.ring = ring;
        memory = port.platform().memory();
        commands = new PageCursor(memory);
        indexMask = format.entries() - 1;
        lapMask = format.laps() ? 2 * format.entries() - 1 : indexMask;
        mostCommands = format.entries() - RESERVED_ENTRIES;
        commandShift = Integer.numberOfTrailingZeros(format.commandBytes());
        hasUpperHalf = format.commandBytes() > COMMAND_BYTES;
        positionShift = format.positionShift();
    }

    /**
     * Switches the queue on, empty.
     *
     * @throws BackendException {@code EIO} if the chip does not answer
     */
    public void start() {
        tail = 0;
        written = 0;
        chip.start();
    }

    /** Writes a command, which the chip sees with the next {@link #finish}. */
    public void put(long word0, long word1) {
        if (written == mostCommands) {
            complete();
        }
        if (stuck && (failure != Errno.OK || !isRevived())) {
            // A queue that does not go on takes nothing more; what was asked is reported as not done.
            fail(Errno.EIO);
            return;
        }
        store(word0, word1);
        written++;
    }

    /**
     * Waits until every command so far is done.
     *
     * @return {@code OK}; {@code EIO} if the chip reported an error, {@code ETIMEDOUT} if it does not go on: then the commands
     *     since the last {@code finish} do not count as done
     */
    public Errno finish() {
        if (written > 0 || stuck) {
            complete();
        }
        Errno outcome = failure;
        failure = Errno.OK;
        return outcome;
    }

    /** Shows each command as it is written; null for nobody. */
    public void tap(NativeCommandListener newListener) {
        listener = newListener;
    }

    /**
     * Writes where it stands: long position of the tail as its register has it, int commands since the last completion, int last
     * number, boolean the chip did not go on, boolean an error is to be told.
     */
    public void save(SnapshotWriter out) {
        out.putLong(register(tail))
                .putInt(written)
                .putInt(sequence)
                .putBoolean(stuck)
                .putBoolean(failure != Errno.OK);
    }

    /**
     * Goes on where another stopped; tells the chip nothing.
     *
     * @throws BackendException {@code EINVAL} if the state cannot be this queue's
     */
    public void load(SnapshotReader in) {
        long position = in.getLong();
        int commandsWritten = in.getInt();
        long entry = position >>> positionShift;
        if (entry << positionShift != position
                || (entry & ~(long) lapMask) != 0
                || commandsWritten < 0
                || commandsWritten > mostCommands) {
            throw in.invalid("tail 0x" + Long.toHexString(position) + " with " + commandsWritten + " commands");
        }
        tail = (int) entry;
        written = commandsWritten;
        sequence = in.getInt();
        stuck = in.getBoolean();
        failure = in.getBoolean() ? Errno.EIO : Errno.OK;
    }

    private void store(long word0, long word1) {
        write(tail, word0, word1);
        tail = (tail + 1) & lapMask;
        if (listener != null) {
            show(word0, word1);
        }
    }

    private void write(int position, long word0, long word1) {
        long address = addressOf(position);
        commands.writePairLe(address, word0, word1);
        if (hasUpperHalf) {
            commands.writePairLe(address + COMMAND_BYTES, 0, 0);
        }
    }

    private void show(long word0, long word1) {
        listener.command(ByteBuffer.allocate(format.commandBytes())
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(word0)
                .putLong(word1)
                .array());
    }

    private void storeCompletion() {
        store(completion.word(0, sequence), completion.word(1, sequence));
    }

    private long addressOf(int position) {
        return ring + ((long) (position & indexMask) << commandShift);
    }

    private long register(int position) {
        return (long) position << positionShift;
    }

    private int head() {
        long value = port.read(format.head());
        return (int) ((value & format.headField().mask()) >>> positionShift);
    }

    private void ring() {
        port.write(format.tail(), register(tail));
    }

    private boolean hasStored() {
        return !completion.stores() || memory.readIntLe(completion.status()) == sequence;
    }

    private void complete() {
        if (!stuck) {
            sequence++;
            storeCompletion();
            ring();
            if (completion.stores() ? hasStored() : head() == tail) {
                written = 0;
                return;
            }
        }
        recover();
    }

    /** True if the chip has done meanwhile what it did not go on with. */
    private boolean hasCaughtUp() {
        if (head() != tail || !hasStored()) {
            return false;
        }
        written = 0;
        stuck = false;
        return true;
    }

    /** True if the chip goes on again, by itself or with a queue that was set up anew. */
    private boolean isRevived() {
        return hasCaughtUp() || restart();
    }

    /**
     * Sets the queue up anew after it did not go on: what was in it was reported as not done, and what it may have left in the
     * caches is dropped with everything else.
     *
     * @return true if the chip goes on
     */
    private boolean restart() {
        try {
            chip.stop();
            start();
        } catch (BackendException e) {
            return false;
        }
        sequence++;
        chip.dropEverything(this::store);
        storeCompletion();
        ring();
        return hasCaughtUp();
    }

    /**
     * Gets a queue that stopped to run to its end. Wrong commands are replaced by the completion, a time-out is cleared, a lost
     * completion is written again, and the doorbell is rung once more, as a chip may have missed it. Whatever happens, an error
     * is told unless nothing but time or the doorbell was missing.
     */
    private void recover() {
        boolean again = stuck;
        boolean rung = false;
        int completions = 0;
        for (int poll = 0; poll < MAX_POLLS; poll++) {
            QueueControl.Fault fault = chip.fault();
            int head = head();
            if (fault == QueueControl.Fault.WRONG_COMMAND) {
                fail(Errno.EIO);
                write(head, completion.word(0, sequence), completion.word(1, sequence));
                chip.clearFaults();
            } else if (fault == QueueControl.Fault.NO_ANSWER) {
                fail(Errno.EIO);
                chip.clearFaults();
            } else if (hasCaughtUp()) {
                return;
            } else if (head == tail) {
                if (++completions == RESERVED_ENTRIES) {
                    break;
                }
                fail(Errno.EIO);
                storeCompletion();
                ring();
            } else if (!rung) {
                rung = true;
                ring();
            }
        }
        stuck = true;
        fail(Errno.ETIMEDOUT);
        if (again) {
            stuck = !restart();
        }
    }

    private void fail(Errno errno) {
        if (failure == Errno.OK) {
            failure = errno;
        }
    }
}
