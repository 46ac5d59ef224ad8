package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.hardware.ScalableVectors.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Requests of docs/spec/intel-vtd.md 8.4 to 8.7, V41 to V182: address or fault, record bit by bit, flags in memory. */
class ScalableWalkTest {
    private static final ScalableVectors DOCUMENT = new ScalableVectors();
    private static final Map<Long, Long> IMAGE = DOCUMENT.image();
    private static final Pattern REQUEST = Pattern.compile("(TR |X )?(R|W|A|Z|PR) ([0-9a-f]+)(.*)");
    private static final Pattern TARGET = Pattern.compile("-> ([0-9a-f]+).*");
    private static final Pattern REASON = Pattern.compile("FR ([0-9a-f]+).*");
    private static final Pattern RECORD = Pattern.compile("\\b([0-9a-f]{16} [0-9a-f]{16})\\b");
    private static final Pattern RIGHTS = Pattern.compile("R=(\\d) W=(\\d)");
    private static final Pattern ANSWER = Pattern.compile("ADDR=([0-9a-f]+)");

    static Stream<Row> rows() {
        return DOCUMENT.rows(41, 182).stream();
    }

    @Test
    void shouldFindAllRowsOfTheDocument() {
        assertEquals(142, rows().count());
        assertEquals(0x10089, IMAGE.get(0x4400L));
        assertEquals(0xb0007, IMAGE.get(0x28008L));
        assertEquals(11, DOCUMENT.permissions().size());
    }

    private static ScalableUnit unit(Row row, CacheConfig cache) {
        String changed = row.cells().get(1);
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.cache = cache;
        if (changed.contains("D-SM5") || changed.startsWith("H")) {
            recipe.subVersion = VtdGeneration.HOST_PERMISSIONS;
            recipe.ecap = ScalableUnit.ECAP_5;
        }
        if (changed.contains("VER 8")) {
            recipe.ver = 0x80;
        }
        Matcher register = Pattern.compile("\\b(E?CAP)=([0-9a-f]+)").matcher(changed);
        while (register.find()) {
            long value = ScalableVectors.hex(register.group(2));
            if (register.group(1).equals("CAP")) {
                recipe.cap = value;
            } else {
                recipe.ecap = value;
            }
        }
        Matcher unreadable = Pattern.compile("unreadable ([0-9a-f]+)").matcher(changed);
        while (unreadable.find()) {
            recipe.unreadable.add(ScalableVectors.hex(unreadable.group(1)));
        }
        ScalableUnit unit = new ScalableUnit(recipe);
        IMAGE.forEach((address, word) -> {
            if (!recipe.unreadable.contains(address & -4096L)) {
                unit.memory.writeLongLe(address, word);
            }
        });
        if (changed.startsWith("H")) {
            DOCUMENT.permissions().forEach((address, word) -> {
                if (!recipe.unreadable.contains(address & -4096L)) {
                    unit.memory.writeLongLe(address, word);
                }
            });
        }
        unit.store(ScalableVectors.words(changed));
        Matcher mode = Pattern.compile("TTM=(\\d)").matcher(changed);
        unit.root(mode.find() ? Integer.parseInt(mode.group(1)) : 1, changed.contains("SSIRWE"));
        return unit.translating();
    }

    /** Sends the request; returns what becomes of it if it is one for a page. */
    private static PageRequest.Outcome send(ScalableUnit unit, Row row) {
        Matcher parts = REQUEST.matcher(row.cells().get(2));
        assertTrue(parts.matches());
        String kind = parts.group(1) == null ? "" : parts.group(1).strip();
        long address = ScalableVectors.hex(parts.group(3));
        List<String> options = List.of(parts.group(4).strip().split(" ", -1));
        int sourceId = 0x310;
        int pasid = DmaAccess.NO_PASID;
        for (String option : options) {
            if (option.matches("S[0-9a-f]+")) {
                sourceId = Integer.parseInt(option.substring(1), 16);
            } else if (option.matches("P[0-9a-f]+")) {
                pasid = Integer.parseInt(option.substring(1), 16);
            }
        }
        if (parts.group(2).equals("PR")) {
            boolean last = options.contains("LPIG=1");
            return unit.chip.request(new PageRequest(sourceId, pasid, address, true, true, false, false, last, 7));
        }
        int rights = parts.group(2).equals("W") ? DmaAccess.WRITE : DmaAccess.READ;
        if (kind.equals("TR") && !options.contains("NW")) {
            rights = DmaAccess.READ | DmaAccess.WRITE;
        }
        if (options.contains("exe")) {
            rights |= DmaAccess.EXECUTE;
        }
        unit.access.begin(sourceId, address, rights).withPasid(pasid);
        if (parts.group(2).equals("A")) {
            unit.access.asAtomic();
        }
        if (parts.group(2).equals("Z")) {
            unit.access.withLength(0);
        }
        if (options.contains("priv")) {
            unit.access.asPrivileged();
        }
        if (!kind.isEmpty()) {
            unit.access.as(kind.equals("X") ? AddressType.TRANSLATED : AddressType.TRANSLATION_REQUEST);
        }
        unit.chip.translate(unit.access);
        return null;
    }

    @ParameterizedTest
    @MethodSource("rows")
    void shouldComeToWhatTheDocumentSays(Row row) {
        ScalableUnit unit = unit(row, CacheConfig.NONE);
        List<String> reads = new ArrayList<>();
        unit.access.explainTo((what, pa, word) -> {
            if (what.contains("-stage entry")) {
                reads.add(what);
            }
        });
        PageRequest.Outcome outcome = send(unit, row);
        String expected = row.last();
        if (outcome != null) {
            assertEquals(expected.contains("IR") ? PageRequest.Outcome.INVALID : PageRequest.Outcome.DROPPED, outcome);
        } else {
            compare(unit, row, expected);
        }
        Matcher record = RECORD.matcher(expected);
        assertEquals(record.find() ? List.of(record.group(1)) : List.of(), unit.faults());
        ScalableVectors.words(expected.replaceAll("ADDR=[0-9a-f]+", ""))
                .forEach((address, word) ->
                        assertEquals(Long.toHexString(word), Long.toHexString(unit.memory.readLongLe(address))));
        Matcher count =
                Pattern.compile("(\\d+) paging-entry reads").matcher(row.cells().get(0));
        if (count.find()) {
            assertEquals(Integer.parseInt(count.group(1)), reads.size());
        }
    }

    private static void compare(ScalableUnit unit, Row row, String expected) {
        DmaAccess access = unit.access;
        Matcher target = TARGET.matcher(expected);
        Matcher reason = REASON.matcher(expected);
        Matcher rights = RIGHTS.matcher(expected);
        if (target.matches()) {
            assertEquals(Outcome.TRANSLATED, access.outcome(), () -> Integer.toHexString(access.faultCode()));
            assertEquals(target.group(1), Long.toHexString(access.spa()));
        } else if (reason.matches()) {
            assertEquals(Outcome.FAULT, access.outcome());
            assertEquals(reason.group(1), Integer.toHexString(access.faultCode()));
        } else if (expected.startsWith("passes")) {
            assertEquals(Outcome.TRANSLATED, access.outcome(), () -> Integer.toHexString(access.faultCode()));
            assertEquals(access.iova(), access.spa());
        } else if (rights.find()) {
            assertEquals(Outcome.TRANSLATED, access.outcome(), () -> Integer.toHexString(access.faultCode()));
            int granted = (rights.group(1).equals("1") ? DmaAccess.READ : 0)
                    | (rights.group(2).equals("1") ? DmaAccess.WRITE : 0);
            assertEquals(granted, access.grantedRights());
            Matcher answer = ANSWER.matcher(expected);
            if (answer.find()) {
                long page = access.spa() & -access.pageBytes();
                long size = access.pageBytes() == 4096 ? 0 : (access.pageBytes() / 2 - 1) & -4096;
                assertEquals(answer.group(1), Long.toHexString(page | size));
            }
        } else {
            assertTrue(expected.contains("R=W=U=S=0"), row::toString);
            assertEquals(Outcome.FAULT, access.outcome());
            Matcher code = Pattern.compile("\\(([0-9a-f]+)\\).*").matcher(expected);
            if (code.matches()) {
                assertEquals(code.group(1), Integer.toHexString(access.faultCode()));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void shouldAnswerTheSameFromItsCaches(Row row) {
        ScalableUnit unit = unit(row, CacheConfig.WORST_CASE);
        PageRequest.Outcome once = send(unit, row);
        Outcome outcome = unit.access.outcome();
        long spa = unit.access.spa();
        int rights = unit.access.grantedRights();
        int fault = unit.access.faultCode();
        List<String> first = unit.faults();
        PageRequest.Outcome again = send(unit, row);
        assertEquals(once, again);
        assertEquals(outcome, unit.access.outcome());
        assertEquals(Long.toHexString(spa), Long.toHexString(unit.access.spa()));
        assertEquals(rights, unit.access.grantedRights());
        assertEquals(fault, unit.access.faultCode());
        assertEquals(first, unit.faults());
    }
}
