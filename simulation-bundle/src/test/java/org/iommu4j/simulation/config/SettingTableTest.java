package org.iommu4j.simulation.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Setting;
import org.iommu4j.contract.Errno;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

/** A made-up model with two identification registers of 32 bits in one group, as the SMMU has them, and one of each kind. */
class SettingTableTest {
    private static final int OLD = 0x100;
    private static final int NEW = 0x200;

    private static final Layout.Builder ID0_BITS =
            Layout.named("id0").size(32).littleEndian().spec("1");
    private static final BitField RANGES = ID0_BITS.bit("RANGES", 0);
    private static final BitField WIDTH = ID0_BITS.bits("WIDTH", 6, 4);
    private static final Layout ID0 = ID0_BITS.build();
    private static final Layout.Builder ID1_BITS =
            Layout.named("id1").size(32).littleEndian().spec("2");
    private static final BitField QUEUE = ID1_BITS.bits("QUEUE", 4, 0);
    private static final Layout ID1 = ID1_BITS.build();

    private static final SettingTable.Builder ROWS = SettingTable.of("Example", "any", OLD, NEW)
            .looseNames()
            .register("ID0", "id", ID0, 32, generation -> generation == NEW ? RANGES.of(1) : 0)
            .register("ID1", "id", ID1, 8, generation -> QUEUE.of(8));
    private static final SettingRow WIDTH_BITS = ROWS.field(WIDTH).coded(Map.of(32L, 0L, 40L, 2L, 48L, 5L));
    private static final SettingRow AMOUNT = ROWS.number("max_amount", 8)
            .alias("amount")
            .byDefault(generation -> generation == NEW ? 4 : 2)
            .legal("up to the default", (generation, value) -> value <= (generation == NEW ? 4 : 2))
            .about("how many");
    private static final SettingRow BUSY = ROWS.numberOption("busy", 20).most(1000);
    private static final SettingRow MODE = ROWS.choice("mode", "exact", "old");
    private static final SettingRow NOTE = ROWS.text("note");
    private static final SettingTable.Builder PART = SettingTable.of("Example", "parts", OLD, NEW);
    private static final SettingRow SIZE = PART.number("size", 16).byDefault(3);
    private static final SettingTable TABLE;

    static {
        ROWS.field(RANGES).legal("0; from 0x200 on 1", (generation, value) -> value == 0 || generation == NEW);
        ROWS.list("parts", PART.build());
        ROWS.vary(AMOUNT, (generation, random) -> 1L + random.nextInt(2));
        ROWS.vary(MODE, (generation, random) -> 1L);
        ROWS.vary(ROWS.field(QUEUE), (generation, random) -> null);
        TABLE = ROWS.build();
    }

    private static HardwareConfig config(
            int generation,
            Map<String, Map<String, Long>> fields,
            Map<String, Long> registers,
            Map<String, String> options) {
        return new HardwareConfig(generation, fields, registers, CacheConfig.DEFAULT, options);
    }

    private static SettingValues fields(int generation, String group, Map<String, Long> fields) {
        return TABLE.read(config(generation, Map.of(group, fields), Map.of(), Map.of()));
    }

    @Test
    void shouldHaveTheDefaultsOfTheGeneration() {
        SettingValues old = TABLE.defaults(OLD);
        assertEquals(0, old.register("ID0"));
        assertEquals(2, old.get(AMOUNT));
        assertFalse(old.isSet(MODE));
        assertEquals("", old.text(NOTE));
        assertEquals(List.of(), old.list("parts"));
        assertEquals(1, TABLE.defaults(NEW).register("ID0"));
        assertEquals(4, TABLE.defaults(NEW).get(AMOUNT));
    }

    @Test
    void shouldPutFieldsOverRegistersOverDefaults() {
        SettingValues chosen = TABLE.read(config(
                NEW, Map.of("id", Map.of("WIDTH", 48L, "QUEUE", 3L)), Map.of("ID0", 0x21L, "ID1", 0x1fL), Map.of()));
        assertEquals(RANGES.of(1) | WIDTH.of(5), chosen.register("ID0"));
        assertEquals(3, chosen.register("ID1"));
        assertEquals(5, chosen.get(WIDTH_BITS));
    }

    @Test
    void shouldUnderstandEveryNameOfANumberInAnyGroupAndAmongTheOptions() {
        assertEquals(1, fields(OLD, "whatever", Map.of("Max-Amount", 1L)).get(AMOUNT));
        assertEquals(1, fields(OLD, "any", Map.of("AMOUNT", 1L)).get(AMOUNT));
        SettingValues options = TABLE.read(config(
                OLD, Map.of(), Map.of(), Map.of("amount", "0x1", "busy", "1000", "mode", "OLD", "note", "text")));
        assertEquals(1, options.get(AMOUNT));
        assertEquals(1000, options.get(BUSY));
        assertTrue(options.isSet(MODE));
        assertEquals("text", options.text(NOTE));
        assertEquals(Map.of("max_amount", 1L), options.changed());
    }

    @Test
    void shouldReadAListOfGroups() {
        SettingValues chosen = TABLE.read(
                config(OLD, Map.of("parts[0]", Map.of("size", 9L), "parts[1]", Map.of()), Map.of(), Map.of()));
        assertEquals(2, chosen.list("parts").size());
        assertEquals(9, chosen.list("parts").get(0).get(SIZE));
        assertTrue(chosen.list("parts").get(0).isChosen(SIZE));
        assertEquals(3, chosen.list("parts").get(1).get(SIZE));
        assertFalse(chosen.list("parts").get(1).isChosen(SIZE));
        assertRefused(Errno.EINVAL, "parts[0].x", Map.of("parts[0]", Map.of("x", 1L)), Map.of(), Map.of());
        assertRefused(Errno.EINVAL, "parts[1]", Map.of("parts[1]", Map.of("size", 1L)), Map.of(), Map.of());
    }

    @Test
    void shouldRefuseWithTheNameAndWhatIsLegal() {
        assertRefused(Errno.EINVAL, "id.NOPE; known: QUEUE, RANGES, WIDTH", Map.of("id", Map.of("NOPE", 1L)));
        assertRefused(Errno.EINVAL, "id.QUEUE=0x20 exceeds 5 bits", Map.of("id", Map.of("QUEUE", 32L)));
        assertRefused(Errno.EPROTONOSUPPORT, "id.WIDTH=41; legal: 32, 40, 48", Map.of("id", Map.of("WIDTH", 41L)));
        assertRefused(Errno.EPROTONOSUPPORT, "id.RANGES=1", Map.of("id", Map.of("RANGES", 1L)));
        assertRefused(Errno.EPROTONOSUPPORT, "legal: up to the default", Map.of("any", Map.of("amount", 3L)));
        assertRefused(Errno.EINVAL, "any.amount=0x100", Map.of("any", Map.of("amount", 256L)));
        assertRefused(Errno.EINVAL, "ID2", Map.of(), Map.of("ID2", 0L), Map.of());
        assertRefused(Errno.EINVAL, "ID1=0x100 exceeds 8 bits", Map.of(), Map.of("ID1", 256L), Map.of());
        assertRefused(Errno.EPROTONOSUPPORT, "id.RANGES", Map.of(), Map.of("ID0", 1L), Map.of());
        assertRefused(Errno.EINVAL, "busy=1001; legal: 0..1000", Map.of(), Map.of(), Map.of("busy", "1001"));
        assertRefused(Errno.EINVAL, "mode=new; known: exact, old", Map.of(), Map.of(), Map.of("mode", "new"));
        assertRefused(Errno.EINVAL, "busy=x is no number", Map.of(), Map.of(), Map.of("busy", "x"));
        assertRefused(Errno.EINVAL, "unknown option nope", Map.of(), Map.of(), Map.of("nope", ""));
        assertRefused(Errno.EINVAL, "busy", Map.of("any", Map.of("busy", 1L)), Map.of(), Map.of());
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(BackendException.class, () -> TABLE.defaults(0x300))
                        .errno());
    }

    @Test
    void shouldRefuseTwoValuesForOneThingAndTakeOneValueTwice() {
        assertRefused(Errno.EINVAL, "max_amount", Map.of("any", Map.of("amount", 1L)), Map.of(), Map.of("amount", "2"));
        assertEquals(
                1,
                TABLE.read(config(OLD, Map.of("any", Map.of("amount", 1L)), Map.of(), Map.of("amount", "1")))
                        .get(AMOUNT));
    }

    @Test
    void shouldVaryWhatTheRowsSayAndNothingElse() {
        HardwareConfig varied = TABLE.vary(OLD, new Random(7));
        assertEquals(List.of("any"), List.copyOf(varied.fields().keySet()));
        assertEquals(Map.of("mode", "old"), varied.options());
        assertTrue(TABLE.read(varied).isSet(MODE));
        assertEquals(
                varied.fields().get("any").get("max_amount"), TABLE.read(varied).get(AMOUNT));
    }

    @Test
    void shouldDescribeEveryRowForDocumentsAndHelp() {
        Setting amount = setting("max_amount");
        assertEquals(List.of("amount"), amount.aliases());
        assertEquals("any", amount.group());
        assertEquals("up to the default", amount.values());
        assertEquals("2; from 0x200 on 4", amount.defaultsInWords());
        assertEquals("32, 40, 48", setting("WIDTH").values());
        assertEquals("32", setting("WIDTH").defaultsInWords());
        assertEquals("0..0x1f", setting("QUEUE").values());
        assertEquals("exact", setting("mode").defaultsInWords());
        assertEquals("parts[i]", setting("size").group());
    }

    private static Setting setting(String name) {
        return TABLE.settings().stream()
                .filter(setting -> setting.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static void assertRefused(Errno errno, String naming, Map<String, Map<String, Long>> fields) {
        assertRefused(errno, naming, fields, Map.of(), Map.of());
    }

    private static void assertRefused(
            Errno errno,
            String naming,
            Map<String, Map<String, Long>> fields,
            Map<String, Long> registers,
            Map<String, String> options) {
        BackendException refusal =
                assertThrows(BackendException.class, () -> TABLE.read(config(OLD, fields, registers, options)));
        assertEquals(errno, refusal.errno(), refusal.getMessage());
        assertTrue(refusal.getMessage().contains(naming), refusal.getMessage());
    }
}
