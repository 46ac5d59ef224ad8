package org.iommu4j.driver.queue;

import static org.iommu4j.layout.FieldOption.about;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The producer of a queue in its three styles, against a chip that takes the commands from memory and can be made to fail. */
class CommandQueueTest {
    private static final long RING = 0x10_0000;
    private static final long STATUS = 0x20_0000;
    private static final int ENTRIES = 64;
    private static final long WRONG = 0xbad;
    private static final long DROP_ALL = 0xa11;

    /** Low bits of a completion command. */
    private static final long COMPLETION = 0x5;

    /** The styles of queues of real models. */
    @SuppressWarnings("ImmutableEnumChecker") // rows of constants
    private enum Style {
        /** A descriptor ring by offsets, a wait descriptor with 32 bits of status in its first word. */
        DESCRIPTORS(false, field(0, 63, 32)),
        /** A command queue by index and wrap bit; a synchronising command is done when it is taken. */
        COMMANDS(true, null),
        /** A command buffer by offsets, a completion with 64 bits of data in its second word. */
        COMPLETION_WAIT(false, field(1, 127, 64));

        private final boolean laps;
        private final BitField number;
        private final RingFormat format;

        Style(boolean laps, BitField number) {
            this.laps = laps;
            this.number = number;
            Register.Builder head = Register.named("HEAD").at(0x80, 64).spec("test");
            BitField headField = laps ? head.bits("HEAD", 6, 0) : head.address("HEAD", 18, 4);
            Register.Builder tail = Register.named("TAIL").at(0x88, 64).spec("test");
            BitField tailField = laps ? tail.bits("TAIL", 6, 0) : tail.address("TAIL", 18, 4);
            format = new RingFormat(ENTRIES, laps, head.build(), headField, tail.build(), tailField);
        }

        private static BitField field(int word, int high, int low) {
            Layout.Builder layout =
                    Layout.named("completion").size(128).littleEndian().spec("test");
            BitField field = layout.bits("number", high, low, about("number"));
            layout.build();
            assertEquals(word, field.word());
            return field;
        }

        private CompletionCommand completion() {
            if (number == null) {
                return CompletionCommand.whenTaken(COMPLETION, 0);
            }
            return number.word() == 0
                    ? new CompletionCommand(COMPLETION, STATUS, number, STATUS)
                    : new CompletionCommand(STATUS | COMPLETION, 0, number, STATUS);
        }
    }

    /** A chip that carries commands out as soon as the doorbell rings. */
    private static final class Chip implements NativePort, QueueControl {
        private final Platform platform =
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        private final Style style;
        private final List<Long> done = new ArrayList<>();
        private int head;
        private int tail;
        private int lostDoorbells;
        private int silentCompletions;
        private boolean dead;
        private int starts;
        private Fault fault = Fault.NONE;

        private Chip(Style style) {
            this.style = style;
        }

        private int shift() {
            return style.laps ? 0 : 4;
        }

        private void run() {
            int lap = style.laps ? 2 * ENTRIES : ENTRIES;
            while (!dead && fault == Fault.NONE && head != tail) {
                long at = RING + (head % ENTRIES) * 16L;
                long word0 = platform.memory().readLongLe(at);
                long word1 = platform.memory().readLongLe(at + 8);
                if (word0 == WRONG) {
                    fault = Fault.WRONG_COMMAND;
                    return;
                }
                boolean completes = (word0 & 0xf) == COMPLETION;
                if (completes && silentCompletions > 0) {
                    silentCompletions--;
                    fault = Fault.NO_ANSWER;
                    // A queue that stores nothing takes the command only when it is complete.
                    head = style == Style.COMMANDS ? head : (head + 1) % lap;
                    return;
                }
                head = (head + 1) % lap;
                if (!completes) {
                    done.add(word0);
                } else if (style == Style.DESCRIPTORS) {
                    platform.memory().writeIntLe(word1, (int) (word0 >>> 32));
                } else if (style == Style.COMPLETION_WAIT) {
                    platform.memory().writeLongLe(word0 & -16L, word1);
                }
            }
        }

        @Override
        public Platform platform() {
            return platform;
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return (long) (offset == 0x80 ? head : tail) << shift();
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            if (lostDoorbells > 0) {
                lostDoorbells--;
                return;
            }
            tail = (int) (value >>> shift());
            run();
        }

        @Override
        public void call(NativeCall call) {
            throw new AssertionError("no calls");
        }

        @Override
        public void start() {
            starts++;
            head = 0;
            tail = 0;
        }

        @Override
        public void stop() {
            if (dead) {
                throw new BackendException(Errno.EIO, "the chip is dead");
            }
            fault = Fault.NONE;
        }

        @Override
        public Fault fault() {
            return fault;
        }

        @Override
        public void clearFaults() {
            fault = Fault.NONE;
            run();
        }

        @Override
        public void dropEverything(Sink sink) {
            sink.put(DROP_ALL, 0);
        }
    }

    private static CommandQueue queue(Chip chip) {
        CommandQueue queue = new CommandQueue(chip, chip.style.format, chip.style.completion(), chip, RING);
        queue.start();
        return queue;
    }

    @ParameterizedTest
    @EnumSource(Style.class)
    void shouldCompleteEveryCommandOverManyLaps(Style style) {
        Chip chip = new Chip(style);
        CommandQueue queue = queue(chip);
        List<Long> asked = new ArrayList<>();
        for (int round = 0; round < 50; round++) {
            for (int i = 0; i < round * 3; i++) {
                long word = (round * 1000L + i) << 4;
                asked.add(word);
                queue.put(word, 0);
            }
            assertEquals(Errno.OK, queue.finish());
            assertEquals(asked, chip.done);
        }
        assertEquals(1, chip.starts);
    }

    @ParameterizedTest
    @EnumSource(Style.class)
    void shouldReplaceAWrongCommandAndTellItOnce(Style style) {
        Chip chip = new Chip(style);
        CommandQueue queue = queue(chip);
        queue.put(0x10, 0);
        queue.put(WRONG, 0);
        queue.put(0x20, 0);
        assertEquals(Errno.EIO, queue.finish());
        assertEquals(List.of(0x10L, 0x20L), chip.done);
        assertEquals(Errno.OK, queue.finish());
        queue.put(0x30, 0);
        assertEquals(Errno.OK, queue.finish());
        assertEquals(1, chip.starts);
    }

    @ParameterizedTest
    @EnumSource(Style.class)
    void shouldTellAnErrorOfWhatDidNotFitWithTheNextFinish(Style style) {
        Chip chip = new Chip(style);
        CommandQueue queue = queue(chip);
        queue.put(WRONG, 0);
        for (int i = 0; i < 3 * ENTRIES; i++) {
            queue.put(0x10, 0);
        }
        assertEquals(Errno.EIO, queue.finish());
        assertEquals(3 * ENTRIES, chip.done.size());
        assertEquals(Errno.OK, queue.finish());
    }

    @ParameterizedTest
    @EnumSource(Style.class)
    void shouldGoOnAfterACompletionThatWasLost(Style style) {
        Chip chip = new Chip(style);
        CommandQueue queue = queue(chip);
        chip.silentCompletions = 1;
        queue.put(0x10, 0);
        assertEquals(Errno.EIO, queue.finish());
        queue.put(0x20, 0);
        assertEquals(Errno.OK, queue.finish());
        assertEquals(List.of(0x10L, 0x20L), chip.done);
    }

    @ParameterizedTest
    @EnumSource(Style.class)
    void shouldRingOnceMoreWhenTheDoorbellWasLost(Style style) {
        Chip chip = new Chip(style);
        CommandQueue queue = queue(chip);
        chip.lostDoorbells = 1;
        queue.put(0x10, 0);
        assertEquals(Errno.OK, queue.finish());
        assertEquals(List.of(0x10L), chip.done);
    }

    @ParameterizedTest
    @EnumSource(Style.class)
    void shouldSetUpAnewAQueueThatDoesNotGoOn(Style style) {
        Chip chip = new Chip(style);
        CommandQueue queue = queue(chip);
        chip.lostDoorbells = 2;
        queue.put(0x10, 0);
        assertEquals(Errno.ETIMEDOUT, queue.finish());
        queue.put(0x20, 0);
        assertEquals(Errno.OK, queue.finish());
        assertEquals(List.of(DROP_ALL, 0x20L), chip.done);
        assertEquals(2, chip.starts);
    }

    @ParameterizedTest
    @EnumSource(Style.class)
    void shouldReportADeadChipEachTimeUntilItLives(Style style) {
        Chip chip = new Chip(style);
        CommandQueue queue = queue(chip);
        chip.dead = true;
        queue.put(0x10, 0);
        assertEquals(Errno.ETIMEDOUT, queue.finish());
        queue.put(0x20, 0);
        assertEquals(Errno.EIO, queue.finish());
        chip.dead = false;
        queue.put(0x30, 0);
        assertEquals(Errno.OK, queue.finish());
        assertEquals(List.of(DROP_ALL, 0x30L), chip.done);
    }

    @ParameterizedTest
    @EnumSource(Style.class)
    void shouldGoOnFromASavedState(Style style) {
        Chip chip = new Chip(style);
        CommandQueue queue = queue(chip);
        for (int i = 0; i < ENTRIES + 5; i++) {
            queue.put(0x10, 0);
            assertEquals(Errno.OK, queue.finish());
        }
        queue.put(0x20, 0);
        SnapshotWriter out = new SnapshotWriter(IommuModel.ofCode(0), Snapshot.Kind.TRANSLATOR, 1);
        queue.save(out.section("queue"));
        CommandQueue next = new CommandQueue(chip, style.format, style.completion(), chip, RING);
        next.load(new SnapshotReader(out.build()).section("queue"));
        next.put(0x30, 0);
        assertEquals(Errno.OK, next.finish());
        assertEquals(List.of(0x20L, 0x30L), chip.done.subList(ENTRIES + 5, ENTRIES + 7));
    }

    @ParameterizedTest
    @EnumSource(Style.class)
    void shouldRefuseAPositionThatIsNoEntryOfTheRing(Style style) {
        Chip chip = new Chip(style);
        CommandQueue queue = queue(chip);
        for (long tail : new long[] {-1, (2L * ENTRIES) << chip.shift(), style.laps ? 0x1_0000 : 8}) {
            SnapshotWriter out = new SnapshotWriter(IommuModel.ofCode(0), Snapshot.Kind.TRANSLATOR, 1);
            out.section("queue")
                    .putLong(tail)
                    .putInt(0)
                    .putInt(0)
                    .putBoolean(false)
                    .putBoolean(false);
            assertThrows(BackendException.class, () -> queue.load(new SnapshotReader(out.build()).section("queue")));
        }
    }

    @Test
    void shouldRefuseARingThatItsRegistersCannotName() {
        RingFormat good = Style.COMMANDS.format;
        assertThrows(
                IllegalArgumentException.class,
                () -> new RingFormat(2 * ENTRIES, true, good.head(), good.headField(), good.tail(), good.tailField()));
        assertThrows(
                IllegalArgumentException.class,
                () -> new RingFormat(48, true, good.head(), good.headField(), good.tail(), good.tailField()));
    }
}
