package org.iommu4j.driver.invalidate;

import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.when;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.HexFormat;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

class PartWordsTest {
    private static final Layout.Builder PART =
            Layout.named("part").size(128).bigEndian().msb0().spec("test");
    private static final BitField HANDLE = PART.bits("handle", 0, 31, about("whose"));
    private static final BitField OPTIONAL = PART.bit("optional", 64, when("CAP"));
    private static final PartWords WORDS = new PartWords(PART.build(), 1);

    private static InvalidateRequest request(byte... payload) {
        return new InvalidateRequest().set(0, 0, 0, 0, 0, 1, payload, 0, payload.length);
    }

    @Test
    void shouldTakeWhatNeedsACapabilityForReserved() {
        InvalidateRequest request = request(WORDS.layout().encode(HANDLE.of(1), OPTIONAL.mask()));
        Completion completion = new Completion();
        assertEquals(-Rule.V34.errno().number(), WORDS.checkReserved(request, completion));
        assertEquals(8, completion.offset());
        PartWords known = new PartWords(WORDS.layout(), 1, "CAP"::equals);
        assertEquals(0, known.checkReserved(request, new Completion()));
    }

    @Test
    void shouldRefuseAnotherLength() {
        Completion completion = new Completion();
        assertEquals(-Rule.V33.errno().number(), WORDS.checkLength(request(new byte[15]), completion));
        assertEquals(Rule.V33, completion.rule());
        assertEquals(0, WORDS.checkLength(request(new byte[16]), new Completion()));
    }

    @Test
    void shouldWriteWordsOfAnotherGeneration() {
        InvalidateRequest request = request(WORDS.layout().encode(HANDLE.of(5), 7));
        WORDS.put(request, 0, WORDS.word(request, 0));
        WORDS.put(request, 1, 9);
        WORDS.replace(request, 2);
        assertEquals(2, request.subVersion());
        byte[] payload = Arrays.copyOfRange(
                request.payload(), request.payloadOffset(), request.payloadOffset() + request.payloadLength());
        assertEquals("00000005000000000000000000000009", HexFormat.of().formatHex(payload));
    }
}
