package org.iommu4j.layout;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;
import static org.iommu4j.layout.FieldOption.when;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

class LayoutTest {
    @Test
    void shouldCountBitsFromTheLeastSignificantByDefault() {
        Layout.Builder builder = Layout.named("lsb");
        BitField low = builder.bit("low", 0);
        BitField high = builder.bits("high", 63, 60);
        Layout layout = builder.build();

        assertEquals(1, low.mask());
        assertEquals(0xF000_0000_0000_0000L, high.mask());
        assertEquals("0", layout.bits(low));
        assertEquals("63:60", layout.bits(high));
    }

    @Test
    void shouldCountBitsFromTheMostSignificantOfEachWordWhenMsb0() {
        Layout.Builder builder = Layout.named("msb").size(128).msb0().bigEndian();
        BitField first = builder.bit("first", 0);
        BitField last = builder.bits("last", 124, 127);
        Layout layout = builder.build();

        assertEquals(0, first.word());
        assertEquals(Long.MIN_VALUE, first.mask());
        assertEquals(1, last.word());
        assertEquals(0xF, last.mask());
        assertEquals("0", layout.bits(first));
        assertEquals("124:127", layout.bits(last));
    }

    @Test
    void shouldCountBitsOfAShortMsb0StructureFromItsOwnTop() {
        Layout.Builder builder = Layout.named("short").size(96).msb0().bigEndian();
        BitField top = builder.bits("top", 0, 7);
        BitField tail = builder.bits("tail", 64, 71);
        Layout layout = builder.build();

        assertEquals(0xFF00_0000_0000_0000L, top.mask());
        assertEquals(0xFF00_0000L, tail.mask());
        assertEquals("64:71", layout.bits(tail));
        assertEquals(0x00FF_FFFFL, layout.reservedMask(1));
    }

    @Test
    void shouldOrderBytesAsDeclared() {
        Layout little = Layout.named("little").size(128).build();
        Layout big = Layout.named("big").size(128).bigEndian().build();

        assertEquals("08070605040302011817161514131211", hex(little.encode(0x0102030405060708L, 0x1112131415161718L)));
        assertEquals("01020304050607081112131415161718", hex(big.encode(0x0102030405060708L, 0x1112131415161718L)));
    }

    @Test
    void shouldOrderBytesOfAStructureThatEndsInsideAWord() {
        Layout little = Layout.named("little").size(96).build();
        Layout big = Layout.named("big").size(96).bigEndian().build();

        assertEquals("080706050403020114131211", hex(little.encode(0x0102030405060708L, 0x11121314)));
        assertEquals("010203040506070811121314", hex(big.encode(0x0102030405060708L, 0x11121314)));
        assertArrayEquals(
                new long[] {0x0102030405060708L, 0x11121314},
                big.decode(HexFormat.of().parseHex("ff010203040506070811121314"), 1));
    }

    @Test
    void shouldFindTheFirstByteOfAField() {
        Layout.Builder little = Layout.named("little").size(128);
        BitField a = little.bits("a", 19, 7);
        BitField b = little.bits("b", 127, 120);
        Layout littleLayout = little.build();
        Layout.Builder big = Layout.named("big").size(96).msb0().bigEndian();
        BitField c = big.bits("c", 12, 20);
        BitField d = big.bits("d", 72, 79);
        Layout bigLayout = big.build();

        assertEquals(0, littleLayout.byteOffset(a));
        assertEquals(15, littleLayout.byteOffset(b));
        assertEquals(1, bigLayout.byteOffset(c));
        assertEquals(9, bigLayout.byteOffset(d));
    }

    @Test
    void shouldKeepAnAddressInItsPlace() {
        BitField address = Layout.named("entry").address("ADDR", 51, 12);

        assertEquals(0x000F_FFFF_FFFF_F000L, address.get(-1L));
        assertEquals(0x1234_5000L, address.of(0x1234_5000L));
        assertThrows(IllegalArgumentException.class, () -> address.of(0x1234_5001L));
    }

    @Test
    void shouldNameFieldAndWidthWhenAValueDoesNotFit() {
        BitField config = Layout.named("STE").bits("Config", 3, 1);

        IllegalArgumentException failure = assertThrows(IllegalArgumentException.class, () -> config.set(0, 8));
        assertEquals("Config=0x8 exceeds 3 bits at bit 1", failure.getMessage());
        assertThrows(IllegalArgumentException.class, () -> config.set(0, -1));
        assertEquals(0xFFFF_FFFF_FFFF_FFF1L, config.set(-1L, 0));
    }

    @Test
    void shouldRefuseFieldsThatOverlap() {
        Layout.Builder builder = Layout.named("twice");
        builder.bits("a", 7, 4);
        builder.bits("b", 4, 0);

        assertThrows(IllegalStateException.class, builder::build);
    }

    @Test
    void shouldRefuseAFieldThatOverlapsIgnoredBits() {
        Layout.Builder builder = Layout.named("twice");
        builder.ignored("soft", 63, 62);
        builder.bit("b", 62);

        assertThrows(IllegalStateException.class, builder::build);
    }

    @Test
    void shouldRefuseTwoFieldsOfOneName() {
        Layout.Builder builder = Layout.named("twice");
        builder.bit("a", 0);
        builder.bit("a", 1);

        assertThrows(IllegalStateException.class, builder::build);
    }

    @Test
    void shouldRefuseBitsOutsideTheStructureOrAcrossWordsOrInTheWrongOrder() {
        assertThrows(IllegalArgumentException.class, () -> Layout.named("x").bit("a", 64));
        assertThrows(IllegalArgumentException.class, () -> Layout.named("x").bit("a", -1));
        assertThrows(IllegalArgumentException.class, () -> Layout.named("x").bits("a", 0, 7));
        assertThrows(
                IllegalArgumentException.class,
                () -> Layout.named("x").size(128).bits("a", 64, 63));
        assertThrows(
                IllegalArgumentException.class, () -> Layout.named("x").msb0().bits("a", 7, 0));
        assertThrows(
                IllegalArgumentException.class,
                () -> Layout.named("x").size(128).msb0().bits("a", 200, 210));
        assertThrows(
                IllegalArgumentException.class,
                () -> Layout.named("x").size(32).msb0().bits("a", 32, 33));
    }

    @Test
    void shouldRefuseASizeThatIsNoBytes() {
        assertThrows(IllegalArgumentException.class, () -> Layout.named("x").size(0));
        assertThrows(IllegalArgumentException.class, () -> Layout.named("x").size(12));
    }

    @Test
    void shouldRefuseCodesThatDoNotFitOrAreThereTwice() {
        assertThrows(
                IllegalArgumentException.class, () -> Layout.named("x").bits("a", 1, 0, oneOf(code(4, "too much"))));
        assertThrows(
                IllegalArgumentException.class,
                () -> Layout.named("x").bits("a", 1, 0, oneOf(code(1, "one"), code(1, "also one"))));
    }

    @Test
    void shouldReserveWhatNobodyClaims() {
        Layout.Builder builder = Layout.named("x").size(128);
        builder.bits("a", 63, 8);
        builder.ignored("soft", 3, 0);
        Layout layout = builder.build();

        assertEquals(0xF0, layout.reservedMask(0));
        assertEquals(-1L, layout.reservedMask(1));
    }

    @Test
    void shouldReserveNothingWhenReservedBitsAreIgnored() {
        Layout layout = Layout.named("x").ignoreReserved().build();

        assertEquals(0, layout.reservedMask(0));
        assertEquals(0, layout.reservedMask(0, 1, capability -> false));
    }

    @Test
    void shouldReserveFieldsOfLaterGenerationsAndAbsentCapabilities() {
        Layout.Builder builder = Layout.named("x");
        builder.bit("always", 0);
        builder.bit("later", 1, since(0x0200));
        builder.bit("gated", 2, when("PSI"));
        Layout layout = builder.build();

        assertEquals(~7L, layout.reservedMask(0));
        assertEquals(~7L, layout.reservedMask(0, 0x0200, "PSI"::equals));
        assertEquals(~5L, layout.reservedMask(0, 0x0110, "PSI"::equals));
        assertEquals(~1L, layout.reservedMask(0, 0x0110, "DT"::equals));
    }

    @Test
    void shouldDescribeFieldsCodesAndReservedBits() {
        Layout.Builder builder = Layout.named("x");
        builder.bits("kind", 1, 0, oneOf(code(1, "domain"), code(2, "page")));
        builder.bit("hint", 2, about("intermediate entries stay"));
        Layout layout = builder.build();

        assertEquals(
                List.of(
                        new FieldValue("kind", "1:0", 2, "page", false),
                        new FieldValue("hint", "2", 1, "intermediate entries stay", false),
                        new FieldValue("reserved", "5:4", 3, "must be zero", true),
                        new FieldValue("reserved", "63", 1, "must be zero", true)),
                layout.describe(0x8000_0000_0000_0036L));
        assertTrue(layout.describe(3).get(0).wrong());
    }

    @Test
    void shouldDescribeBitsOfAnUnknownFieldAsReserved() {
        Layout.Builder builder = Layout.named("x");
        builder.bit("always", 0);
        builder.bit("later", 1, since(2));
        Layout layout = builder.build();

        assertEquals(
                List.of(
                        new FieldValue("always", "0", 1, "", false),
                        new FieldValue("reserved", "1", 1, "must be zero", true)),
                layout.describe(1, capability -> true, 3));
    }

    @Test
    void shouldRefuseAWrongNumberOfWordsOrBytes() {
        Layout layout = Layout.named("x").size(128).build();

        assertThrows(IllegalArgumentException.class, () -> layout.encode(1));
        assertThrows(IllegalArgumentException.class, () -> layout.describe(1, 2, 3));
        assertThrows(IllegalArgumentException.class, () -> layout.decode(new byte[15], 0));
        assertThrows(IllegalArgumentException.class, () -> layout.decode(new byte[16], 1));
        assertThrows(IllegalArgumentException.class, () -> layout.decode(new byte[16], -1));
        assertThrows(IllegalArgumentException.class, () -> layout.decode(new byte[16], Integer.MAX_VALUE));
    }

    @Test
    void shouldFindFieldsByName() {
        Layout.Builder builder = Layout.named("x");
        BitField a = builder.bit("a", 0);
        Layout layout = builder.build();

        assertEquals(a, layout.field("a"));
        assertThrows(IllegalArgumentException.class, () -> layout.field("b"));
    }

    @Test
    void shouldTellLegalCodesFromReservedOnes() {
        BitField kind = Layout.named("x").bits("kind", 1, 0, oneOf(code(1, "domain"), code(2, "page")));

        assertEquals("page", kind.meaningOf(2));
        assertNull(kind.meaningOf(3));
        assertTrue(kind.isReservedValue(3));
        assertFalse(kind.isReservedValue(1));
    }

    @Test
    void shouldTellEntriesThatLeadSomewhereFromThoseThatDoNot() {
        Layout.Builder builder = Layout.named("x").size(128);
        BitField read = builder.bit("R", 0);
        BitField invalid = builder.bit("I", 4);
        BitField high = builder.bit("H", 64);
        Layout layout = builder.presentIfAny(read).absentIfAny(invalid).build();

        assertTrue(layout.isPresent(0x1001));
        assertFalse(layout.isPresent(0x1000));
        assertFalse(layout.isPresent(0x1011));
        assertFalse(layout.isPresent(0));
        assertThrows(IllegalArgumentException.class, () -> builder.presentIfAny(high));
        assertTrue(Layout.named("plain").build().isPresent(2));
    }

    @Test
    void shouldTellBitsThatMeanSomethingFromThoseThatHardwareIgnores() {
        Layout.Builder checked = Layout.named("checked").size(16);
        checked.bit("P", 0);
        checked.ignored("AVAIL", 3, 2);
        assertEquals(0xfff3, checked.build().significantMask(0));

        Layout.Builder lax = Layout.named("lax").ignoreReserved();
        lax.bits("A", 7, 4);
        assertEquals(0xf0, lax.build().significantMask(0));
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
