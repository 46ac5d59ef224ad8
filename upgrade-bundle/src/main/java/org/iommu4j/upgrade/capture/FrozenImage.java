package org.iommu4j.upgrade.capture;

import java.io.Closeable;
import java.nio.file.Path;
import java.util.Map;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.upgrade.CaptureException;

/** The machine as it stood when the capture stopped it: registers, pages of tables, and every mapping in them. */
public final class FrozenImage {
    /** Registers. */
    public static final String REGISTERS = "frozen/regs.json";

    /** Pages. */
    public static final String PAGES = "frozen/pages.jsonl.gz";

    /** Mappings. */
    public static final String WALKS = "frozen/walks.jsonl.gz";

    private static final int PAGE_BYTES = 4096;

    private final Path directory;
    private final Map<String, Long> registers;

    FrozenImage(Path directory, Map<String, Long> registers) {
        this.directory = directory;
        this.registers = Map.copyOf(registers);
    }

    /** Registers by name. */
    public Map<String, Long> registers() {
        return registers;
    }

    /**
     * Copies all pages into memory.
     *
     * @return how many
     * @throws CaptureException if they cannot be read
     */
    public int loadPages(PhysicalMemory memory) {
        int count = 0;
        JsonLine line = new JsonLine();
        try (LineReader lines = new LineReader(directory, PAGES)) {
            while (lines.next()) {
                line.parse(lines);
                long pa = line.number("pa");
                if (pa % PAGE_BYTES != 0 || pa >>> 52 != 0) {
                    throw line.reject("pa", "is not a page below 2^52");
                }
                memory.write(pa, line.bytes("hex", PAGE_BYTES, PAGE_BYTES), 0, PAGE_BYTES);
                count++;
            }
        }
        return count;
    }

    /**
     * Opens the list of mappings.
     *
     * @throws CaptureException if it cannot be read
     */
    public Walks walks() {
        return new Walks(directory);
    }

    /**
     * One mapping.
     *
     * @param requester whose
     * @param passThrough true if the device's addresses are not translated at all
     * @param iova first address; 0 if {@code passThrough}
     * @param pa where it goes
     * @param perm 1 read, 2 write, 3 both, 0 none
     * @param sizeBytes size of the page
     */
    public record Walk(int requester, boolean passThrough, long iova, long pa, int perm, long sizeBytes) {}

    /** The mappings, one at a time. */
    public static final class Walks implements Closeable {
        private final LineReader lines;
        private final JsonLine line = new JsonLine();

        private Walks(Path directory) {
            lines = new LineReader(directory, WALKS);
        }

        /**
         * The next mapping, or null at the end.
         *
         * @throws CaptureException if it is cut or malformed
         */
        public Walk next() {
            if (!lines.next()) {
                return null;
            }
            line.parse(lines);
            int requester = (int) line.number("dev", 0, 0xffff_ffffL);
            if (line.isNull("iova")) {
                return new Walk(requester, true, 0, 0, 3, 0);
            }
            long size = line.number("size", 1, Long.MAX_VALUE);
            if (Long.bitCount(size) != 1) {
                throw line.reject("size", "is not a power of two");
            }
            return new Walk(
                    requester, false, line.number("iova"), line.number("pa"), (int) line.number("perm", 0, 3), size);
        }

        @Override
        public void close() {
            lines.close();
        }
    }
}
