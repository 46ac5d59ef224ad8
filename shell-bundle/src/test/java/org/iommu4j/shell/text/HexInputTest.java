package org.iommu4j.shell.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class HexInputTest {
    private static HexInput of(String... arguments) {
        return new HexInput(List.of(arguments));
    }

    @Test
    void shouldReadBytesHoweverTheyAreSpaced() {
        byte[] bytes = {0x4c, 0, (byte) 0xff, 1};
        assertArrayEquals(bytes, of("4c 00 ff 01").bytes());
        assertArrayEquals(bytes, of("4C00", "FF_01").bytes());
        assertArrayEquals(bytes, of("4c,00\n\tff,01,").bytes());
        assertArrayEquals(bytes, of("0x4c", "0x00ff01").bytes());
        assertFalse(of("4c").isWords());
    }

    @Test
    void shouldReadWords() {
        assertTrue(of("0x1").isWords());
        assertArrayEquals(
                new long[] {0xd2, -1L}, of("0xd2 0xffff_ffff_ffff_ffff").words());
        assertArrayEquals(new long[] {8}, of("8").words());
    }

    @Test
    void shouldNameWhatIsWrong() {
        assertEquals("no bytes", wrong(" "));
        assertEquals("'4g' is not hexadecimal: character 'g' at 2", wrong("4g"));
        assertEquals("'0x' has no digits", wrong("0x"));
        assertEquals("3 digits are no whole number of bytes", wrong("123"));
        assertEquals(
                "'12': write 0x before every word, or bytes without 0x",
                assertThrows(IllegalArgumentException.class, () -> of("0x1 12").words())
                        .getMessage());
        assertThrows(
                IllegalArgumentException.class, () -> of("0x00112233445566778").words());
    }

    private static String wrong(String text) {
        return assertThrows(IllegalArgumentException.class, () -> of(text).bytes())
                .getMessage();
    }
}
