package org.iommu4j.layout;

import java.util.List;
import java.util.function.Predicate;

/**
 * A field of a {@link Layout}. Kept in a {@code static final} constant its components are constants to the compiler, so
 * {@link #get} and {@link #set} cost what hand-written shifts cost.
 *
 * @param name the specification's name
 * @param word index of the 64-bit word that holds the field; a field never straddles words
 * @param shift position of its least significant bit in that word, LSB-0, 0 to 63
 * @param width in bits, 1 to 64
 * @param inPlace true for an address or mask whose value keeps its position: low bits read as zero
 * @param codes the only legal values; empty if every value is legal
 * @param since first {@code sub_version} that has the field; 0 if all
 * @param capability capability without which the bits are reserved; empty if none
 * @param about meaning, may be empty
 * @param access what software may do with it, in a register
 * @param reset value after reset, in a register
 * @param guards what locks it, in a register; empty if nothing
 */
public record BitField(
        String name,
        int word,
        int shift,
        int width,
        boolean inPlace,
        List<Code> codes,
        int since,
        String capability,
        String about,
        Access access,
        long reset,
        List<Guard> guards) {

    /** Checks the position, the codes and the reset value, and copies the lists. */
    public BitField {
        if (width < 1 || shift < 0 || shift + width > Long.SIZE || word < 0) {
            throw new IllegalArgumentException(name + ": width " + width + " at bit " + shift + " of word " + word);
        }
        codes = List.copyOf(codes);
        guards = List.copyOf(guards);
        long legal = -1L >>> (Long.SIZE - width);
        if (inPlace) {
            legal <<= shift;
        }
        if ((reset & ~legal) != 0) {
            throw new IllegalArgumentException(
                    name + ": reset value 0x" + Long.toHexString(reset) + " exceeds " + width + " bits");
        }
        for (int i = 0; i < codes.size(); i++) {
            long value = codes.get(i).value();
            if ((value & ~legal) != 0) {
                throw new IllegalArgumentException(
                        name + ": code 0x" + Long.toHexString(value) + " exceeds " + width + " bits");
            }
            for (int j = 0; j < i; j++) {
                if (codes.get(j).value() == value) {
                    throw new IllegalArgumentException(
                            name + ": code 0x" + Long.toHexString(value) + " is there twice");
                }
            }
        }
    }

    /** A field of a structure in memory, or of a register that software can read and write, 0 after reset. */
    public BitField(
            String name,
            int word,
            int shift,
            int width,
            boolean inPlace,
            List<Code> codes,
            int since,
            String capability,
            String about) {
        this(name, word, shift, width, inPlace, codes, since, capability, about, Access.READ_WRITE, 0, List.of());
    }

    /** The bits of the word that the field covers. */
    public long mask() {
        return (-1L >>> (Long.SIZE - width)) << shift;
    }

    /** The value of the field in {@code bits}, the 64-bit word that holds it; unsigned. */
    public long get(long bits) {
        return inPlace ? bits & mask() : (bits >>> shift) & (-1L >>> (Long.SIZE - width));
    }

    /** The field's value as an {@code int}; for fields of at most 32 bits. */
    public int getInt(long bits) {
        return (int) get(bits);
    }

    /** True if any bit of the field is set in {@code bits}. */
    public boolean isSet(long bits) {
        return (bits & mask()) != 0;
    }

    /**
     * {@code bits} with the field replaced.
     *
     * @throws IllegalArgumentException if {@code value} does not fit
     */
    public long set(long bits, long value) {
        return (bits & ~mask()) | of(value);
    }

    /**
     * A word that holds only this field.
     *
     * @throws IllegalArgumentException if {@code value} does not fit
     */
    public long of(long value) {
        long placed = inPlace ? value : value << shift;
        if ((placed & ~mask()) != 0 || (!inPlace && placed >>> shift != value)) {
            throw new IllegalArgumentException(
                    name + "=0x" + Long.toHexString(value) + " exceeds " + width + " bits at bit " + shift);
        }
        return placed;
    }

    /** The field from a structure's words. */
    public long get(long[] words) {
        return get(words[word]);
    }

    /** The meaning of {@code value} among the codes, or null if it has none. */
    public String meaningOf(long value) {
        for (int i = 0; i < codes.size(); i++) { // no iterator: hardware asks this on its hot paths
            if (codes.get(i).value() == value) {
                return codes.get(i).meaning();
            }
        }
        return null;
    }

    /**
     * True if a generation with a set of capabilities has the field; otherwise its bits are reserved.
     *
     * @param subVersion the generation
     * @param hasCapability tells whether a capability that gates a field is present
     */
    public boolean isIn(int subVersion, Predicate<String> hasCapability) {
        return Integer.compareUnsigned(since, subVersion) <= 0
                && (capability.isEmpty() || hasCapability.test(capability));
    }

    /** True if codes are declared and {@code value} is none of them. */
    public boolean isReservedValue(long value) {
        return !codes.isEmpty() && meaningOf(value) == null;
    }
}
