package org.iommu4j.upgrade.capture;

import java.io.Closeable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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

    private static final String STOPPED_AT = "freeze_t";
    private static final int PAGE_BYTES = 4096;

    private final Path directory;
    private final Map<String, Long> registers;
    private final boolean hasPages;
    private final List<CaptureRecord.Call> calls;

    private FrozenImage(Path directory, Map<String, Long> registers, boolean hasPages, List<CaptureRecord.Call> calls) {
        this.directory = directory;
        this.registers = Map.copyOf(registers);
        this.hasPages = hasPages;
        this.calls = List.copyOf(calls);
    }

    static FrozenImage of(Path directory, CaptureModel model, JsonLine registers) {
        CallRecords.FrozenCalls bringUp = model.calls().bringUp();
        List<CaptureRecord.Call> calls = new ArrayList<>();
        if (bringUp.listKey() != null) {
            for (JsonLine object : registers.objects(bringUp.listKey())) {
                bringUp.rules().stream()
                        .map(rule -> CallReader.apply(rule, object))
                        .filter(Objects::nonNull)
                        .forEach(calls::add);
            }
        }
        return new FrozenImage(directory, registers.numbers(), bringUp.pages(), calls);
    }

    /** Registers by name. */
    public Map<String, Long> registers() {
        return registers;
    }

    /** The calls that bring the machine up from what its registers say. */
    public List<CaptureRecord.Call> calls() {
        return calls;
    }

    /**
     * The first time after the machine was stopped.
     *
     * @throws CaptureException if the registers do not say it
     */
    public long stoppedAt() {
        Long time = registers.get(STOPPED_AT);
        if (time == null) {
            throw new CaptureException(REGISTERS, 0, 0, STOPPED_AT, "is missing");
        }
        return time;
    }

    /**
     * Copies all pages into memory.
     *
     * @return how many; 0 if the guest's tables are not in its memory
     * @throws CaptureException if they cannot be read
     */
    public int loadPages(PhysicalMemory memory) {
        int count = 0;
        if (!hasPages) {
            return count;
        }
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
