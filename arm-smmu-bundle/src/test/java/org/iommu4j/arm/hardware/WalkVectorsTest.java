package org.iommu4j.arm.hardware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.arm.hardware.SpecificationVectors.Row;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Accesses of docs/spec/arm-smmu.md 8.3, V90 to V194, on the image of 8.2: address, reads, event bit by bit, updated words. */
class WalkVectorsTest {
    private static final SpecificationVectors DOCUMENT = new SpecificationVectors();
    private static final Map<Long, Long> IMAGE = DOCUMENT.image();
    private static final Pattern ACCESS = Pattern.compile("([0-9A-F]+)(?:/([0-9A-F]+))? ([up])([rwx]) ([0-9a-f]+);.*");
    private static final Pattern CHANGE = Pattern.compile("\\[([0-9a-f]+)\\]=`([0-9a-f]+)`");
    private static final Pattern ABORT = Pattern.compile("\\[([0-9a-f]+)\\] aborts");
    private static final Pattern CAPABILITY = Pattern.compile("(OAS|VAX|HTTU|STALL|TERM|RECINVSID)=(\\d+)");
    private static final Pattern READS = Pattern.compile("(\\d+) reads?");
    private static final Pattern READ_ADDRESSES = Pattern.compile("; reads ([0-9a-f ]+)");
    private static final Pattern UPDATE = Pattern.compile("\\[([0-9a-f]+)\\]:=`([0-9a-f]+)`");
    private static final long STALL = 1L << 31;
    private static final long TAG = 0xFFFF;

    static Stream<Row> accesses() {
        return DOCUMENT.rows(90, 194).stream()
                .filter(row -> ACCESS.matcher(row.input()).matches());
    }

    @Test
    void shouldFindAllRowsOfTheDocument() {
        assertEquals(92, accesses().count());
        assertEquals(0x200000002000000bL, IMAGE.get(0x10006a00L));
        assertEquals(0x87654f47L, IMAGE.get(0x143000b38L));
    }

    private static SmmuUnit unit(Row row, CacheConfig cache) {
        SmmuUnit.Recipe recipe = SmmuUnit.recipe().cache(cache).idr("HTTU", 0);
        boolean recordsBadStreams = true;
        Matcher capability = CAPABILITY.matcher(row.input().contains("caps") ? row.input() : "");
        while (capability.find()) {
            long value = Long.parseLong(capability.group(2));
            switch (capability.group(1)) {
                case "OAS" -> recipe.idr("OAS", value == 52 ? 6 : 5);
                case "STALL" -> recipe.idr("STALL_MODEL", value);
                case "TERM" -> recipe.idr("TERM_MODEL", value);
                case "RECINVSID" -> recordsBadStreams = value != 0;
                default -> recipe.idr(capability.group(1), value);
            }
        }
        SmmuUnit unit = recipe.make();
        IMAGE.forEach((address, word) -> unit.store(address, word));
        Matcher change = CHANGE.matcher(row.input());
        while (change.find()) {
            unit.store(SpecificationVectors.hex(change.group(1)), SpecificationVectors.hex(change.group(2)));
        }
        Matcher abort = ABORT.matcher(row.input());
        while (abort.find()) {
            unit.machine.aborting.add(SpecificationVectors.hex(abort.group(1)));
        }
        unit.machine.aborting.add(0xDEAD00000000L);
        return unit.translating(recordsBadStreams);
    }

    private static List<String> translate(SmmuUnit unit, Row row) {
        Matcher parts = ACCESS.matcher(row.input());
        assertTrue(parts.matches());
        int substream = parts.group(2) == null ? DmaAccess.NO_PASID : Integer.parseInt(parts.group(2), 16);
        int rights = switch (parts.group(4)) {
            case "r" -> DmaAccess.READ;
            case "w" -> DmaAccess.WRITE;
            default -> DmaAccess.EXECUTE;
        };
        List<String> reads = new ArrayList<>();
        unit.access.explainTo((what, pa, word) -> {
            if (what.startsWith("stage-")) {
                reads.add(Long.toHexString(pa));
            }
        });
        unit.dma(
                Integer.parseInt(parts.group(1), 16),
                substream,
                SpecificationVectors.hex(parts.group(5)),
                rights,
                parts.group(3).equals("p"));
        return reads;
    }

    @ParameterizedTest
    @MethodSource("accesses")
    void shouldComeToWhatTheDocumentSays(Row row) {
        SmmuUnit unit = unit(row, CacheConfig.NONE);
        List<String> reads = translate(unit, row);
        String expected = row.expected();
        List<Long> quoted = SpecificationVectors.quoted(expected.replaceAll("\\[[0-9a-f]+\\]:=`[0-9a-f]+`", ""));
        List<long[]> events = unit.events();
        if (expected.startsWith("PA")) {
            assertEquals(Outcome.TRANSLATED, unit.access.outcome());
            assertEquals(Long.toHexString(quoted.get(0)), Long.toHexString(unit.access.spa()));
            Matcher count = READS.matcher(expected);
            assertTrue(count.find());
            assertEquals(Integer.parseInt(count.group(1)), reads.size(), reads.toString());
            Matcher addresses = READ_ADDRESSES.matcher(expected);
            if (addresses.find()) {
                assertEquals(List.of(addresses.group(1).strip().split(" ", -1)), reads);
            }
            assertTrue(events.isEmpty());
        } else {
            assertNotEquals(Outcome.TRANSLATED, unit.access.outcome());
            compareEvents(quoted, events);
        }
        Matcher update = UPDATE.matcher(expected);
        while (update.find()) {
            long address = SpecificationVectors.hex(update.group(1));
            assertEquals(update.group(2), String.format("%016x", unit.machine.all.readLongLe(address)));
        }
    }

    private static void compareEvents(List<Long> quoted, List<long[]> events) {
        if (quoted.isEmpty()) {
            assertTrue(events.isEmpty());
            return;
        }
        assertEquals(1, events.size());
        long[] event = events.get(0);
        assertEquals(4, quoted.size());
        if ((event[1] & STALL) != 0) {
            // The tag is the chip's choice.
            event[1] |= quoted.get(1) & TAG;
        }
        String got = String.format("%016x %016x %016x %016x", event[0], event[1], event[2], event[3]);
        String wanted =
                String.format("%016x %016x %016x %016x", quoted.get(0), quoted.get(1), quoted.get(2), quoted.get(3));
        assertEquals(wanted, got);
    }

    @ParameterizedTest
    @MethodSource("accesses")
    void shouldAnswerTheSameFromItsCaches(Row row) {
        SmmuUnit unit = unit(row, CacheConfig.WORST_CASE);
        translate(unit, row);
        Outcome outcome = unit.access.outcome();
        long spa = unit.access.spa();
        int fault = unit.access.faultCode();
        List<long[]> first = unit.events();
        translate(unit, row);
        assertEquals(outcome, unit.access.outcome());
        assertEquals(spa, unit.access.spa());
        assertEquals(fault, unit.access.faultCode());
        List<long[]> second = unit.events();
        assertEquals(first.size(), second.size());
        for (int i = 0; i < first.size(); i++) {
            long[] once = first.get(i);
            long[] again = second.get(i);
            if ((once[1] & STALL) != 0) {
                again[1] = (again[1] & ~TAG) | (once[1] & TAG);
            }
            assertArrayEquals(once, again);
        }
    }
}
