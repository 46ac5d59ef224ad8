package org.iommu4j.driver.invalidate;

import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.since;
import static org.iommu4j.layout.FieldOption.when;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

class InvalidatePartTest {
    private static final Layout.Builder BIG =
            Layout.named("big").size(128).bigEndian().msb0().spec("test");
    private static final BitField HANDLE = BIG.bits("handle", 0, 31, about("whose"));
    private static final BitField NEWER = BIG.bit("newer", 62, since(2), about("from generation 2 on"));
    private static final BitField OPTIONAL = BIG.bit("optional", 63, when("CAP"));
    private static final BitField ADDRESS = BIG.address("address", 64, 115, about("where"));
    private static final Layout BIG_LAYOUT = BIG.build();

    private static final Layout.Builder LITTLE =
            Layout.named("little").size(64).littleEndian().spec("test");
    private static final BitField LOW = LITTLE.bits("low", 31, 0, about("low half"));
    private static final BitField HIGH = LITTLE.bits("high", 63, 32, about("high half"));
    private static final Layout LITTLE_LAYOUT = LITTLE.build();

    private final Completion completion = new Completion();

    private static InvalidateRequest request(Layout layout, long... words) {
        byte[] part = layout.encode(words);
        byte[] bytes = new byte[part.length + 3];
        System.arraycopy(part, 0, bytes, 3, part.length);
        return new InvalidateRequest().set(1, 0, 0, 0, 0, 0, bytes, 3, part.length);
    }

    @Test
    void shouldReadFieldsInTheByteOrderOfTheLayout() {
        InvalidatePart big = new InvalidatePart(BIG_LAYOUT, 2);
        assertEquals(0, big.read(request(BIG_LAYOUT, 0x8000_0001_0000_0002L, 0x1234_5000L), completion));
        assertEquals(0x8000_0001L, big.get(HANDLE));
        assertEquals(0x8000_0001, big.getInt(HANDLE));
        assertTrue(big.isSet(NEWER));
        assertEquals(0x1234_5000L, big.get(ADDRESS));
        assertEquals(0x1234_5000L, big.word(1));

        InvalidatePart little = new InvalidatePart(LITTLE_LAYOUT, 1);
        assertEquals(0, little.read(request(LITTLE_LAYOUT, 0x1_0000_0002L), completion));
        assertEquals(2, little.getInt(LOW));
        assertEquals(1, little.getInt(HIGH));
    }

    @Test
    void shouldForgetTheRequestBefore() {
        InvalidatePart part = new InvalidatePart(BIG_LAYOUT, 2);
        part.read(request(BIG_LAYOUT, 2, 0x1000), completion);
        assertEquals(0, part.read(request(BIG_LAYOUT, 0, 0), completion));
        assertFalse(part.isSet(NEWER));
        assertEquals(0, part.get(ADDRESS));
    }

    @Test
    void shouldRefuseTheFirstWordWithAReservedBit() {
        InvalidatePart part = new InvalidatePart(BIG_LAYOUT, 2);
        assertEquals(Errno.EINVAL.code(), part.read(request(BIG_LAYOUT, 0x10, 0x7), completion.begin()));
        assertEquals(Rule.V34, completion.rule());
        assertEquals("reserved", completion.field());
        assertEquals(0x10, completion.value());
        assertEquals(Errno.EINVAL.code(), part.read(request(BIG_LAYOUT, 0, 0x7), completion.begin()));
        assertEquals(0x7, completion.value());
    }

    @Test
    void shouldTakeWhatNeedsANewerGenerationOrACapabilityForReserved() {
        assertEquals(
                Errno.EINVAL.code(),
                new InvalidatePart(BIG_LAYOUT, 1).read(request(BIG_LAYOUT, NEWER.of(1), 0), completion.begin()));
        assertEquals(
                Errno.EINVAL.code(),
                new InvalidatePart(BIG_LAYOUT, 2).read(request(BIG_LAYOUT, OPTIONAL.of(1), 0), completion.begin()));
    }

    @Test
    void shouldTakeWhatNeedsACapabilityThatItsClientsKnow() {
        InvalidatePart part = new InvalidatePart(BIG_LAYOUT, 2, "CAP"::equals);
        assertEquals(0, part.read(request(BIG_LAYOUT, OPTIONAL.of(1), 0), completion.begin()));
        assertTrue(part.isSet(OPTIONAL));
    }

    @Test
    void shouldShowAnOpcodeBeforeReservedBitsAreChecked() {
        InvalidatePart part = new InvalidatePart(BIG_LAYOUT, 1);
        part.take(request(BIG_LAYOUT, 0x8000_0001_0000_0010L, 0));
        assertEquals(0x8000_0001L, part.get(HANDLE));
    }

    @Test
    void shouldRefuseByAFieldWithItsPlaceAndValue() {
        InvalidatePart part = new InvalidatePart(BIG_LAYOUT, 2);
        part.read(request(BIG_LAYOUT, 0x8000_0001_0000_0000L, 0x3000), completion.begin());
        assertEquals(Errno.ENODEV.code(), part.refuse(Rule.V36, Errno.ENODEV, HANDLE, "nobody's", completion.begin()));
        assertEquals("handle", completion.field());
        assertEquals(0, completion.offset());
        assertEquals(0x8000_0001L, completion.value());
        assertEquals(Errno.EINVAL.code(), part.refuse(Rule.V35, ADDRESS, "another range", completion.begin()));
        assertEquals(BIG_LAYOUT.byteOffset(ADDRESS), completion.offset());
        assertEquals("another range", completion.reason());
    }

    @Test
    void shouldTakeWholeWordsOnly() {
        Layout.Builder half = Layout.named("half").size(32).littleEndian().spec("test");
        half.bits("all", 31, 0, about("all"));
        Layout layout = half.build();
        assertThrows(IllegalArgumentException.class, () -> new InvalidatePart(layout, 1));
    }
}
