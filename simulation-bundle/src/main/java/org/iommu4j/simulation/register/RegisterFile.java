package org.iommu4j.simulation.register;

import java.util.Arrays;
import java.util.List;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * A register block with two sides. Software's side ({@link #read}, {@link #write}) obeys each register's access rules and
 * starts what a write starts; the device's side ({@link #get}, {@link #set}) sees whole registers as they are.
 *
 * <p>Software may access a register of 64 bits as a whole or by halves, and two neighbouring registers of 32 bits with one
 * aligned access of 8 bytes, which is two accesses, lower offset first. An access of another size, not aligned to its
 * size, or where there is no register reads 0 or is ignored.
 */
public final class RegisterFile {
    /** Largest offset in bytes, so that lookup can be an array. */
    private static final int MAX_OFFSET = 1 << 22;

    private static final int NONE = -1;

    private final Register[] rows;
    private final long[] values;
    private final WriteFilter[] filters;
    private final WriteAction[] actions;

    /** By offset / 4: index of the register that has these 4 bytes, or {@link #NONE}. */
    private final int[] byWord;

    /**
     * A register block after reset.
     *
     * @param registers its registers, in any order; they must not overlap
     */
    public RegisterFile(List<Register> registers) {
        rows = registers.toArray(Register[]::new);
        int words = 0;
        for (Register row : rows) {
            int bytes = row.widthBits() / Byte.SIZE;
            if (row.offset() > MAX_OFFSET || row.offset() % bytes != 0) {
                throw new IllegalArgumentException(row.name() + ": offset " + row.offset() + " of " + bytes + " bytes");
            }
            words = Math.max(words, (row.offset() + bytes) / Integer.BYTES);
        }
        byWord = new int[words];
        Arrays.fill(byWord, NONE);
        for (int index = 0; index < rows.length; index++) {
            int first = rows[index].offset() / Integer.BYTES;
            for (int word = first; word < first + rows[index].widthBits() / Integer.SIZE; word++) {
                if (byWord[word] != NONE) {
                    throw new IllegalArgumentException(rows[index].name() + " overlaps " + rows[byWord[word]].name());
                }
                byWord[word] = index;
            }
        }
        values = new long[rows.length];
        filters = new WriteFilter[rows.length];
        actions = new WriteAction[rows.length];
        for (int index = 0; index < rows.length; index++) {
            values[index] = rows[index].reset();
        }
    }

    /** The registers, in the order in which they were given. */
    public List<Register> registers() {
        return List.of(rows);
    }

    /**
     * Reads as software does.
     *
     * @param offset in bytes from the start of the block
     * @param sizeBytes 4 or 8
     * @return the value; 0 if there is no such access
     */
    public long read(long offset, int sizeBytes) {
        if (sizeBytes == Integer.BYTES && offset % Integer.BYTES == 0) {
            return readWord(offset);
        }
        if (sizeBytes == Long.BYTES && offset % Long.BYTES == 0) {
            return readWord(offset) | (readWord(offset + Integer.BYTES) << Integer.SIZE);
        }
        return 0;
    }

    /**
     * Writes as software does.
     *
     * @param offset in bytes from the start of the block
     * @param sizeBytes 4 or 8
     * @param value the low {@code sizeBytes} count
     */
    public void write(long offset, int sizeBytes, long value) {
        if (sizeBytes == Integer.BYTES && offset % Integer.BYTES == 0) {
            writeWord(offset, value);
        } else if (sizeBytes == Long.BYTES && offset % Long.BYTES == 0) {
            int index = indexAt(offset);
            if (index != NONE && rows[index].widthBits() == Long.SIZE) {
                store(index, value, -1L);
            } else {
                writeWord(offset, value);
                writeWord(offset + Integer.BYTES, value >>> Integer.SIZE);
            }
        }
    }

    /**
     * A whole register as it is.
     *
     * @param offset where the register starts
     * @throws IllegalArgumentException if none starts there
     */
    public long get(int offset) {
        return values[require(offset)];
    }

    /**
     * Changes a whole register, whatever its access rules say; nothing is started.
     *
     * @param offset where the register starts
     * @throws IllegalArgumentException if none starts there
     */
    public void set(int offset, long value) {
        int index = require(offset);
        values[index] = rows[index].widthBits() == Integer.SIZE ? value & 0xFFFF_FFFFL : value;
    }

    /** Lets {@code filter} decide what software's writes leave in the register at {@code offset}. */
    public void filterWrites(int offset, WriteFilter filter) {
        filters[require(offset)] = filter;
    }

    /** Lets {@code action} follow software's writes to the register at {@code offset}. */
    public void onWrite(int offset, WriteAction action) {
        actions[require(offset)] = action;
    }

    /** Gives every register its reset value but those that keep theirs over a reset; nothing is started. */
    public void reset() {
        for (int index = 0; index < rows.length; index++) {
            if (!rows[index].sticky()) {
                values[index] = rows[index].reset();
            }
        }
    }

    /** Saves every value into the section that {@code out} is in. */
    public void save(SnapshotWriter out) {
        out.putInt(rows.length);
        for (int index = 0; index < rows.length; index++) {
            out.putInt(rows[index].offset());
            out.putLong(values[index]);
        }
    }

    /**
     * Takes what {@link #save} saved; registers that were not saved have their reset value.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} if there was a register that this block does not have; no value is changed
     *     then
     */
    public void load(SnapshotReader in) {
        long[] loaded = new long[values.length];
        for (int index = 0; index < rows.length; index++) {
            loaded[index] = rows[index].reset();
        }
        int count = in.getCount(byWord.length);
        for (int i = 0; i < count; i++) {
            int offset = in.getInt();
            long value = in.getLong();
            int index = startingAt(offset);
            if (index == NONE || (rows[index].widthBits() == Integer.SIZE && value >>> Integer.SIZE != 0)) {
                throw in.invalid(
                        "no register at 0x" + Integer.toHexString(offset) + " for 0x" + Long.toHexString(value));
            }
            loaded[index] = value;
        }
        System.arraycopy(loaded, 0, values, 0, values.length);
    }

    private int indexAt(long offset) {
        long word = offset >> 2;
        return word >= 0 && word < byWord.length ? byWord[(int) word] : NONE;
    }

    private int startingAt(int offset) {
        int index = indexAt(offset);
        return index != NONE && rows[index].offset() == offset ? index : NONE;
    }

    private int require(int offset) {
        int index = startingAt(offset);
        if (index == NONE) {
            throw new IllegalArgumentException("no register at 0x" + Integer.toHexString(offset));
        }
        return index;
    }

    private long readWord(long offset) {
        int index = indexAt(offset);
        if (index == NONE) {
            return 0;
        }
        long visible = values[index] & rows[index].readable();
        return (visible >>> ((offset - rows[index].offset()) * Byte.SIZE)) & 0xFFFF_FFFFL;
    }

    private void writeWord(long offset, long value) {
        int index = indexAt(offset);
        if (index != NONE) {
            int shift = (int) (offset - rows[index].offset()) * Byte.SIZE;
            store(index, (value & 0xFFFF_FFFFL) << shift, 0xFFFF_FFFFL << shift);
        }
    }

    private void store(int index, long written, long lanes) {
        Register row = rows[index];
        long before = values[index];
        long takes = row.writable() & lanes;
        long proposed = ((before & ~takes) | (written & takes)) & ~(written & row.writeOneToClear() & lanes);
        long after = filters[index] == null ? proposed : filters[index].filter(before, proposed, written, lanes);
        values[index] = after;
        if (actions[index] != null) {
            actions[index].written(before, after, written, lanes);
        }
    }
}
