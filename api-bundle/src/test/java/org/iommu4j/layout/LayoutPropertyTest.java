package org.iommu4j.layout;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.iommu4j.testing.LayoutGenerator;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** Laws that hold for every layout, told on random layouts. */
class LayoutPropertyTest {
    private static final int RUNS = 1_000;

    @Test
    void decodeShouldBeTheInverseOfEncode() {
        Property.check(RUNS, random -> {
            Layout layout = randomLayout(random);
            long[] words = new LayoutGenerator(layout).legal(random);
            byte[] bytes = layout.encode(words);

            assertEquals(layout.sizeBytes(), bytes.length);
            assertArrayEquals(words, layout.decode(bytes, 0));
        });
    }

    @Test
    void getShouldGiveWhatSetTookAndLeaveTheRest() {
        Property.check(RUNS, random -> {
            Layout layout = randomLayout(random);
            long[] other = new LayoutGenerator(layout).legal(random);
            long[] words = new LayoutGenerator(layout).legal(random);
            for (BitField field : layout.fields()) {
                long before = words[field.word()];
                long after = field.set(before, field.get(other));

                assertEquals(field.get(other), field.get(after), field::name);
                assertEquals(before & ~field.mask(), after & ~field.mask(), field::name);
            }
        });
    }

    @Test
    void legalWordsShouldHaveNothingWrongAndReservedBitsAndCodesShould() {
        Property.check(RUNS, random -> {
            Layout layout = randomLayout(random);
            int subVersion = random.nextInt(4);
            Predicate<String> capabilities = random.nextBoolean() ? "CAP"::equals : "OTHER"::equals;
            LayoutGenerator generator = new LayoutGenerator(layout, subVersion, capabilities);

            assertFalse(isWrong(layout, subVersion, capabilities, generator.legal(random)));
            for (LayoutGenerator.Sample sample : generator.boundaries()) {
                assertFalse(isWrong(layout, subVersion, capabilities, sample.words()), sample::toString);
            }
            for (LayoutGenerator.Sample sample : generator.reservedBits(random)) {
                assertTrue(isWrong(layout, subVersion, capabilities, sample.words()), sample::toString);
            }
            for (LayoutGenerator.Sample sample : generator.reservedCodes(random)) {
                assertTrue(isWrong(layout, subVersion, capabilities, sample.words()), sample::toString);
            }
        });
    }

    @Test
    void theByteOffsetShouldBeTheFirstByteThatTheFieldChanges() {
        Property.check(RUNS, random -> {
            Layout layout = randomLayout(random);
            for (BitField field : layout.fields()) {
                long[] words = new long[layout.words()];
                words[field.word()] = field.mask();
                byte[] bytes = layout.encode(words);
                int first = 0;
                while (bytes[first] == 0) {
                    first++;
                }
                assertEquals(first, layout.byteOffset(field), field::name);
            }
        });
    }

    @Test
    void theBitRangeShouldReadBackAsTheSameField() {
        Property.check(RUNS, random -> {
            Layout layout = randomLayout(random);
            for (BitField field : layout.fields()) {
                String range = layout.bits(field);
                int colon = range.indexOf(':');
                int from = Integer.parseInt(colon < 0 ? range : range.substring(0, colon));
                int to = Integer.parseInt(range.substring(colon + 1));
                Layout.Builder builder = Layout.named("again").size(layout.sizeBits());
                if (layout.numbering() == Numbering.MSB0) {
                    builder.msb0();
                }
                BitField again = builder.bits(field.name(), from, to);

                assertEquals(field.word(), again.word());
                assertEquals(field.mask(), again.mask());
            }
        });
    }

    private static boolean isWrong(Layout layout, int subVersion, Predicate<String> capabilities, long[] words) {
        return layout.describe(subVersion, capabilities, words).stream().anyMatch(FieldValue::wrong);
    }

    private static Layout randomLayout(SplittableRandom random) {
        int size = 8 * (1 + random.nextInt(24));
        Layout.Builder builder = Layout.named("random").size(size);
        boolean msb0 = random.nextBoolean();
        if (msb0) {
            builder.msb0();
        }
        if (random.nextBoolean()) {
            builder.bigEndian();
        }
        if (random.nextInt(8) == 0) {
            builder.ignoreReserved();
        }
        int bit = random.nextInt(4);
        while (bit < size) {
            int wordEnd = Math.min(size, (bit / 64 + 1) * 64);
            int last = Math.min(wordEnd - 1, bit + random.nextInt(20));
            addField(builder, "f" + bit, msb0 ? bit : last, msb0 ? last : bit, last - bit + 1, random);
            bit = last + 1 + random.nextInt(6);
        }
        return builder.build();
    }

    private static void addField(
            Layout.Builder builder, String name, int from, int to, int width, SplittableRandom random) {
        switch (random.nextInt(6)) {
            case 0 -> builder.ignored(name, from, to);
            case 1 -> builder.address(name, from, to);
            case 2 -> {
                List<Code> codes =
                        width == 1 ? List.of(Code.code(1, "one")) : List.of(Code.code(0, "none"), Code.code(2, "two"));
                builder.bits(name, from, to, FieldOption.oneOf(codes.toArray(Code[]::new)));
            }
            case 3 -> builder.bits(name, from, to, FieldOption.since(random.nextInt(4)));
            case 4 -> builder.bits(name, from, to, FieldOption.when("CAP"));
            default -> builder.bits(name, from, to);
        }
    }
}
