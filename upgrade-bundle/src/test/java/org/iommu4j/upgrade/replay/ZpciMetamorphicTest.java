package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;
import java.util.regex.Pattern;
import org.iommu4j.core.IommuCore;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.CaptureRow;
import org.iommu4j.upgrade.ChangedCapture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The captured IBM Z guests on other machines: other functions, apertures and tables, the same answers. */
class ZpciMetamorphicTest {
    private static final int REFRESH = 2;
    private static final int TABLES = 4;
    private static final long ORIGIN = ~0x3fffL;
    private static final long HANDLE = 0x8002_0000L;
    private static final int PBA = 2;
    private static final int PAL = 3;
    private static final int IOTA = 4;

    private static final Pattern FROZEN_ADDRESS = Pattern.compile("(\"pb?al?\": \"0x)([0-9a-f]+)");

    private static IommuCore core;

    @TempDir
    private Path directory;

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new ZpciBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    private static ChangedCapture capture(String name) {
        return ChangedCapture.of(CaptureFiles.TRACES.resolve("s390").resolve(name));
    }

    private void assertReplays(ChangedCapture capture, int subVersion) {
        capture.assertReplays(new Replay(core), directory.resolve("changed"), subVersion);
    }

    private static boolean registers(CaptureRow row) {
        return row.is("mpcifc", "event", "REG_IOAT");
    }

    /** Changes a doubleword of the block of a registration. */
    private static void changeBlock(CaptureRow row, int word, LongUnaryOperator change) {
        row.changeText("fib", fib -> {
            int begin = word * 16;
            long value = Long.parseUnsignedLong(fib.substring(begin, begin + 16), 16);
            return fib.substring(0, begin)
                    + String.format("%016x", change.applyAsLong(value))
                    + fib.substring(begin + 16);
        });
    }

    private static void set(ChangedCapture capture, String kind, String key, long value) {
        capture.each(row -> {
            if (row.kind().equals(kind)) {
                row.set(key, value);
            }
        });
    }

    /** The guest's addresses are others, by whole entries of a region third table. */
    private static void moveAperture(ChangedCapture capture, int entries) {
        long distance = (long) entries << 31;
        capture.each(row -> {
            row.change("start", address -> address + distance).change("iova", address -> address + distance);
            if (registers(row)) {
                changeBlock(row, PBA, address -> address + distance);
                changeBlock(row, PAL, address -> address + distance);
            } else if (row.is("mem", "what", "rte")) {
                row.change("addr", pa -> pa + 8L * entries);
            }
        });
        capture.registers(text -> FROZEN_ADDRESS
                .matcher(text)
                .replaceAll(match ->
                        match.group(1) + Long.toHexString(Long.parseUnsignedLong(match.group(2), 16) + distance)));
        capture.withoutWalks();
    }

    @Test
    void shouldAnswerTheSameForFunctionsOfOtherNamesInAnotherGroup() {
        ChangedCapture capture = capture("strict-nvme-virtionet");
        LongUnaryOperator rename = handle -> (handle & ~0xffffL) | ((handle & 0xffff) * 0x123 + 5);
        capture.each(row -> {
            row.change("handle", rename).change("new_handle", rename).change("dev", rename);
            row.change("fid", id -> id + 0x1000);
            row.changeText("r1", r1 -> {
                long value = Long.parseUnsignedLong(r1, 16);
                return String.format("%016x", (rename.applyAsLong(value >>> 32) << 32) | (value & 0xffff_ffffL));
            });
        });
        set(capture, "clp_query_pci", "pfgid", 0xf3);
        set(capture, "clp_query_grp", "group", 0xf3);
        set(capture, "clp_query_grp", "maxstbl", 0x1000);
        set(capture, "clp_query_grp", "dasm", 0xffff);
        set(capture, "clp_query_grp", "msia", 0x12345000);
        capture.registers(text -> text.replace("0x80020000", "0x80020005").replace("0x80020001", "0x80020128"));
        capture.eachWalk(row -> row.change("dev", rename));

        assertReplays(capture, REFRESH);
    }

    @Test
    void shouldAnswerTheSameInAnotherAperture() {
        ChangedCapture capture = capture("lazy-virtio");
        moveAperture(capture, 1000);
        set(capture, "clp_query_pci", "sdma", 0x100_0000_0000L);
        set(capture, "clp_query_pci", "edma", 0x3ff_ffff_ffffL);

        assertReplays(capture, REFRESH);
    }

    @Test
    void shouldAnswerTheSameThroughSegmentTables() {
        ChangedCapture capture = capture("lazy-virtio");
        Map<Long, Long> segments = new HashMap<>();
        capture.each(row -> {
            if (row.is("mem", "what", "rte") && (row.list("q").get(0) & 0x20) == 0) {
                segments.putIfAbsent(row.number("addr") & ORIGIN, row.list("q").get(0) & ORIGIN);
            }
        });
        moveAperture(capture, -2);
        set(capture, "clp_query_pci", "sdma", 0);
        set(capture, "clp_query_grp", "dtsm", 0xc0);
        capture.replace(row -> {
            if (registers(row)) {
                changeBlock(row, IOTA, iota -> segments.get(iota & ORIGIN) | 0x800);
            }
            return row.is("mem", "what", "rte") ? List.of() : List.of(row);
        });

        assertReplays(capture, TABLES);
    }

    @Test
    void shouldAnswerTheSameThroughRegionSecondTables() {
        ChangedCapture capture = capture("strict-nvme-virtionet");
        LongUnaryOperator second = origin -> origin + 0x7_0000_0000L;
        set(capture, "clp_query_grp", "dtsm", 0x60);
        capture.withoutWalks();
        capture.replace(row -> {
            if (registers(row)) {
                changeBlock(row, IOTA, iota -> second.applyAsLong(iota & ORIGIN) | 0x808);
            }
            if (row.is("mem", "what", "rte")) {
                long third = row.number("addr") & ORIGIN;
                return List.of(row.copy().set("addr", second.applyAsLong(third)).set("q", List.of(third | 0xb)), row);
            }
            return List.of(row);
        });

        assertReplays(capture, TABLES);
    }

    @Test
    void shouldLeaveFrozenFunctionsAloneThatNobodyEnabledOrRegistered() {
        ChangedCapture capture = capture("lazy-virtio");
        capture.registers(text -> text.replace(
                "\"functions\": [",
                "\"functions\": [{\"handle\": \"0x20002\", \"iota\": \"0x0\", \"pba\": \"0x0\", \"pal\": \"0x0\"},"
                        + "{\"handle\": \"0x80020003\", \"iota\": \"0x0\", \"pba\": \"0x0\", \"pal\": \"0x0\"},"));
        List<CaptureRow> queries = new ArrayList<>();
        capture.replace(row -> {
            if (row.kind().equals("clp_query_pci") && queries.isEmpty()) {
                queries.add(row);
                return List.of(row.copy().set("handle", 0x20002), row.copy().set("handle", 0x20003), row);
            }
            return List.of(row);
        });

        assertReplays(capture, REFRESH);
        assertEquals(1, queries.size());
    }

    @Test
    void shouldFollowAFunctionThatIsRegisteredAnewAndDisabled() {
        ChangedCapture capture = capture("lazy-virtio");
        CaptureRow registration = capture.timeline().stream()
                .filter(row -> registers(row) && row.number("handle") == HANDLE)
                .findFirst()
                .orElseThrow();
        long third = Long.parseUnsignedLong(registration.text("fib").substring(64, 80), 16) & ORIGIN;
        List<CaptureRow> more = new ArrayList<>();
        more.add(mpcifc(registration, 5, "DEREG_IOAT", 0));
        more.add(mpcifc(registration, 4, "REG_IOAT", 0x4000_0000));
        refresh(more, third, 0x1_4012_3000L, 0x5555_5000, 3);
        refresh(more, third, 0x1_4012_3000L, 0x6666_6200, 1);
        more.add(mpcifc(registration, 6, "REREG_IOAT", 0x4000_0000));
        refresh(more, third, 0x1_4012_3000L, 0x6666_7000, 3);
        more.add(enabling(HANDLE, 1, HANDLE & 0x7fff_ffff));
        more.add(enabling(HANDLE & 0x7fff_ffff, 0, HANDLE));
        more.add(mpcifc(registration, 4, "REG_IOAT", 0));
        refresh(more, third, 0x1_0000_9000L, 0x7777_7000, 3);
        capture.append(more);

        assertReplays(capture, REFRESH);
    }

    private static CaptureRow last(String kind) {
        return CaptureRow.empty().count("t", Long.MAX_VALUE).set("k", kind);
    }

    private static CaptureRow mpcifc(CaptureRow registration, int operation, String event, long distance) {
        CaptureRow row = registration
                .copy()
                .count("t", Long.MAX_VALUE)
                .set("event", event)
                .set("r1", String.format("%016x", HANDLE << 32 | operation));
        changeBlock(row, PBA, address -> address + distance);
        changeBlock(row, PAL, address -> address + distance);
        return row;
    }

    private static CaptureRow enabling(long handle, int operation, long after) {
        return last("clp_set_pci")
                .set("handle", handle)
                .count("oc", operation)
                .count("ndas", 1)
                .set("new_handle", after)
                .set("rsp", 0x10);
    }

    /** A refresh of one page, what it read, and an access that follows. */
    private static void refresh(List<CaptureRow> rows, long third, long iova, long entry, int granted) {
        long segments = 0x3_0000_0000L;
        long pages = 0x3_0001_0000L;
        rows.add(last("rpcit")
                .set("r1", String.format("%016x", HANDLE << 32))
                .set("start", iova)
                .set("length", 0x1000)
                .count("cc", 0));
        rows.add(read("rte", third + 8 * (iova >>> 31 & 0x7ff), segments | 7));
        rows.add(read("ste", segments + 8 * (iova >>> 20 & 0x7ff), pages));
        rows.add(read("pte", pages + 8 * (iova >>> 12 & 0xff), entry));
        rows.add(last("xlate")
                .set("dev", HANDLE)
                .set("iova", iova + 0x10)
                .count("access", 1)
                .set("pa", entry & ~0xfffL)
                .set("mask", 0xfff)
                .count("perm", granted));
    }

    private static CaptureRow read(String what, long pa, long word) {
        return last("mem").set("what", what).set("addr", pa).set("q", List.of(word));
    }
}
