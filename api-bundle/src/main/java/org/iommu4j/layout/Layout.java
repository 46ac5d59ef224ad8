package org.iommu4j.layout;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/**
 * A structure of a specification: its fields, its byte order, what its unclaimed bits mean, and where it is defined. Bits
 * are held in 64-bit words; word 0 is at the lowest address. Structures shorter than 64 bits use the low bits of word 0.
 *
 * <p>The class is long because it holds its builder, which checks that no two fields claim a bit, and reading, writing and
 * describing by the same fields.
 */
public final class Layout {
    private final String name;
    private final int sizeBits;
    private final ByteOrder byteOrder;
    private final Numbering numbering;
    private final ReservedPolicy reservedPolicy;
    private final String section;
    private final List<BitField> fields;
    private final List<BitField> ignored;
    private final long[] reservedMasks;
    private final long[] significantMasks;
    private final long presentMask;
    private final long absentMask;

    private Layout(Builder builder) {
        name = builder.name;
        sizeBits = builder.sizeBits;
        byteOrder = builder.byteOrder;
        numbering = builder.numbering;
        reservedPolicy = builder.reservedPolicy;
        section = builder.section;
        fields = List.copyOf(builder.fields);
        ignored = List.copyOf(builder.ignored);
        reservedMasks = reserved(field -> true);
        significantMasks = significant();
        presentMask = builder.presentMask;
        absentMask = builder.absentMask;
    }

    /** Starts the declaration of a structure. */
    public static Builder named(String name) {
        return new Builder(name);
    }

    /** The specification's name of the structure. */
    public String name() {
        return name;
    }

    /** Size in bits. */
    public int sizeBits() {
        return sizeBits;
    }

    /** Size in bytes. */
    public int sizeBytes() {
        return sizeBits / Byte.SIZE;
    }

    /** Number of 64-bit words. */
    public int words() {
        return reservedMasks.length;
    }

    /** Byte order in memory. */
    public ByteOrder byteOrder() {
        return byteOrder;
    }

    /** How the specification numbers the bits. */
    public Numbering numbering() {
        return numbering;
    }

    /** The treatment of bits that no field claims. */
    public ReservedPolicy reservedPolicy() {
        return reservedPolicy;
    }

    /** The document and section that define the structure. */
    public String section() {
        return section;
    }

    /** The fields in order of declaration. */
    public List<BitField> fields() {
        return fields;
    }

    /** Ranges that the specification leaves to software or ignores. */
    public List<BitField> ignored() {
        return ignored;
    }

    /**
     * The bits of a word that must be zero when every field of the layout is known and enabled; 0 if unclaimed bits are
     * ignored.
     */
    public long reservedMask(int word) {
        return reservedMasks[word];
    }

    /**
     * The bits of a word that must be zero for one generation and one set of capabilities.
     *
     * @param subVersion the generation
     * @param hasCapability tells whether a capability that gates a field is present
     */
    public long reservedMask(int word, int subVersion, Predicate<String> hasCapability) {
        return reserved(field -> field.isIn(subVersion, hasCapability))[word];
    }

    /**
     * True if hardware takes an entry for one that leads somewhere: it is not zero, has one of the bits that
     * {@link Builder#presentIfAny} names, and none of those that {@link Builder#absentIfAny} names.
     *
     * @param word0 its first word
     */
    public boolean isPresent(long word0) {
        return word0 != 0 && (presentMask == 0 || (word0 & presentMask) != 0) && (word0 & absentMask) == 0;
    }

    /** The bits of a word that mean something to hardware: all but those that it ignores or leaves to software. */
    public long significantMask(int word) {
        return significantMasks[word];
    }

    /** The field of that name. */
    public BitField field(String fieldName) {
        for (BitField field : fields) {
            if (field.name().equals(fieldName)) {
                return field;
            }
        }
        throw new IllegalArgumentException(name + " has no field " + fieldName);
    }

    /**
     * The words of a structure, in the layout's byte order.
     *
     * @param offset where it begins in {@code bytes}
     * @throws IllegalArgumentException if the structure does not end inside {@code bytes}
     */
    public long[] decode(byte[] bytes, int offset) {
        if (offset < 0 || bytes.length - offset < sizeBytes()) {
            throw new IllegalArgumentException(
                    name + " needs " + sizeBytes() + " bytes at " + offset + " of " + bytes.length);
        }
        long[] words = new long[words()];
        for (int word = 0; word < words.length; word++) {
            words[word] = word(bytes, offset, word);
        }
        return words;
    }

    /**
     * One word of a structure; allocates nothing.
     *
     * @param offset where the structure begins in {@code bytes}
     * @throws IndexOutOfBoundsException if the word is not inside {@code bytes}
     */
    public long word(byte[] bytes, int offset, int word) {
        long bits = 0;
        int count = wordBytes(word);
        for (int i = 0; i < count; i++) {
            bits |= (bytes[offset + word * Long.BYTES + i] & 0xFFL) << byteShift(i, count);
        }
        return bits;
    }

    /**
     * The bytes of a structure in the layout's byte order.
     *
     * @throws IllegalArgumentException if the number of words is not the layout's
     */
    public byte[] encode(long... words) {
        requireAll(words);
        byte[] bytes = new byte[sizeBytes()];
        for (int i = 0; i < bytes.length; i++) {
            int word = i / Long.BYTES;
            bytes[i] = (byte) (words[word] >>> byteShift(i % Long.BYTES, wordBytes(word)));
        }
        return bytes;
    }

    /** Offset in bytes of the first byte in memory that holds a part of the field. */
    public int byteOffset(BitField field) {
        return Math.min(
                byteOffset(field.word(), field.shift()), byteOffset(field.word(), field.shift() + field.width() - 1));
    }

    /** Offset in bytes of the byte in memory that holds a bit, counted from the least significant of its word. */
    public int byteOffset(int word, int bit) {
        int inWord = byteOrder == ByteOrder.LITTLE_ENDIAN ? bit / Byte.SIZE : wordBytes(word) - 1 - bit / Byte.SIZE;
        return word * Long.BYTES + inWord;
    }

    /** The value of every field, then every set reserved bit, when every field is known and enabled. */
    public List<FieldValue> describe(long... words) {
        return describe(field -> true, words);
    }

    /**
     * The value of every field that one generation with one set of capabilities has, then every set reserved bit.
     *
     * @param subVersion the generation
     * @param hasCapability tells whether a capability that gates a field is present
     * @throws IllegalArgumentException if the number of words is not the layout's
     */
    public List<FieldValue> describe(int subVersion, Predicate<String> hasCapability, long... words) {
        return describe(field -> field.isIn(subVersion, hasCapability), words);
    }

    /** A field's bit range as the specification writes it: high:low for LSB-0, first:last for MSB-0. */
    public String bits(BitField field) {
        int low = field.word() * Long.SIZE + field.shift();
        int high = low + field.width() - 1;
        if (numbering == Numbering.LSB0) {
            return high == low ? String.valueOf(low) : high + ":" + low;
        }
        int wordBits = Math.min(Long.SIZE, sizeBits - field.word() * Long.SIZE);
        int first = field.word() * Long.SIZE + wordBits - field.shift() - field.width();
        return field.width() == 1 ? String.valueOf(first) : first + ":" + (first + field.width() - 1);
    }

    @Override
    public String toString() {
        return name;
    }

    private List<FieldValue> describe(Predicate<BitField> known, long[] words) {
        requireAll(words);
        List<FieldValue> lines = new ArrayList<>();
        for (BitField field : fields) {
            if (known.test(field)) {
                long value = field.get(words);
                String meaning = field.meaningOf(value);
                boolean wrong = field.isReservedValue(value);
                lines.add(new FieldValue(
                        field.name(), bits(field), value, meaning != null ? meaning : field.about(), wrong));
            }
        }
        long[] masks = reserved(known);
        for (int word = 0; word < words.length; word++) {
            long wrong = words[word] & masks[word];
            while (wrong != 0) {
                int low = Long.numberOfTrailingZeros(wrong);
                int run = Long.numberOfTrailingZeros(~(wrong >>> low));
                BitField range = new BitField("reserved", word, low, run, false, List.of(), 0, "", "");
                lines.add(new FieldValue("reserved", bits(range), range.get(words), "must be zero", true));
                wrong &= ~range.mask();
            }
        }
        return lines;
    }

    private void requireAll(long[] words) {
        if (words.length != words()) {
            throw new IllegalArgumentException(name + " has " + words() + " words, not " + words.length);
        }
    }

    private int wordBytes(int word) {
        return Math.min(Long.BYTES, sizeBytes() - word * Long.BYTES);
    }

    private int byteShift(int index, int wordBytes) {
        return (byteOrder == ByteOrder.LITTLE_ENDIAN ? index : wordBytes - 1 - index) * Byte.SIZE;
    }

    private long[] reserved(Predicate<BitField> known) {
        long[] masks = new long[(sizeBits + Long.SIZE - 1) / Long.SIZE];
        if (reservedPolicy == ReservedPolicy.IGNORED) {
            return masks;
        }
        Arrays.fill(masks, -1L);
        if (sizeBits % Long.SIZE != 0) {
            masks[masks.length - 1] = -1L >>> (Long.SIZE - sizeBits % Long.SIZE);
        }
        for (BitField field : fields) {
            if (known.test(field)) {
                masks[field.word()] &= ~field.mask();
            }
        }
        for (BitField field : ignored) {
            masks[field.word()] &= ~field.mask();
        }
        return masks;
    }

    private long[] significant() {
        long[] masks = new long[(sizeBits + Long.SIZE - 1) / Long.SIZE];
        if (reservedPolicy == ReservedPolicy.IGNORED) {
            fields.forEach(field -> masks[field.word()] |= field.mask());
            return masks;
        }
        Arrays.fill(masks, -1L);
        if (sizeBits % Long.SIZE != 0) {
            masks[masks.length - 1] = -1L >>> (Long.SIZE - sizeBits % Long.SIZE);
        }
        ignored.forEach(field -> masks[field.word()] &= ~field.mask());
        return masks;
    }

    /** Collects the fields of a layout; each method returns the field, so that it can be kept in a constant. */
    public static final class Builder {
        private final String name;
        private final List<BitField> fields = new ArrayList<>();
        private final List<BitField> ignored = new ArrayList<>();
        private int sizeBits = Long.SIZE;
        private ByteOrder byteOrder = ByteOrder.LITTLE_ENDIAN;
        private Numbering numbering = Numbering.LSB0;
        private ReservedPolicy reservedPolicy = ReservedPolicy.CHECKED;
        private String section = "";
        private long presentMask;
        private long absentMask;

        private Builder(String name) {
            this.name = name;
        }

        /** Size in bits, a multiple of 8; 64 if not called. */
        public Builder size(int bits) {
            if (bits <= 0 || bits % Byte.SIZE != 0) {
                throw new IllegalArgumentException(name + ": size " + bits + " is not a positive multiple of 8");
            }
            sizeBits = bits;
            return this;
        }

        /** Least significant byte first; the default. */
        public Builder littleEndian() {
            byteOrder = ByteOrder.LITTLE_ENDIAN;
            return this;
        }

        /** Most significant byte first. */
        public Builder bigEndian() {
            byteOrder = ByteOrder.BIG_ENDIAN;
            return this;
        }

        /** Bit numbers count from the most significant bit of each word. */
        public Builder msb0() {
            numbering = Numbering.MSB0;
            return this;
        }

        /** Unclaimed bits have no effect. */
        public Builder ignoreReserved() {
            reservedPolicy = ReservedPolicy.IGNORED;
            return this;
        }

        /** Names the document and section that define the structure. */
        public Builder spec(String where) {
            section = where;
            return this;
        }

        /** A field of one bit. */
        public BitField bit(String fieldName, int bit, FieldOption... options) {
            return bits(fieldName, bit, bit, options);
        }

        /** A field of several bits, its range written as the specification does: high, low or first, last. */
        public BitField bits(String fieldName, int from, int to, FieldOption... options) {
            return add(fields, fieldName, from, to, false, options);
        }

        /** A field whose value keeps its position in the word: an address with its low bits zero. */
        public BitField address(String fieldName, int from, int to, FieldOption... options) {
            return add(fields, fieldName, from, to, true, options);
        }

        /**
         * Fields that stand in several structures at the same place, declared once with a builder of their own.
         *
         * @throws IllegalArgumentException for a field beyond the structure's size
         */
        public Builder shared(BitField... sharedFields) {
            for (BitField field : sharedFields) {
                if (field.word() * Long.SIZE + field.shift() + field.width() > sizeBits) {
                    throw new IllegalArgumentException(name + "." + field.name() + " is beyond " + sizeBits + " bits");
                }
                fields.add(field);
            }
            return this;
        }

        /** Bits that hardware ignores or leaves to software. */
        public BitField ignored(String fieldName, int from, int to) {
            return add(ignored, fieldName, from, to, false);
        }

        /**
         * Hardware takes an entry for one that leads somewhere only if a bit of one of these fields is set.
         *
         * @throws IllegalArgumentException for a field that is not in the first word
         */
        public Builder presentIfAny(BitField... bits) {
            presentMask = firstWord(bits);
            return this;
        }

        /**
         * Hardware takes an entry for one that leads nowhere if a bit of one of these fields is set, whatever the others say.
         *
         * @throws IllegalArgumentException for a field that is not in the first word
         */
        public Builder absentIfAny(BitField... bits) {
            absentMask = firstWord(bits);
            return this;
        }

        private long firstWord(BitField... bits) {
            long mask = 0;
            for (BitField field : bits) {
                if (field.word() != 0) {
                    throw new IllegalArgumentException(name + "." + field.name() + " is not in the first word");
                }
                mask |= field.mask();
            }
            return mask;
        }

        /**
         * The finished layout.
         *
         * @throws IllegalStateException if two fields overlap or share a name
         */
        public Layout build() {
            Set<String> names = new HashSet<>();
            long[] claimed = new long[(sizeBits + Long.SIZE - 1) / Long.SIZE];
            List<BitField> all = new ArrayList<>(fields);
            all.addAll(ignored);
            for (BitField field : all) {
                if (!names.add(field.name())) {
                    throw new IllegalStateException(name + " has two fields " + field.name());
                }
                if ((claimed[field.word()] & field.mask()) != 0) {
                    throw new IllegalStateException(name + "." + field.name() + " overlaps another field");
                }
                claimed[field.word()] |= field.mask();
            }
            return new Layout(this);
        }

        private BitField add(
                List<BitField> list, String fieldName, int from, int to, boolean inPlace, FieldOption... options) {
            int first = Math.min(from, to);
            int last = Math.max(from, to);
            boolean inOrder = first == (numbering == Numbering.LSB0 ? to : from);
            if (!inOrder || first < 0 || last >= sizeBits || first / Long.SIZE != last / Long.SIZE) {
                throw new IllegalArgumentException(name + "." + fieldName + ": bits " + from + " to " + to
                        + " are not inside one 64-bit word of " + sizeBits + " bits, or in the wrong order");
            }
            int high = numbering == Numbering.LSB0 ? from : flip(from);
            int low = numbering == Numbering.LSB0 ? to : flip(to);
            List<Code> codes = List.of();
            int since = 0;
            String capability = "";
            String about = "";
            Access access = Access.READ_WRITE;
            long reset = 0;
            List<Guard> guards = new ArrayList<>();
            for (FieldOption option : options) {
                if (option instanceof FieldOption.OneOf oneOf) {
                    codes = oneOf.codes();
                } else if (option instanceof FieldOption.Since start) {
                    since = start.subVersion();
                } else if (option instanceof FieldOption.When when) {
                    capability = when.capability();
                } else if (option instanceof FieldOption.About text) {
                    about = text.text();
                } else if (option instanceof Access rule) {
                    access = rule;
                } else if (option instanceof FieldOption.Reset value) {
                    reset = value.value();
                } else if (option instanceof Guard guard) {
                    guards.add(guard);
                }
            }
            BitField field = new BitField(
                    fieldName,
                    low / Long.SIZE,
                    low % Long.SIZE,
                    high - low + 1,
                    inPlace,
                    codes,
                    since,
                    capability,
                    about,
                    access,
                    reset,
                    guards);
            list.add(field);
            return field;
        }

        /** An MSB-0 bit number counted from the least significant bit of its word instead. */
        private int flip(int bit) {
            int word = bit / Long.SIZE;
            int wordBits = Math.min(Long.SIZE, sizeBits - word * Long.SIZE);
            return word * Long.SIZE + wordBits - 1 - bit % Long.SIZE;
        }
    }
}
