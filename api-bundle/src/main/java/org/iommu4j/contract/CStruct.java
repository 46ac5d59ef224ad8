package org.iommu4j.contract;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A C structure of the contract: its fields in order. The offsets of every image follow from the natural alignment rules,
 * so that each field is declared once.
 */
public final class CStruct {
    private final String name;
    private final String section;
    private final int start;
    private final List<Field> fields;
    private final int lp64Size;
    private final int i386Size;

    private CStruct(Builder builder) {
        name = builder.name;
        section = builder.section;
        start = builder.start;
        fields = List.copyOf(builder.fields);
        lp64Size = sizeIn(Abi.LP64_LE);
        i386Size = sizeIn(Abi.I386);
    }

    /** Starts a declaration of a structure at the start of the argument. */
    public static Builder named(String name, String section) {
        return new Builder(name, section, 0);
    }

    /** Starts a declaration of a structure that begins {@code start} bytes into the argument. */
    public static Builder named(String name, String section, int start) {
        return new Builder(name, section, start);
    }

    /** The structure's name in C. */
    public String name() {
        return name;
    }

    /** The document and section that define the structure. */
    public String section() {
        return section;
    }

    /** Offset of the structure in bytes from the start of the argument; the same in every image. */
    public int start() {
        return start;
    }

    /** The fields in order. */
    public List<Field> fields() {
        return fields;
    }

    /** Bytes of the fixed part in an image: where the flexible array begins. */
    public int size(Abi abi) {
        return abi == Abi.I386 ? i386Size : lp64Size;
    }

    /** Alignment in bytes of the structure in an image. */
    public int alignment(Abi abi) {
        int alignment = 1;
        for (Field field : fields) {
            alignment = Math.max(alignment, Math.min(field.bytes(), abi.longAlignment()));
        }
        return alignment;
    }

    @Override
    public String toString() {
        return name;
    }

    private int sizeIn(Abi abi) {
        int end = 0;
        for (Field field : fields) {
            end = Math.max(end, field.offset(abi) + field.bytes());
        }
        int alignment = alignment(abi);
        return (end + alignment - 1) / alignment * alignment;
    }

    /**
     * One field.
     *
     * @param name in C
     * @param bytes 4 or 8
     * @param start where its structure begins, in bytes from the start of the argument
     * @param lp64Offset offset in bytes in the structure where 64-bit fields are aligned to 8
     * @param i386Offset offset in bytes where they are aligned to 4; negative if the image has no such bytes
     * @param meaning for documentation
     */
    public record Field(String name, int bytes, int start, int lp64Offset, int i386Offset, String meaning) {
        /** Offset in bytes in the structure of an image; negative if the image does not have the field. */
        public int offset(Abi abi) {
            return abi == Abi.I386 ? i386Offset : lp64Offset;
        }

        /** True if the image has the field; an i386 image lacks the hole. */
        public boolean isIn(Abi abi) {
            return offset(abi) >= 0;
        }

        /** Offset in bytes from the start of the argument; negative if the image does not have the field. */
        public int argumentOffset(Abi abi) {
            return isIn(abi) ? start + offset(abi) : -1;
        }

        /**
         * The field's value, unsigned; 0 if the image does not have the field.
         *
         * @param memory holds the argument
         * @param argument where in it the argument begins
         * @throws IndexOutOfBoundsException if the field is not inside {@code memory}
         */
        public long get(byte[] memory, int argument, Abi abi) {
            if (!isIn(abi)) {
                return 0;
            }
            int at = argument + argumentOffset(abi);
            return bytes == Long.BYTES
                    ? Words.getLong(memory, at, abi.bigEndian())
                    : Integer.toUnsignedLong(Words.getInt(memory, at, abi.bigEndian()));
        }

        /**
         * Stores the low bits of {@code value}; does nothing if the image does not have the field.
         *
         * @param memory holds the argument
         * @param argument where in it the argument begins
         * @throws IndexOutOfBoundsException if the field is not inside {@code memory}
         */
        public void put(byte[] memory, int argument, Abi abi, long value) {
            if (!isIn(abi)) {
                return;
            }
            int at = argument + argumentOffset(abi);
            if (bytes == Long.BYTES) {
                Words.putLong(memory, at, abi.bigEndian(), value);
            } else {
                Words.putInt(memory, at, abi.bigEndian(), (int) value);
            }
        }
    }

    /** Collects fields; each method returns the field, so that it can be kept in a constant. */
    public static final class Builder {
        private final String name;
        private final String section;
        private final List<Field> fields = new ArrayList<>();
        private final Set<String> names = new HashSet<>();
        private final int start;
        private int lp64;
        private int i386;

        private Builder(String name, String section, int start) {
            this.name = name;
            this.section = section;
            this.start = start;
        }

        /** A 32-bit field. */
        public Field u32(String fieldName, String meaning) {
            return add(fieldName, Integer.BYTES, meaning);
        }

        /** A 64-bit field. */
        public Field u64(String fieldName, String meaning) {
            return add(fieldName, Long.BYTES, meaning);
        }

        /** The bytes that alignment to 8 leaves unused before the next 64-bit field; absent where it is aligned to 4. */
        public Field hole(String fieldName, String meaning) {
            if (!names.add(fieldName) || lp64 % Long.BYTES != Integer.BYTES) {
                throw new IllegalStateException(name + "." + fieldName + " is no hole");
            }
            Field field = new Field(fieldName, Integer.BYTES, start, lp64, -Integer.BYTES, meaning);
            fields.add(field);
            lp64 += Integer.BYTES;
            return field;
        }

        /** The finished structure. */
        public CStruct build() {
            return new CStruct(this);
        }

        private Field add(String fieldName, int bytes, String meaning) {
            if (!names.add(fieldName)) {
                throw new IllegalStateException(name + " has two fields " + fieldName);
            }
            if (lp64 % bytes != 0) {
                throw new IllegalStateException(name + "." + fieldName + " leaves a hole that has no name");
            }
            Field field = new Field(fieldName, bytes, start, lp64, i386, meaning);
            fields.add(field);
            lp64 += bytes;
            i386 += bytes;
            return field;
        }
    }
}
