package org.iommu4j.upgrade.capture;

import java.io.Closeable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.capture.CallRecords;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.json.JsonLines;
import org.iommu4j.upgrade.json.JsonObject;

/** The machine as it stood when the capture stopped it: registers, pages of tables, and every mapping in them. */
public final class FrozenImage {
    /** Registers. */
    public static final String REGISTERS = "frozen/regs.json";

    /** Pages. */
    public static final String PAGES = "frozen/pages.jsonl.gz";

    /** Mappings. */
    public static final String WALKS = "frozen/walks.jsonl.gz";

    /** Most pages that all units of a machine hold together: 64 MiB, a quarter of what the tools have. */
    static final int MAX_PAGES = 1 << 14;

    private static final String STOPPED_AT = "freeze_t";
    private static final int PAGE_BYTES = 4096;

    private final Path directory;
    private final CaptureFormat format;
    private final CapturedUnits units;
    private final Map<String, Long> registers;
    private final Map<String, List<CaptureRecord.Call>> calls;

    private FrozenImage(
            Path directory,
            CaptureFormat format,
            CapturedUnits units,
            Map<String, Long> registers,
            Map<String, List<CaptureRecord.Call>> calls) {
        this.directory = directory;
        this.format = format;
        this.units = units;
        this.registers = Map.copyOf(registers);
        this.calls = Map.copyOf(calls);
    }

    static FrozenImage of(Path directory, CaptureFormat format, JsonObject registers) {
        CapturedUnits units = new CapturedUnits(format, registers);
        CallRecords.FrozenCalls bringUp = format.calls().bringUp();
        Map<String, List<CaptureRecord.Call>> calls = new HashMap<>();
        if (bringUp.listKey() != null) {
            for (JsonObject object : registers.objects(bringUp.listKey())) {
                String unit = units.described(object);
                List<CaptureRecord.Call> ofUnit = calls.computeIfAbsent(unit, name -> new ArrayList<>());
                bringUp.rules().stream()
                        .map(rule ->
                                CallReader.apply(rule, object, format.model().payloadOrder()))
                        .filter(Objects::nonNull)
                        .forEach(ofUnit::add);
            }
        }
        return new FrozenImage(directory, format, units, registers.numbers(), calls);
    }

    /** The units that the registers describe. */
    CapturedUnits units() {
        return units;
    }

    /**
     * Registers by name.
     *
     * @param unit of a machine that has several; of any other one they are the machine's
     */
    public Map<String, Long> registers(String unit) {
        Map<String, Long> ofUnit = units.registers(unit);
        return ofUnit == null ? registers : ofUnit;
    }

    /** The calls that bring a unit up from what its registers say. */
    public List<CaptureRecord.Call> calls(String unit) {
        return calls.getOrDefault(unit, calls.getOrDefault("", List.of()));
    }

    /** True if the registers say when the machine was stopped. */
    public boolean wasStopped() {
        return registers.containsKey(STOPPED_AT);
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
     * Copies all pages into the memory of one unit.
     *
     * @param copies how many units of the machine get the pages; the more there are, the fewer pages each may have
     * @return how many; 0 if the guest's tables are not in its memory
     * @throws CaptureException if they cannot be read, or all copies together are more than {@link #MAX_PAGES}
     */
    public int loadPages(PhysicalMemory memory, int copies) {
        int most = MAX_PAGES / copies;
        int count = 0;
        if (!format.calls().bringUp().pages()) {
            return count;
        }
        try (JsonLines lines = CaptureLines.open(directory, PAGES)) {
            while (lines.next()) {
                JsonObject line = lines.object();
                if (count == most) {
                    throw line.reject(
                            "pa",
                            "is one page too many: the " + copies + " units of the machine hold at most " + MAX_PAGES
                                    + " pages together, each a copy");
                }
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
     * @param scan tells the machine's units
     * @throws CaptureException if it cannot be read
     */
    public Walks walks(CaptureScan scan) {
        return new Walks(scan);
    }

    /**
     * One mapping.
     *
     * @param unit of the machine, which translates for the device; one of {@link CaptureScan#units}
     * @param requester whose
     * @param passThrough true if no address of the device is translated: all pass, or with {@code perm} 0 none does
     * @param iova first address; 0 if {@code passThrough}
     * @param pa where it goes
     * @param perm 1 read, 2 write, 3 both, 0 none
     * @param sizeBytes size of the page
     */
    public record Walk(String unit, int requester, boolean passThrough, long iova, long pa, int perm, long sizeBytes) {}

    /** The mappings, one at a time. */
    public final class Walks implements Closeable {
        private final JsonLines lines = CaptureLines.open(directory, WALKS);
        private final CaptureScan scan;

        private Walks(CaptureScan scan) {
            this.scan = scan;
        }

        /**
         * The next mapping, or null at the end.
         *
         * @throws CaptureException if it is cut or malformed, or names a unit that the capture does not describe
         */
        public Walk next() {
            if (!lines.next()) {
                return null;
            }
            JsonObject line = lines.object();
            int requester = (int) line.number("dev", 0, format.lastRequester());
            String unit = unit(line, requester);
            if (line.isNull("iova")) {
                boolean refused = !line.isNull("abort") && line.truth("abort");
                return new Walk(unit, requester, true, 0, 0, refused ? 0 : 3, 0);
            }
            long size = line.number("size", 1, Long.MAX_VALUE);
            if (Long.bitCount(size) != 1) {
                throw line.reject("size", "is not a power of two");
            }
            return new Walk(
                    unit,
                    requester,
                    false,
                    line.number("iova"),
                    line.number("pa"),
                    (int) line.number("perm", 0, 3),
                    size);
        }

        private String unit(JsonObject line, int requester) {
            String named = units.of(line, requester);
            boolean unnamed = scan.units().containsKey("");
            if (!named.isEmpty() && !unnamed && !scan.units().containsKey(named)) {
                throw line.reject(
                        "dev", CapturedUnits.undescribed(named, scan.units().keySet()));
            }
            if (named.isEmpty() && scan.hasSeveralUnits()) {
                throw line.reject(
                        "dev",
                        "belongs to no unit of "
                                + String.join(", ", scan.units().keySet()));
            }
            return scan.unitOf(named);
        }

        @Override
        public void close() {
            lines.close();
        }
    }
}
