package org.iommu4j.upgrade.capture;

import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** One line of a capture's timeline. */
public sealed interface CaptureRecord {
    /** Time of the record, counted from 0; never decreases. */
    long t();

    /**
     * The guest wrote a register.
     *
     * @param t place in time
     * @param offset in bytes from the start of the register block
     * @param sizeBytes 4 or 8
     * @param value that was written
     */
    record RegisterWrite(long t, long offset, int sizeBytes, long value) implements CaptureRecord {}

    /**
     * A register was read, by the guest or by the capture when it stopped the machine.
     *
     * @param t place in time
     * @param offset in bytes from the start of the register block
     * @param sizeBytes 4 or 8
     * @param value that came back
     */
    record RegisterRead(long t, long offset, int sizeBytes, long value) implements CaptureRecord {}

    /**
     * The hardware fetched a queue entry.
     *
     * @param t place in time
     * @param slot in the ring
     * @param hex its bytes in memory order; null where the capture could not know them
     * @param event its decoded name; null if the capture has none
     * @param substitute true if the bytes are those of a command that drops at least as much as this one, whose own are not known
     */
    record Command(long t, int slot, String hex, String event, boolean substitute) implements CaptureRecord {
        /** The bytes; only if {@link #hex} is not null. */
        public byte[] bytes() {
            return HexFormat.of().parseHex(hex);
        }
    }

    /**
     * The hardware read an entry of a remapping structure: so it stood in the guest's memory.
     *
     * @param t place in time
     * @param what kind of structure, as the format names it
     * @param pa where, a multiple of 8
     * @param words 64-bit words as values
     */
    record TableRead(long t, String what, long pa, List<Long> words) implements CaptureRecord {
        /** Copies the list. */
        public TableRead {
            words = List.copyOf(words);
        }
    }

    /**
     * A device asked for a translation.
     *
     * @param t place in time
     * @param requester requester id, stream ID, LIOBN or function handle
     * @param iova address, or the start of its page in stock runs
     * @param access 1 read, 2 write, 0 none, {@link #UNKNOWN} if the capture does not know
     * @param pa where it goes, or the start of the page there
     * @param mask size of the page in bytes - 1; {@link #UNKNOWN} if the capture does not know
     * @param perm 1 read, 2 write, 3 both, 0 none, {@link #UNKNOWN} if the capture does not know
     * @param fault why it was refused; null if it was not
     * @param hit true if the hardware answered from its cache
     * @param leaf the table entry of the page; null if the capture does not have it
     * @param domain the address space, as the capture names it; null if it does not
     */
    record Translation(
            long t,
            int requester,
            long iova,
            int access,
            long pa,
            long mask,
            int perm,
            String fault,
            boolean hit,
            Long leaf,
            String domain)
            implements CaptureRecord {
        /** Stands for what a capture does not know. */
        public static final int UNKNOWN = -1;

        private static final long SMALLEST_PAGE = 4096;

        /** True if the access was refused: a fault, or an access that the page does not allow. */
        public boolean isRefused() {
            return fault != null || (access > 0 && perm != UNKNOWN && (access & ~perm) != 0);
        }

        /** The size of the page in bytes - 1; of the smallest one if the capture does not know. */
        public long pageMask() {
            return mask == UNKNOWN ? SMALLEST_PAGE - 1 : mask;
        }

        /** The physical address, offset in the page included. */
        public long target() {
            return (pa & ~pageMask()) | (iova & pageMask());
        }

        /**
         * True if that is the physical address; of a page whose size the capture does not know, if it is in the page.
         *
         * @param spa an address that the access led to
         * @param pageBytes size of the page there; 0 if none was translated
         */
        public boolean leadsTo(long spa, long pageBytes) {
            return spa == target() || (mask == UNKNOWN && pageBytes > 0 && (spa & -pageBytes) == (pa & -pageBytes));
        }
    }

    /**
     * The guest made a hypercall or a firmware call, or executed an instruction.
     *
     * @param t place in time
     * @param kind name for statistics
     * @param call name of the call in the specification
     * @param arguments by name or by place
     * @param stored words that the guest had written to memory for it
     * @param code what it answered
     * @param results what came back beside
     * @param facts what it tells of the chip
     */
    record Call(
            long t,
            String kind,
            String call,
            List<Argument> arguments,
            Stored stored,
            long code,
            List<Result> results,
            Map<String, Long> facts)
            implements CaptureRecord {
        /** Copies the collections. */
        public Call {
            arguments = List.copyOf(arguments);
            results = List.copyOf(results);
            facts = Map.copyOf(facts);
        }

        /**
         * An argument.
         *
         * @param operand its name; null if it has a place
         * @param word index of the call's word; 0 if it has a name
         * @param value a number; 0 if it is a block of memory
         * @param hex the block's bytes; null if it is a number
         */
        public record Argument(String operand, int word, long value, String hex) {}

        /**
         * Words that the guest wrote to memory, in the byte order of the model.
         *
         * @param pa where
         * @param words what; empty if nothing
         */
        public record Stored(long pa, List<Long> words) {
            /** Nothing. */
            public static final Stored NOTHING = new Stored(0, List.of());

            /** Copies the list. */
            public Stored {
                words = List.copyOf(words);
            }
        }

        /**
         * A result.
         *
         * @param name for people
         * @param word index of the word in which it comes back; -1 if it stands in the call's block of memory
         * @param offset of a layout in the block, in bytes
         * @param layout what stands there; null for a word
         * @param field which of its fields; null for a word
         * @param value what it was
         */
        public record Result(String name, int word, int offset, Layout layout, BitField field, long value) {}
    }

    /**
     * A record that the replay counts and passes over.
     *
     * @param t place in time
     * @param kind as the format names it, or a kind that the format does not know
     * @param facts what it tells of the chip
     * @param describes true if it describes the unit that it names
     */
    record Other(long t, String kind, Map<String, Long> facts, boolean describes) implements CaptureRecord {
        /** Copies the map. */
        public Other {
            facts = Map.copyOf(facts);
        }
    }
}
