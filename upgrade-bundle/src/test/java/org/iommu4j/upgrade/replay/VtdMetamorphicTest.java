package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntUnaryOperator;
import java.util.function.LongUnaryOperator;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.CaptureRow;
import org.iommu4j.upgrade.ChangedCapture;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.Tally;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The captured VT-d guests on other machines: other places, names, widths and ways, the same answers. */
class VtdMetamorphicTest {
    private static final long PAGE = 0x000f_ffff_ffff_f000L;
    private static final int CONTEXT_CACHE = 1;
    private static final int IOTLB = 2;
    private static final int DEVICE_TLB = 3;
    private static final int WAIT = 5;
    private static final int QUEUED = 0x0110;
    private static final int REGISTERS = 0x0100;

    /** Offsets of queue registers, and of what interrupt remapping has. */
    private static final Set<Long> QUEUE = Set.of(0x80L, 0x88L, 0x90L, 0x98L, 0x9cL, 0xa0L, 0xa4L, 0xa8L, 0xb0L, 0xb8L);

    private static IommuCore core;

    @TempDir
    private Path directory;

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    private static ChangedCapture capture(String name) {
        ChangedCapture capture = ChangedCapture.of(CaptureFiles.REAL.resolve(name));
        capture.withoutWalks();
        return capture;
    }

    private void assertReplays(ChangedCapture capture, int subVersion) {
        capture.assertReplays(new Replay(core), directory.resolve("changed"), subVersion);
    }

    private static long[] words(CaptureRow command) {
        ByteBuffer bytes =
                ByteBuffer.wrap(HexFormat.of().parseHex(command.text("hex"))).order(ByteOrder.LITTLE_ENDIAN);
        return new long[] {bytes.getLong(), bytes.getLong()};
    }

    private static void words(CaptureRow command, long... words) {
        ByteBuffer bytes = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        command.set(
                "hex",
                HexFormat.of()
                        .formatHex(bytes.putLong(words[0]).putLong(words[1]).array()));
    }

    private static int type(long word0) {
        return (int) word0 & 0xf;
    }

    private static int granularity(long word0) {
        return (int) (word0 >>> 4) & 3;
    }

    private static boolean isPresentContext(CaptureRow row) {
        return row.is("mem", "what", "ctx") && (row.list("q").get(0) & 1) != 0;
    }

    /** All memory of the guest is elsewhere: its tables, its ring, and what its devices reach. */
    private static void moveMemory(ChangedCapture capture, long distance) {
        LongUnaryOperator pointer = word -> (word & 3) == 0 ? word : (word & ~PAGE) | ((word & PAGE) + distance);
        capture.each(row -> {
            switch (row.kind()) {
                case "mem" -> row.change("addr", pa -> pa + distance).change("q", 0, pointer);
                case "xlate" -> row.change("pa", pa -> pa + distance);
                case "w", "r" -> {
                    if (row.number("off") == 0x20 || row.number("off") == 0x90) {
                        row.change("val", address -> address == 0 ? 0 : address + distance);
                    }
                }
                case "cmd" -> {
                    long[] words = words(row);
                    if (type(words[0]) == WAIT) {
                        words(row, words[0], words[1] + distance);
                    }
                }
                default -> {}
            }
        });
    }

    /** Devices are in other slots of other buses. */
    private static void moveDevices(ChangedCapture capture, int change) {
        capture.each(row -> {
            if (row.kind().equals("xlate")) {
                row.change("dev", requester -> requester ^ change);
            } else if (row.is("mem", "what", "root")) {
                row.change("addr", pa -> pa ^ (change >>> 8 << 4));
            } else if (row.is("mem", "what", "ctx")) {
                row.change("addr", pa -> pa ^ ((change & 0xff) << 4));
            } else if (row.kind().equals("cmd")) {
                long[] words = words(row);
                if (type(words[0]) == DEVICE_TLB || (type(words[0]) == CONTEXT_CACHE && granularity(words[0]) == 3)) {
                    words(row, words[0] ^ (long) change << 32, words[1]);
                }
            }
        });
    }

    private static void renameDomains(ChangedCapture capture, IntUnaryOperator rename) {
        capture.each(row -> {
            if (isPresentContext(row)) {
                row.change("q", 1, word -> rename(word, 8, rename));
            } else if (row.kind().equals("cmd")) {
                long[] words = words(row);
                boolean named = type(words[0]) == IOTLB || type(words[0]) == CONTEXT_CACHE;
                if (named && granularity(words[0]) >= 2) {
                    words(row, rename(words[0], 16, rename), words[1]);
                }
            }
        });
    }

    private static long rename(long word, int shift, IntUnaryOperator rename) {
        int domain = (int) (word >>> shift) & 0xffff;
        return (word & ~(0xffffL << shift)) | ((long) rename.applyAsInt(domain) << shift);
    }

    private static void changeCapability(ChangedCapture capture, long offset, String name, LongUnaryOperator change) {
        capture.each(row -> {
            if (row.kind().equals("r") && row.number("off") == offset) {
                row.change("val", change);
            }
        });
        capture.registers(text -> {
            String key = "\"" + name + "\": \"0x";
            int begin = text.indexOf(key) + key.length();
            int end = text.indexOf('"', begin);
            long value = Long.parseUnsignedLong(text, begin, end, 16);
            return text.substring(0, begin) + Long.toHexString(change.applyAsLong(value)) + text.substring(end);
        });
    }

    /** The frozen pages and walks of a guest whose memory is elsewhere; its frozen tables begin at {@code root}. */
    private static void moveFrozenMemory(ChangedCapture capture, long root, long distance) {
        Set<Long> contextTables = new HashSet<>();
        capture.eachPage(page -> {
            if (page.number("pa") == root) {
                LongBuffer entries = pageWords(page);
                for (int i = 0; i < entries.limit(); i += 2) {
                    contextTables.add(entries.get(i) & PAGE);
                }
            }
        });
        capture.eachPage(page -> {
            boolean wide = page.number("pa") == root || contextTables.contains(page.number("pa"));
            ByteBuffer moved = ByteBuffer.allocate(1 << 12).order(ByteOrder.LITTLE_ENDIAN);
            LongBuffer words = pageWords(page);
            for (int i = 0; i < words.limit(); i++) {
                long word = words.get(i);
                boolean pointer = (word & 3) != 0 && !(wide && i % 2 == 1);
                moved.putLong(pointer ? (word & ~PAGE) | ((word & PAGE) + distance) : word);
            }
            page.set("hex", HexFormat.of().formatHex(moved.array())).change("pa", pa -> pa + distance);
        });
        capture.eachWalk(row -> row.change("pa", pa -> pa + distance));
    }

    private static LongBuffer pageWords(CaptureRow page) {
        return ByteBuffer.wrap(HexFormat.of().parseHex(page.text("hex")))
                .order(ByteOrder.LITTLE_ENDIAN)
                .asLongBuffer();
    }

    private static String unit(ChangedCapture capture, String name, long distance) {
        return String.format(
                "{\"unit\": \"%s\", \"VER\": \"0x%x\", \"CAP\": \"0x%x\", \"ECAP\": \"0x%x\", \"RTADDR\": \"0x%x\"}",
                name,
                capture.register("VER"),
                capture.register("CAP"),
                capture.register("ECAP"),
                capture.register("RTADDR") + distance);
    }

    /** Two guests' worth of devices behind two remapping units, each with tables and a queue of its own. */
    private static ChangedCapture twoUnits() {
        long distance = 0x4_0000_0000L;
        ChangedCapture capture = ChangedCapture.of(CaptureFiles.REAL.resolve("legacy-strict-nvme-e1000e"));
        ChangedCapture second = ChangedCapture.of(CaptureFiles.REAL.resolve("legacy-lazy-virtio"));
        moveFrozenMemory(second, second.register("RTADDR"), distance);
        moveMemory(second, distance);
        String units = unit(capture, "dmar0", 0) + ", " + unit(second, "dmar1", distance);
        capture.each(row -> row.set("unit", "dmar0"));
        capture.eachWalk(row -> row.set("unit", "dmar0"));
        second.each(row -> row.set("unit", "dmar1"));
        second.eachWalk(row -> row.set("unit", "dmar1"));
        capture.merge(second);
        capture.registers(text -> "{\"units\": [" + units + "], \"freeze_t\": " + capture.register("freeze_t") + "}");
        return capture;
    }

    @Test
    void shouldReplayAMachineOfTwoUnitsEachOnAChipOfItsOwn() {
        assertReplays(twoUnits(), QUEUED);

        ReplayResult result = new Replay(core)
                .replay(directory.resolve("changed"), ReplayOptions.DEFAULT.withPath(ReplayOptions.Path.DIRECT));
        assertEquals(
                List.of("dmar0", "dmar1"),
                result.units().stream().map(ReplayResult.UnitResult::unit).toList());
        assertEquals(new Tally(6098, 6098, 0), result.units().get(0).translations());
        assertEquals(new Tally(13598, 13598, 0), result.units().get(1).translations());
        assertEquals(12572, result.units().get(0).walks().equal());
        assertEquals(12613, result.units().get(1).walks().equal());
        assertEquals(0, result.registers().different(), result::toText);
    }

    @Test
    void shouldSayOnWhichUnitAWalkDiffersAndAFindingWasMade() {
        ChangedCapture capture = twoUnits();
        AtomicBoolean changed = new AtomicBoolean();
        capture.eachWalk(row -> {
            if (row.text("unit").equals("dmar1") && row.has("iova") && !changed.getAndSet(true)) {
                row.change("pa", pa -> pa ^ 0x1000);
            }
        });

        ReplayResult result =
                new Replay(core).replay(capture.write(directory.resolve("changed")), ReplayOptions.DEFAULT);

        assertEquals(1, result.walks().different(), result::toText);
        assertEquals(1, result.units().get(1).walks().different());
        assertEquals("dmar1", result.differences().get(0).unit());
        assertTrue(result.toText().contains("different: walk unit=dmar1 dev="), result::toText);
        result.findingsToJsonLines()
                .lines()
                .forEach(finding -> assertTrue(finding.startsWith("{\"unit\":\"dmar"), finding));
        assertEquals(
                result.sanitizer().findings().size(),
                result.units().stream()
                        .mapToInt(unit -> unit.sanitizer().findings().size())
                        .sum());
    }

    @Test
    void shouldTellTheUnitOfADeviceFromTheListOfDevices() {
        ChangedCapture capture = twoUnits();
        Set<String> devices = new TreeSet<>();
        capture.each(row -> {
            if (row.is("xlate", "unit", "dmar1")) {
                row.change("dev", device -> device | 0x100).drop("unit");
                devices.add("{\"dev\": \"0x" + Long.toHexString(row.number("dev")) + "\", \"unit\": \"dmar1\"}");
            } else if (row.is("mem", "unit", "dmar1") && row.text("what").equals("root")) {
                row.change("addr", pa -> pa + 0x10);
            }
        });
        capture.withoutWalks();
        capture.registers(text ->
                text.replace("\"freeze_t\"", "\"devices\": [" + String.join(", ", devices) + "], \"freeze_t\""));

        assertReplays(capture, QUEUED);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "dmar7 | key \"unit\": names unit dmar7, which the capture does not describe; it describes dmar0, dmar1",
                "      | says not which unit it concerns: dmar0, dmar1"
            })
    void shouldRefuseARecordOfAUnitThatTheCaptureDoesNotDescribe(String unit, String message) {
        ChangedCapture capture = twoUnits();
        AtomicBoolean changed = new AtomicBoolean();
        capture.each(row -> {
            if (row.kind().equals("w") && !changed.getAndSet(true)) {
                row.drop("unit");
                if (unit != null) {
                    row.set("unit", unit);
                }
            }
        });
        Path written = capture.write(directory.resolve("changed"));

        CaptureException refusal =
                assertThrows(CaptureException.class, () -> new Replay(core).replay(written, ReplayOptions.DEFAULT));

        assertTrue(refusal.getMessage().endsWith(message), refusal.getMessage());
        assertTrue(refusal.getMessage().startsWith("timeline.jsonl.gz, line "), refusal.getMessage());
    }

    @Test
    void shouldAnswerTheSameForOtherAddressesDevicesAndDomains() {
        ChangedCapture capture = capture("ats-cm-virtio-unbind");

        moveMemory(capture, 0x35_4000_0000L);
        moveDevices(capture, 0x4211);
        renameDomains(capture, domain -> domain * 3 + 1000);

        assertReplays(capture, QUEUED);
    }

    @Test
    void shouldAnswerTheSameForARingOfAnotherSize() {
        ChangedCapture capture = capture("legacy-strict-nvme-e1000e");
        int log2Pages = 2;
        long ringBytes = 4096L << log2Pages;
        long[] fetched = {0};
        long[] tails = {0, 0};
        capture.each(row -> {
            if (row.kind().equals("cmd")) {
                row.count("idx", fetched[0]++ * 16 % ringBytes / 16);
            } else if (row.kind().equals("w") && row.number("off") == 0x88) {
                tails[1] += row.number("val") - tails[0] & 0xfff;
                tails[0] = row.number("val");
                row.set("val", tails[1] % ringBytes);
            } else if (row.kind().equals("r") && row.number("off") == 0x88) {
                row.set("val", tails[1] % ringBytes);
            } else if (row.kind().equals("r") && row.number("off") == 0x80) {
                row.set("val", fetched[0] * 16 % ringBytes);
            } else if (row.has("off") && row.number("off") == 0x90) {
                row.change("val", address -> address | log2Pages);
            }
        });

        assertReplays(capture, QUEUED);
    }

    @Test
    void shouldAnswerTheSameWithOneMoreLevel() {
        ChangedCapture capture = capture("ats-cm-virtio-unbind");
        Map<Long, Long> tops = new HashMap<>();
        capture.each(row -> {
            if (isPresentContext(row)) {
                row.change("q", 0, word -> {
                    long top = tops.computeIfAbsent(word & PAGE, table -> 0x7_0000_0000L + 0x1000L * tops.size());
                    return (word & ~PAGE) | top;
                });
                row.change("q", 1, word -> word + 1);
            }
        });
        capture.replace(row -> {
            // The first entry of a table of four levels: the table of five levels leads to it by its own first entry.
            if (row.is("mem", "what", "pte") && tops.containsKey(row.number("addr") & PAGE)) {
                long table = row.number("addr") & PAGE;
                CaptureRow first = row.copy().set("addr", tops.get(table)).set("q", List.of(table | 3));
                return List.of(first, row);
            }
            return List.of(row);
        });
        changeCapability(capture, 0x8, "CAP", cap -> (cap & ~0x3f_1f00L) | (56 << 16) | (0x8 << 8));

        assertReplays(capture, QUEUED);
    }

    @Test
    void shouldAnswerTheSameWithRegistersInPlaceOfTheQueue() {
        ChangedCapture capture = capture("ats-cm-virtio-unbind");
        long withoutQueue = ~(7L << 24);
        long[] commands = {0, 0};
        capture.replace(row -> {
            boolean isRegister = row.kind().equals("w") || row.kind().equals("r");
            long offset = isRegister ? row.number("off") : -1;
            if (row.kind().equals("cmd")) {
                return throughRegisters(row, commands);
            } else if (row.kind().equals("irte") || (row.kind().equals("w") && QUEUE.contains(offset))) {
                return List.of();
            } else if (row.kind().equals("w") && offset == 0x18) {
                row.change("val", value -> value & withoutQueue);
            } else if (row.kind().equals("r") && offset == 0x1c) {
                row.change("val", value -> value & withoutQueue);
            } else if (row.kind().equals("r") && offset == 0x18) {
                row.change("val", value -> value & ~(7L << 56));
            } else if (row.kind().equals("r") && QUEUE.contains(offset)) {
                row.set("val", 0);
            } else if (row.kind().equals("r") && (offset == 0x28 || offset == 0xf8)) {
                row.set("val", commands[offset == 0x28 ? 0 : 1]);
            } else if (isPresentContext(row)) {
                row.change("q", 0, word -> word & ~0xcL);
            }
            return List.of(row);
        });
        changeCapability(capture, 0x10, "ECAP", ecap -> ecap & ~0xeL);

        assertReplays(capture, REGISTERS);
    }

    /** A command of the queue as accesses to registers; as QEMU does it, CCMD reads back its write-only fields. */
    private static List<CaptureRow> throughRegisters(CaptureRow row, long[] last) {
        long[] words = words(row);
        long granularity = granularity(words[0]);
        long domain = granularity >= 2 ? words[0] >>> 16 & 0xffff : 0;
        List<CaptureRow> accesses = new ArrayList<>();
        if (type(words[0]) == CONTEXT_CACHE) {
            long source = granularity == 3 ? words[0] >>> 32 & 0x3_ffff : 0;
            long value = granularity << 61 | source << 16 | domain;
            accesses.add(register(row, "w", 0x28, value | 1L << 63));
            last[0] = value | granularity << 59;
            accesses.add(register(row, "r", 0x28, last[0]));
        } else if (type(words[0]) == IOTLB) {
            if (granularity == 3) {
                accesses.add(register(row, "w", 0xf0, words[1]));
            }
            long value = granularity << 60 | domain << 32;
            accesses.add(register(row, "w", 0xf8, value | 1L << 63));
            last[1] = value | granularity << 57;
            accesses.add(register(row, "r", 0xf8, last[1]));
        }
        return accesses;
    }

    private static CaptureRow register(CaptureRow at, String kind, long offset, long value) {
        return CaptureRow.empty()
                .count("t", at.number("t"))
                .set("k", kind)
                .set("off", offset)
                .count("size", 8)
                .set("val", value);
    }

    @Test
    void shouldAnswerTheSameWithRegistersThatAreAccessedInHalves() {
        ChangedCapture capture = capture("legacy-lazy-virtio");
        capture.replace(row -> {
            if (row.has("size") && row.has("off") && row.number("size") == 8) {
                CaptureRow low = row.copy().count("size", 4).change("val", value -> value & 0xffff_ffffL);
                CaptureRow high = row.copy()
                        .count("size", 4)
                        .change("off", offset -> offset + 4)
                        .change("val", value -> value >>> 32);
                return List.of(low, high);
            }
            return List.of(row);
        });

        assertReplays(capture, QUEUED);
    }
}
