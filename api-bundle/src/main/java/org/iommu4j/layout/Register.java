package org.iommu4j.layout;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * A hardware register as a row of data. It is declared field by field with {@link #named}; masks and reset value follow from
 * the fields. Bits in no mask read as they were reset and ignore writes.
 *
 * @param name the specification's name
 * @param offset in bytes from the start of the register block
 * @param widthBits 32 or 64
 * @param reset value after reset
 * @param writable bits that take the written value
 * @param writeOneToClear bits that a written 1 clears
 * @param readable bits that can be read; the others read as 0
 * @param sticky true if the value survives a reset
 * @param layout its fields
 * @param writeOneToSet bits that a written 1 sets
 * @param readToClear bits that a read clears
 * @param word index of the layout's word that the register is: not 0 only where it is a part of a longer record
 */
public record Register(
        String name,
        int offset,
        int widthBits,
        long reset,
        long writable,
        long writeOneToClear,
        long readable,
        boolean sticky,
        Layout layout,
        long writeOneToSet,
        long readToClear,
        int word) {

    /** Checks the place, and that values and masks fit and do not contradict each other. */
    public Register {
        if (widthBits != 32 && widthBits != 64) {
            throw new IllegalArgumentException(name + ": width " + widthBits);
        }
        if (offset < 0 || offset % Integer.BYTES != 0) {
            throw new IllegalArgumentException(name + ": offset " + offset);
        }
        long all = -1L >>> (Long.SIZE - widthBits);
        if (((reset | writable | writeOneToClear | writeOneToSet | readToClear) & ~all) != 0) {
            throw new IllegalArgumentException(name + ": reset value or mask exceeds " + widthBits + " bits");
        }
        if ((writable & writeOneToClear) != 0) {
            throw new IllegalArgumentException(name + ": a bit is both writable and write-1-clear");
        }
        if ((writeOneToSet & (writable | writeOneToClear)) != 0) {
            throw new IllegalArgumentException(name + ": a bit is write-1-set and something else");
        }
    }

    /** A register whose masks are given apart from its fields, without bits that a write sets or a read clears. */
    public Register(
            String name,
            int offset,
            int widthBits,
            long reset,
            long writable,
            long writeOneToClear,
            long readable,
            boolean sticky,
            Layout layout) {
        this(
                name,
                offset,
                widthBits,
                reset,
                writable,
                writeOneToClear,
                readable,
                sticky,
                layout,
                0,
                0,
                layout.words() == 1 ? 0 : offset / Long.BYTES % layout.words());
    }

    /** Starts the declaration of a register. */
    public static Builder named(String name) {
        return new Builder(name);
    }

    /**
     * A word of a longer record that stands in a register block; masks and reset value follow from the fields of the word.
     * Ranges that hardware leaves to software keep what is written.
     *
     * @param word index of the 64-bit word in {@code layout}
     */
    public static Register ofWord(String name, int offset, Layout layout, int word) {
        int widthBits = Math.min(Long.SIZE, layout.sizeBits() - word * Long.SIZE);
        long reset = 0;
        long writable = 0;
        long clearing = 0;
        long unreadable = 0;
        long setting = 0;
        long readClearing = 0;
        for (BitField field : layout.fields()) {
            if (field.word() == word) {
                long mask = field.mask();
                reset |= field.of(field.reset());
                switch (field.access()) {
                    case READ_WRITE -> writable |= mask;
                    case WRITE_ONLY -> {
                        writable |= mask;
                        unreadable |= mask;
                    }
                    case WRITE_ONE_CLEARS -> clearing |= mask;
                    case WRITE_ONE_SETS -> setting |= mask;
                    case READ_CLEARS -> readClearing |= mask;
                    case READ_ONLY -> {
                        // In no mask.
                    }
                }
            }
        }
        for (BitField field : layout.ignored()) {
            writable |= field.word() == word ? field.mask() : 0;
        }
        return new Register(
                name,
                offset,
                widthBits,
                reset,
                writable,
                clearing,
                ~unreadable,
                false,
                layout,
                setting,
                readClearing,
                word);
    }

    /** A register that software can only read; {@link #named} declares the access with each field instead. */
    public static Register readOnly(String name, int offset, int widthBits, long reset, Layout layout) {
        return new Register(name, offset, widthBits, reset, 0, 0, -1L, false, layout);
    }

    /** A register with writable bits; {@link #named} declares the access with each field instead. */
    public static Register readWrite(String name, int offset, int widthBits, long reset, long writable, Layout layout) {
        return new Register(name, offset, widthBits, reset, writable, 0, -1L, false, layout);
    }

    /** A copy with bits that a written 1 clears. */
    public Register clearing(long mask) {
        return copy(name, offset, reset, mask, readable, sticky);
    }

    /** A copy of which only some bits can be read. */
    public Register reading(long mask) {
        return copy(name, offset, reset, writeOneToClear, mask, sticky);
    }

    /** A copy whose value survives a reset. */
    public Register surviving() {
        return copy(name, offset, reset, writeOneToClear, readable, true);
    }

    /** A copy with another reset value, as a device's capabilities give it. */
    public Register resetTo(long value) {
        return copy(name, offset, value, writeOneToClear, readable, sticky);
    }

    /** A register with the same fields and another name at another place. */
    public Register at(String otherName, int otherOffset) {
        return copy(otherName, otherOffset, reset, writeOneToClear, readable, sticky);
    }

    /** Width in bytes. */
    public int widthBytes() {
        return widthBits / Byte.SIZE;
    }

    /** The fields of the register, in order of declaration. */
    public List<BitField> fields() {
        return layout.fields().stream().filter(field -> field.word() == word).toList();
    }

    /**
     * Position in the register of the least significant bit that an access shows: the half at the lower offset is the less
     * significant one of a little endian register, and the more significant one of a big endian register.
     *
     * @param accessOffset where the access begins, in bytes from the start of the block, inside the register
     * @param sizeBytes size of the access
     * @return negative if the access begins before its register in significance, as an access of 8 bytes to one of 4 does
     */
    public int shiftOf(long accessOffset, int sizeBytes) {
        return shiftOf(accessOffset, sizeBytes, layout.byteOrder());
    }

    /** As {@link #shiftOf(long, int)}, for a block whose byte order is given apart from the layouts. */
    public int shiftOf(long accessOffset, int sizeBytes, ByteOrder order) {
        int bytes = (int) (accessOffset - offset);
        return Byte.SIZE * (order == ByteOrder.LITTLE_ENDIAN ? bytes : widthBytes() - sizeBytes - bytes);
    }

    private Register copy(
            String newName, int newOffset, long newReset, long clearing, long reading, boolean surviving) {
        return new Register(
                newName,
                newOffset,
                widthBits,
                newReset,
                writable,
                clearing,
                reading,
                surviving,
                layout,
                writeOneToSet,
                readToClear,
                word);
    }

    /** Collects the fields of a register; each method for a field returns it, so that it can be kept in a constant. */
    public static final class Builder {
        private final String name;
        private final List<FieldOption> common = new ArrayList<>();
        private Layout.Builder layout;
        private int offset;

        private Builder(String name) {
            this.name = name;
            layout = Layout.named(name);
        }

        /** The name of the layout, where the specification writes it otherwise than that of the register; call it first. */
        public Builder layout(String layoutName) {
            layout = Layout.named(layoutName);
            return this;
        }

        /**
         * Place and width.
         *
         * @param newOffset in bytes from the start of the register block
         * @param widthBits 32 or 64
         */
        public Builder at(int newOffset, int widthBits) {
            offset = newOffset;
            layout.size(widthBits);
            return this;
        }

        /** The section of the specification. */
        public Builder spec(String section) {
            layout.spec(section);
            return this;
        }

        /** Options of every field that follows, where the field does not say otherwise: an access, a guard. */
        public Builder each(FieldOption... options) {
            common.addAll(List.of(options));
            return this;
        }

        /** Most significant byte first. */
        public Builder bigEndian() {
            layout.bigEndian();
            return this;
        }

        /** Bit numbers count from the most significant bit. */
        public Builder msb0() {
            layout.msb0();
            return this;
        }

        /** Unclaimed bits have no effect, and explanations do not call them wrong. */
        public Builder ignoreReserved() {
            layout.ignoreReserved();
            return this;
        }

        /** A field of one bit. */
        public BitField bit(String fieldName, int bit, FieldOption... options) {
            return layout.bit(fieldName, bit, with(options));
        }

        /** A field of several bits, its range written as the specification does: high, low or first, last. */
        public BitField bits(String fieldName, int from, int to, FieldOption... options) {
            return layout.bits(fieldName, from, to, with(options));
        }

        /** A field whose value keeps its position in the register: an address with its low bits zero. */
        public BitField address(String fieldName, int from, int to, FieldOption... options) {
            return layout.address(fieldName, from, to, with(options));
        }

        /** Bits that hardware ignores or leaves to software: they keep what is written. */
        public BitField ignored(String fieldName, int from, int to) {
            return layout.ignored(fieldName, from, to);
        }

        /**
         * The finished register.
         *
         * @throws IllegalStateException if two fields overlap or share a name
         */
        public Register build() {
            return ofWord(name, offset, layout.build(), 0);
        }

        private FieldOption[] with(FieldOption... options) {
            List<FieldOption> all = new ArrayList<>(common);
            all.addAll(List.of(options));
            return all.toArray(FieldOption[]::new);
        }
    }
}
