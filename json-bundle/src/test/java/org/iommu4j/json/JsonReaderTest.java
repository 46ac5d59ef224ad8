package org.iommu4j.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Values with their places, and what exceeds a bound or is no JSON. */
class JsonReaderTest {
    private static final JsonReader READER = new JsonReader(new JsonBounds(4, 32, 2, 3, 12));

    private static JsonException refusal(String text) {
        JsonException refusal = assertThrows(JsonException.class, () -> READER.read(text));
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        JsonException ofBytes = assertThrows(JsonException.class, () -> READER.read(bytes, bytes.length));
        assertEquals(refusal.getMessage(), ofBytes.getMessage());
        assertEquals(refusal.key(), ofBytes.key());
        return refusal;
    }

    @Test
    void shouldSayWhereEachValueStands() {
        Json json = READER.read("{\"a\": 1,\n \"b\": [true, \"0x1f\"]}");

        Json first = json.object("").get("a");
        assertEquals(BigInteger.ONE, first.value());
        assertEquals(List.of(1, 7), List.of(first.line(), first.column()));
        Json hex = json.object("").get("b").list("b").get(1);
        assertEquals(0x1f, hex.number("b"));
        assertEquals(List.of(2, 14), List.of(hex.line(), hex.column()));
        assertEquals("{\"a\":1,\"b\":[true,\"0x1f\"]}", json.toText());
    }

    @Test
    void shouldReadNoMoreBytesThanTheTextHas() {
        byte[] bytes = "[1]]".getBytes(StandardCharsets.UTF_8);
        assertEquals("[1]", READER.read(bytes, 3).toText());
        assertThrows(JsonException.class, () -> READER.read(bytes, 4));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"a\":1,\"b\":2,\"c\":3} | 1 | 14 | c | more than 2 keys",
                "{\"a\":[1,2,3,4]} | 1 | 13 | a | more than 3 elements",
                "{\"a\":{\"b\":1,\"c\":2,\"d\":3,\"e\":4}} | 1 | 25 | a | more than 3 keys",
                "[[1,2,3],[1,2,3],[1,2,3]] | 1 | 23 | | more than 12 JSON values in one line",
                "1 2 | 1 | 3 | | more than one JSON value",
                "{\"a\":1,\"a\":2} | 1 | 11 | | malformed JSON: Duplicate field 'a'",
            })
    void shouldRefuseWhatExceedsABoundAndSayWhere(String text, int line, int column, String key, String message) {
        JsonException refusal = refusal(text);
        assertEquals(message, refusal.getMessage());
        assertEquals(key == null ? "" : key, refusal.key());
        assertEquals(List.of(line, column), List.of(refusal.line(), refusal.column()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "[1",
                "xyz",
                "[[[[[1]]]]]",
                "\"111111111111111111111111111111111\"",
                "{\"a\":}",
                "\"\u0085"
            })
    void shouldRefuseInOneLineWhatIsNoJson(String text) {
        String message = refusal(text).getMessage();
        assertTrue(message.codePoints().noneMatch(Character::isISOControl), message);
    }

    @Test
    void shouldRefuseBytesThatAreNoText() {
        byte[] bytes = {0, 0, 0, '{', -1, -1, -1, -1};
        JsonException refusal = assertThrows(JsonException.class, () -> READER.read(bytes, bytes.length));
        assertTrue(refusal.getMessage().startsWith("malformed text: "), refusal.getMessage());
    }

    @Test
    void shouldNameTheKeyOfAValueThatIsNotWhatIsAsked() {
        Json text = READER.read("\"12\"");
        JsonException refusal = assertThrows(JsonException.class, () -> text.number("pa"));
        assertEquals("pa", refusal.key());
        assertEquals("not a number (a JSON number, or a string as \"0x1f\")", refusal.getMessage());
        Json negative = READER.read("-1");
        assertEquals(-1, negative.signed("pa"));
        assertThrows(JsonException.class, () -> negative.number("pa"));
        assertThrows(
                JsonException.class, () -> READER.read("18446744073709551616").number("pa"));
        assertEquals(-1, READER.read("18446744073709551615").number("pa"));
    }
}
