package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongUnaryOperator;
import org.iommu4j.core.IommuCore;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
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
import org.junit.jupiter.params.provider.EnumSource;

/** The captured sPAPR guests on other machines: other bridges, windows, page sizes and calls, the same answers. */
class SpaprMetamorphicTest {
    private static final int MULTI_TCE = 2;
    private static final int DYNAMIC_WINDOWS = 3;
    private static final String BRIDGE = "buid=0x800000020000000 addr=0x1800";

    private static IommuCore core;

    @TempDir
    private Path directory;

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new SpaprBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    private static ChangedCapture capture(String name) {
        return ChangedCapture.of(CaptureFiles.TRACES.resolve("spapr").resolve(name));
    }

    private void assertReplays(ChangedCapture capture, int subVersion) {
        capture.assertReplays(new Replay(core), directory.resolve("changed"), subVersion);
    }

    private static boolean isDefaultWindow(CaptureRow row, String key) {
        return (row.number(key) & 0xff) == 0;
    }

    private static boolean isIndirect(CaptureRow row) {
        return row.is("hcall", "call", "H_PUT_TCE_INDIRECT");
    }

    private static void moveToBridge(ChangedCapture capture, int bridge) {
        LongUnaryOperator liobn = number -> number | bridge << 8;
        capture.each(row -> row.change("args", 0, liobn)
                .change("liobn", liobn)
                .change("dev", liobn)
                .changeText(
                        "text",
                        text -> text.replace("liobn=0x800000", String.format("liobn=0x8000%02x", bridge))
                                .replace(
                                        "buid=0x800000020000000",
                                        "buid=0x8000000200000" + String.format("%02x", bridge))));
        capture.eachWalk(row -> row.change("dev", liobn));
    }

    private static void moveMemory(ChangedCapture capture, long distance) {
        LongUnaryOperator entry = tce -> (tce & 3) == 0 ? tce : tce + distance;
        capture.each(row -> {
            row.change("pa", pa -> pa + distance);
            if (row.is("hcall", "call", "H_PUT_TCE")) {
                row.change("args", 2, entry);
            } else if (isIndirect(row)) {
                row.set(
                        "tces",
                        row.list("tces").stream().map(entry::applyAsLong).toList());
                row.change("args", 2, list -> list + distance);
            }
        });
        capture.eachWalk(row -> row.change("pa", pa -> pa + distance));
    }

    @Test
    void shouldAnswerTheSameBehindAnotherBridgeWithMoreMemoryAndALargerWindow() {
        ChangedCapture capture = capture("noddw-nvme-e1000");

        moveToBridge(capture, 0x13);
        moveMemory(capture, 0x23_0000_0000L);
        capture.each(row -> {
            if (row.kind().equals("table") && isDefaultWindow(row, "liobn")) {
                row.count("entries", 1 << 19);
            }
        });

        assertReplays(capture, MULTI_TCE);
    }

    @Test
    void shouldAnswerTheSameForAWindowThatBeginsElsewhere() {
        ChangedCapture capture = capture("noddw-nvme-e1000");
        long distance = 0x8000_0000L;
        capture.each(row -> row.change("args", 1, address -> address + distance)
                .change("iova", address -> address + distance)
                .change("bus_offset", address -> address + distance));
        capture.eachWalk(row -> row.change("iova", address -> address + distance));

        assertReplays(capture, MULTI_TCE);
    }

    @Test
    void shouldAnswerTheSameForASecondWindowOfSmallerPages() {
        ChangedCapture capture = capture("ddw-virtio");
        int shift = 16;
        int pages = 1 << (24 - shift);
        capture.each(row -> {
            row.changeText("text", text -> text.replace("page size=0x1000000", "page size=0x10000"));
            if (row.kind().equals("xlate") && !isDefaultWindow(row, "dev")) {
                long page = row.number("iova") & 0xff_0000;
                row.change("pa", pa -> pa + page).set("mask", (1 << shift) - 1);
            }
        });
        capture.replace(row -> {
            if (!isIndirect(row)) {
                return List.of(row);
            }
            List<CaptureRow> calls = new ArrayList<>();
            List<Long> large = row.list("tces");
            for (int i = 0; i < large.size(); i++) {
                List<Long> small = new ArrayList<>();
                for (long page = 0; page < pages; page++) {
                    small.add(large.get(i) + (page << shift));
                }
                long offset = (long) i << 24;
                calls.add(row.copy()
                        .set("tces", small)
                        .change("args", 1, address -> address + offset)
                        .change("args", 3, count -> pages));
            }
            return calls;
        });
        capture.eachWalk(row -> row.set("size", 1 << shift));

        assertReplays(capture, DYNAMIC_WINDOWS);
    }

    @Test
    void shouldAnswerTheSameForCallsOfOneEntry() {
        ChangedCapture capture = capture("noddw-nvme-e1000");
        capture.replace(row -> {
            if (!isIndirect(row)) {
                return List.of(row);
            }
            List<CaptureRow> calls = new ArrayList<>();
            List<Long> args = row.list("args");
            List<Long> entries = row.list("tces");
            for (int i = 0; i < entries.size(); i++) {
                calls.add(row.copy()
                        .drop("tces")
                        .set("call", "H_PUT_TCE")
                        .set("args", List.of(args.get(0), args.get(1) + ((long) i << 12), entries.get(i))));
            }
            return calls;
        });

        assertReplays(capture, MULTI_TCE);
    }

    @Test
    void shouldFollowWindowsThatGoAndComeAgain() {
        ChangedCapture capture = capture("ddw-virtio");
        long iova = 0x800_0000_0123_4567L;
        capture.append(List.of(
                ddw("ddw_remove liobn=0x80000001"),
                access(0x8000_0001L, iova, 1, 0, 0xffff, 0),
                ddw("ddw_query " + BRIDGE + ", 1 windows available, max window size=0x80000000, mask=0x107"),
                ddw("ddw_create " + BRIDGE + ", page size=0x10000, requested=0x20000000,"
                        + " start addr=0x800000000000000, liobn=0x80000001"),
                access(0x8000_0001L, iova, 1, 0, 0xffff, 0),
                put(0x8000_0001L, 0x800_0000_0123_0000L, 0x777_0001, 0),
                access(0x8000_0001L, iova, 1, 0x777_0000, 0xffff, 1),
                access(0x8000_0001L, iova, 2, 0x777_0000, 0xffff, 1),
                put(0x8000_0001L, 0x800_0000_2000_0000L, 0x777_0003, -4),
                ddw("ddw_reset " + BRIDGE),
                put(0x8000_0000L, 0x5000, 0x123_2003, 0),
                access(0x8000_0000L, 0x5432, 2, 0x123_2000, 0xfff, 3)));

        assertReplays(capture, DYNAMIC_WINDOWS);
    }

    /** Two guests' worth of calls behind two bridges, the second one with dynamic windows. */
    private static ChangedCapture twoBridges() {
        ChangedCapture capture = capture("noddw-nvme-e1000");
        ChangedCapture second = capture("ddw-virtio");
        moveToBridge(second, 1);
        capture.merge(second);
        return capture;
    }

    @Test
    void shouldReplayAMachineOfTwoBridgesEachOnAChipOfItsOwn() {
        ChangedCapture capture = twoBridges();

        assertReplays(capture, MULTI_TCE);
        ReplayResult result = new Replay(core).replay(directory.resolve("changed"), ReplayOptions.DEFAULT);
        assertEquals(
                List.of("0", "1"),
                result.units().stream().map(ReplayResult.UnitResult::unit).toList());
        assertEquals(DYNAMIC_WINDOWS, result.units().get(1).subVersion());
        assertEquals(new Tally(5665, 5665, 0), result.units().get(0).translations());
        assertEquals(new Tally(10814, 10814, 0), result.units().get(1).translations());
        assertEquals(32, result.units().get(1).walks().equal());
        assertTrue(
                result.toText().contains("unit 1: 0x0003, translations 10814 equal and 0 different"), result::toText);
        assertTrue(result.toJson().contains("\"units\":[{\"unit\":\"0\""), result::toJson);
    }

    @ParameterizedTest
    @EnumSource(ReplayOptions.Path.class)
    void shouldSayOnWhichBridgeATranslationDiffers(ReplayOptions.Path path) {
        ChangedCapture capture = twoBridges();
        AtomicBoolean changed = new AtomicBoolean();
        capture.each(row -> {
            if (row.kind().equals("xlate") && row.number("dev") == 0x8000_0101L && !changed.getAndSet(true)) {
                row.change("pa", pa -> pa ^ 0x1000_0000);
            }
        });

        ReplayResult result = new Replay(core)
                .replay(capture.write(directory.resolve("changed")), ReplayOptions.DEFAULT.withPath(path));

        assertEquals(1, result.differences().size(), result::toText);
        assertEquals("1", result.differences().get(0).unit());
        assertEquals(1, result.units().get(1).translations().different());
        assertEquals(0, result.units().get(0).translations().different());
        assertTrue(result.toText().contains("different: translation unit=1 t="), result::toText);
    }

    @Test
    void shouldRefuseARecordOfABridgeThatNoRecordDescribes() {
        ChangedCapture capture = capture("noddw-nvme-e1000");
        capture.append(List.of(access(0x8000_0500L, 0, 1, 0, 0xfff, 0)));
        Path changed = capture.write(directory.resolve("changed"));

        CaptureException refusal =
                assertThrows(CaptureException.class, () -> new Replay(core).replay(changed, ReplayOptions.DEFAULT));

        assertEquals(
                "timeline.jsonl.gz, line 8740: names unit 5, which the capture does not describe; it describes 0",
                refusal.getMessage());
    }

    private static CaptureRow last(String kind) {
        return CaptureRow.empty().count("t", Long.MAX_VALUE).set("k", kind);
    }

    private static CaptureRow ddw(String text) {
        return last("ddw").set("text", text);
    }

    private static CaptureRow put(long liobn, long iova, long entry, long answer) {
        return last("hcall")
                .set("call", "H_PUT_TCE")
                .set("args", List.of(liobn, iova, entry))
                .count("ret", answer);
    }

    private static CaptureRow access(long liobn, long iova, int rights, long pa, long mask, int granted) {
        return last("xlate")
                .set("dev", liobn)
                .set("iova", iova)
                .count("access", rights)
                .set("pa", pa)
                .set("mask", mask)
                .count("perm", granted);
    }
}
