package org.iommu4j.layout;

import java.util.List;

/**
 * Additions to the declaration of a field: allowed codes, the first generation that has it, a gate, a remark; of a register
 * also software's access ({@link Access}), its value after reset, and what locks it ({@link Guard}).
 */
public sealed interface FieldOption
        permits Access,
                Guard,
                FieldOption.OneOf,
                FieldOption.Since,
                FieldOption.When,
                FieldOption.About,
                FieldOption.Reset {

    /** The only legal values; every other value is a reserved value. */
    static FieldOption oneOf(Code... codes) {
        return new OneOf(List.of(codes));
    }

    /** The first {@code sub_version} that knows the field; before it the bits are reserved. */
    static FieldOption since(int subVersion) {
        return new Since(subVersion);
    }

    /** The capability, as its register names it, without which the bits are reserved. */
    static FieldOption when(String capability) {
        return new When(capability);
    }

    /** The meaning of the field, for explanations and documentation. */
    static FieldOption about(String text) {
        return new About(text);
    }

    /** The value after reset, as the field holds it; 0 if not given. */
    static FieldOption reset(long value) {
        return new Reset(value);
    }

    /**
     * Writes to the field are ignored unless all the given fields are 0.
     *
     * @param register the register that has them
     */
    static FieldOption whileClear(Register register, BitField... fields) {
        long mask = 0;
        for (BitField field : fields) {
            mask |= field.mask();
        }
        return new Guard(register, mask);
    }

    /** Made by {@link #oneOf(Code...)}. */
    record OneOf(List<Code> codes) implements FieldOption {}

    /** Made by {@link #since(int)}. */
    record Since(int subVersion) implements FieldOption {}

    /** Made by {@link #when(String)}. */
    record When(String capability) implements FieldOption {}

    /** Made by {@link #about(String)}. */
    record About(String text) implements FieldOption {}

    /** Made by {@link #reset(long)}. */
    record Reset(long value) implements FieldOption {}
}
