package org.iommu4j.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.ReservedPolicy;

/** Makes legal and wrong contents of a structure from its layout, for one generation and one set of capabilities. */
public final class LayoutGenerator {
    private final Layout layout;
    private final int subVersion;
    private final Predicate<String> hasCapability;

    /** For a generation that has every field, and a chip that has every capability. */
    public LayoutGenerator(Layout layout) {
        this(layout, -1, capability -> true);
    }

    /**
     * For one generation and chip.
     *
     * @param subVersion fields of later generations are reserved
     * @param hasCapability fields gated by other capabilities are reserved
     */
    public LayoutGenerator(Layout layout, int subVersion, Predicate<String> hasCapability) {
        this.layout = layout;
        this.subVersion = subVersion;
        this.hasCapability = hasCapability;
    }

    /**
     * A structure's content and what is special about it.
     *
     * @param what names the field and what was done with it
     * @param words the content
     */
    public record Sample(String what, long[] words) {
        @Override
        public String toString() {
            return what;
        }
    }

    /** Every field with a random legal value, reserved bits zero, ignored bits random. */
    public long[] legal(SplittableRandom random) {
        long[] words = new long[layout.words()];
        for (BitField field : known()) {
            set(words, field, legalValue(field, random));
        }
        for (BitField field : layout.ignored()) {
            set(words, field, random.nextLong() & valueMask(field));
        }
        if (layout.reservedPolicy() == ReservedPolicy.IGNORED) {
            for (int word = 0; word < words.length; word++) {
                words[word] |= random.nextLong() & unclaimed(word);
            }
        }
        return words;
    }

    /**
     * For each field without codes: 0, lowest bit, highest bit, all bits; for each field with codes: every code. The other
     * fields are zero or, with codes, their first code.
     */
    public List<Sample> boundaries() {
        List<Sample> samples = new ArrayList<>();
        for (BitField field : known()) {
            if (field.codes().isEmpty()) {
                long all = valueMask(field);
                long lowest = Long.lowestOneBit(all);
                long highest = Long.highestOneBit(all);
                samples.add(plain(field, 0));
                samples.add(plain(field, lowest));
                if (highest != lowest) {
                    samples.add(plain(field, highest));
                    samples.add(plain(field, all));
                }
            } else {
                for (Code code : field.codes()) {
                    samples.add(plain(field, code.value()));
                }
            }
        }
        return samples;
    }

    /** For each reserved bit: a legal structure in which exactly that bit is set besides. Empty if reserved bits are ignored. */
    public List<Sample> reservedBits(SplittableRandom random) {
        List<Sample> samples = new ArrayList<>();
        for (int word = 0; word < layout.words(); word++) {
            long reserved = layout.reservedMask(word, subVersion, hasCapability);
            while (reserved != 0) {
                long[] words = legal(random);
                words[word] |= Long.lowestOneBit(reserved);
                samples.add(new Sample(
                        layout.name() + ": reserved bit " + Long.numberOfTrailingZeros(reserved) + " of word " + word,
                        words));
                reserved &= reserved - 1;
            }
        }
        return samples;
    }

    /** For each field with codes: legal structures but for a value that is no code; at most 8 a field. */
    public List<Sample> reservedCodes(SplittableRandom random) {
        List<Sample> samples = new ArrayList<>();
        for (BitField field : known()) {
            long step = Long.lowestOneBit(valueMask(field));
            int found = 0;
            for (long i = 0; i <= field.codes().size() + 8 && found < 8; i++) {
                long value = i * step;
                if ((value & ~valueMask(field)) == 0 && field.isReservedValue(value)) {
                    found++;
                    long[] words = legal(random);
                    set(words, field, value);
                    samples.add(new Sample(label(field, value), words));
                }
            }
        }
        return samples;
    }

    private List<BitField> known() {
        return layout.fields().stream()
                .filter(field -> field.isIn(subVersion, hasCapability))
                .toList();
    }

    private Sample plain(BitField which, long value) {
        long[] words = new long[layout.words()];
        for (BitField field : known()) {
            if (!field.codes().isEmpty()) {
                set(words, field, field.codes().get(0).value());
            }
        }
        set(words, which, value);
        return new Sample(label(which, value), words);
    }

    private String label(BitField field, long value) {
        return layout.name() + "." + field.name() + " = 0x" + Long.toHexString(value);
    }

    private long unclaimed(int word) {
        long bits = word * 64 + 64 <= layout.sizeBits() ? -1L : -1L >>> (64 - layout.sizeBits() % 64);
        for (BitField field : layout.fields()) {
            bits &= field.word() == word ? ~field.mask() : -1L;
        }
        return bits;
    }

    private static long legalValue(BitField field, SplittableRandom random) {
        if (field.codes().isEmpty()) {
            return random.nextLong() & valueMask(field);
        }
        return field.codes().get(random.nextInt(field.codes().size())).value();
    }

    private static long valueMask(BitField field) {
        return field.inPlace() ? field.mask() : field.mask() >>> field.shift();
    }

    private static void set(long[] words, BitField field, long value) {
        words[field.word()] = field.set(words[field.word()], value);
    }
}
