package org.iommu4j.simulation.register;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Guard;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * A register block with two sides. Software's side ({@link #read}, {@link #write}) obeys each register's access rules and
 * starts what a write starts; the device's side ({@link #get}, {@link #set}) sees whole registers as they are.
 *
 * <p>Software may access a register of 64 bits as a whole or by halves, and two neighbouring registers of 32 bits with one
 * aligned access of 8 bytes, which is two accesses, lower offset first. An access of another size, not aligned to its
 * size, or where there is no register reads 0 or is ignored. In a big endian block the half at the lower offset is the more
 * significant one.
 *
 * <p>A field that is locked ({@link Guard}) is not part of a write: its bits stay, and they are in no {@code lanes} that a
 * filter or an action is told of.
 */
public final class RegisterFile {
    /** Largest offset in bytes, so that lookup can be an array. */
    private static final int MAX_OFFSET = 1 << 22;

    private static final int NONE = -1;

    private final ByteOrder order;
    private final Register[] rows;
    private final long[] values;
    private final WriteFilter[] filters;
    private final WriteAction[] actions;

    /** By register: what locks its fields; null if nothing does. */
    private final Lock[][] locks;

    /** By offset / 4: index of the register that has these 4 bytes, or {@link #NONE}. */
    private final int[] byWord;

    /**
     * Bits of a register that cannot be written while bits of another are set.
     *
     * @param locked the bits
     * @param by index of the other register
     * @param lockedBy its bits
     */
    private record Lock(long locked, int by, long lockedBy) {}

    /**
     * A little endian register block after reset, whatever the layouts say.
     *
     * @param registers its registers, in any order; they must not overlap
     */
    public RegisterFile(List<Register> registers) {
        this(ByteOrder.LITTLE_ENDIAN, registers);
    }

    /**
     * A register block after reset.
     *
     * @param order byte order of the block: which half of a register is at the lower offset
     * @param registers its registers, in any order; they must not overlap, and what locks a field must be among them
     */
    public RegisterFile(ByteOrder order, List<Register> registers) {
        this(order, registers, true);
    }

    /**
     * A register block after reset, of a chip that may have no locks.
     *
     * @param locks false if a write to a field that another field locks is taken all the same
     */
    public RegisterFile(ByteOrder order, List<Register> registers, boolean locks) {
        this.order = order;
        rows = registers.toArray(Register[]::new);
        int words = 0;
        for (Register row : rows) {
            int bytes = row.widthBytes();
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
        this.locks = new Lock[rows.length][];
        for (int index = 0; locks && index < rows.length; index++) {
            this.locks[index] = locksOf(rows[index]);
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
            long first = readWord(offset);
            long second = readWord(offset + Integer.BYTES);
            return order == ByteOrder.LITTLE_ENDIAN
                    ? first | (second << Integer.SIZE)
                    : (first << Integer.SIZE) | second;
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
                boolean little = order == ByteOrder.LITTLE_ENDIAN;
                writeWord(offset, little ? value : value >>> Integer.SIZE);
                writeWord(offset + Integer.BYTES, little ? value >>> Integer.SIZE : value);
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

    /** A whole register as it is. */
    public long get(Register register) {
        return values[require(register.offset())];
    }

    /** The value of a field. */
    public long get(Register register, BitField field) {
        return field.get(get(register));
    }

    /** True if any bit of a field is set. */
    public boolean isSet(Register register, BitField field) {
        return field.isSet(get(register));
    }

    /** Changes a whole register, whatever its access rules say; nothing is started. */
    public void set(Register register, long value) {
        set(register.offset(), value);
    }

    /** Changes a field, whatever its access rules say; nothing is started. */
    public void set(Register register, BitField field, long value) {
        int index = require(register.offset());
        values[index] = field.set(values[index], value);
    }

    /** Sets or clears every bit of a field, whatever its access rules say; nothing is started. */
    public void set(Register register, BitField field, boolean on) {
        int index = require(register.offset());
        values[index] = on ? values[index] | field.mask() : values[index] & ~field.mask();
    }

    /** Lets {@code filter} decide what software's writes leave in a register. */
    public void filterWrites(Register register, WriteFilter filter) {
        filterWrites(register.offset(), filter);
    }

    /** Lets {@code action} follow software's writes to a register. */
    public void onWrite(Register register, WriteAction action) {
        onWrite(register.offset(), action);
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

    private Lock[] locksOf(Register row) {
        List<Lock> found = new ArrayList<>();
        for (BitField field : row.fields()) {
            for (Guard guard : field.guards()) {
                found.add(new Lock(field.mask(), require(guard.register().offset()), guard.lockedBy()));
            }
        }
        return found.isEmpty() ? null : found.toArray(Lock[]::new);
    }

    private long locked(int index) {
        if (locks[index] == null) {
            return 0;
        }
        long locked = 0;
        for (Lock lock : locks[index]) {
            if ((values[lock.by] & lock.lockedBy) != 0) {
                locked |= lock.locked;
            }
        }
        return locked;
    }

    private long readWord(long offset) {
        int index = indexAt(offset);
        if (index == NONE) {
            return 0;
        }
        Register row = rows[index];
        int shift = row.shiftOf(offset, Integer.BYTES, order);
        long visible = values[index] & row.readable();
        values[index] &= ~(row.readToClear() & (0xFFFF_FFFFL << shift));
        return (visible >>> shift) & 0xFFFF_FFFFL;
    }

    private void writeWord(long offset, long value) {
        int index = indexAt(offset);
        if (index != NONE) {
            int shift = rows[index].shiftOf(offset, Integer.BYTES, order);
            store(index, (value & 0xFFFF_FFFFL) << shift, 0xFFFF_FFFFL << shift);
        }
    }

    private void store(int index, long written, long covered) {
        Register row = rows[index];
        long lanes = covered & ~locked(index);
        long before = values[index];
        long takes = row.writable() & lanes;
        long ones = written & lanes;
        long proposed = ((before & ~takes) | (written & takes) | (ones & row.writeOneToSet()))
                & ~(ones & row.writeOneToClear());
        long after = filters[index] == null ? proposed : filters[index].filter(before, proposed, written, lanes);
        values[index] = after;
        if (actions[index] != null) {
            actions[index].written(before, after, written, lanes);
        }
    }
}
