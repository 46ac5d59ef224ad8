package org.iommu4j.layout;

import static org.iommu4j.layout.FieldOption.about;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class WordsTest {
    private static final Layout.Builder BUILDER =
            Layout.named("structure").size(128).bigEndian().msb0().spec("test");
    private static final BitField SMALL = BUILDER.bits("small", 8, 15, about("a byte"));
    private static final BitField PAGE = BUILDER.address("page", 64, 115, about("an address"));
    private static final BitField LAST = BUILDER.bit("last", 127, about("a bit"));
    private static final Layout LAYOUT = BUILDER.build();

    @Test
    void shouldPutFieldsIntoTheirWordsAndLeaveTheRestZero() {
        byte[] bytes = Words.of(LAYOUT)
                .set(LAST, 1)
                .set(PAGE, 0x1234_5000)
                .set(SMALL, 0xab)
                .encode();
        assertArrayEquals(new byte[] {0, (byte) 0xab, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x50, 1}, bytes);
    }

    @Test
    void shouldReplaceAValueThatWasSetBefore() {
        assertArrayEquals(
                LAYOUT.encode(SMALL.of(1), 0),
                Words.of(LAYOUT).set(SMALL, 0xfe).set(SMALL, 1).encode());
    }

    @Test
    void shouldRefuseAValueThatDoesNotFit() {
        Words words = Words.of(LAYOUT);
        assertThrows(IllegalArgumentException.class, () -> words.set(SMALL, 0x100));
    }
}
