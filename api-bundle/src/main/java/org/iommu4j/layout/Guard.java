package org.iommu4j.layout;

/**
 * Locks a field of a register: while a bit of another register is set, writes to the field are ignored.
 *
 * @param register the register that decides, of the same block
 * @param lockedBy its bits that lock; one that is set is enough
 */
public record Guard(Register register, long lockedBy) implements FieldOption {

    /** The names of the bits that lock, for documentation. */
    public String text() {
        StringBuilder names = new StringBuilder();
        for (BitField field : register.fields()) {
            if ((field.mask() & lockedBy) != 0) {
                names.append(names.isEmpty() ? "" : ", ")
                        .append(register.name())
                        .append('.')
                        .append(field.name());
            }
        }
        return "locked while set: " + names;
    }
}
