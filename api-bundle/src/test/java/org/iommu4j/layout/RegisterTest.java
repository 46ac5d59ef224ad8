package org.iommu4j.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class RegisterTest {
    private static final Layout LAYOUT = Layout.named("FSTS_REG").size(32).build();

    @Test
    void shouldBeARowOfData() {
        Register status = Register.readWrite("FSTS", 0x34, 32, 0, 0xFF00, LAYOUT)
                .clearing(0x11)
                .reading(0xFFFF)
                .surviving()
                .resetTo(0x40);

        assertEquals(0x34, status.offset());
        assertEquals(0xFF00, status.writable());
        assertEquals(0x11, status.writeOneToClear());
        assertEquals(0xFFFF, status.readable());
        assertTrue(status.sticky());
        assertEquals(0x40, status.reset());
    }

    @Test
    void shouldRefuseRowsThatContradictThemselves() {
        Register writable = Register.readWrite("R", 0, 32, 0, 0xFF, LAYOUT);

        assertThrows(IllegalArgumentException.class, () -> writable.clearing(0x80));
        assertThrows(IllegalArgumentException.class, () -> Register.readOnly("R", 0, 16, 0, LAYOUT));
        assertThrows(IllegalArgumentException.class, () -> Register.readOnly("R", 2, 32, 0, LAYOUT));
        assertThrows(IllegalArgumentException.class, () -> Register.readOnly("R", -4, 32, 0, LAYOUT));
        assertThrows(IllegalArgumentException.class, () -> Register.readOnly("R", 0, 32, 1L << 32, LAYOUT));
        assertThrows(IllegalArgumentException.class, () -> Register.readWrite("R", 0, 32, 0, 1L << 32, LAYOUT));
    }

    @Test
    void shouldTakeMasksAndResetValueFromItsFields() {
        Register.Builder builder =
                Register.named("R").at(0x10, 32).spec("made up").each(Access.READ_WRITE);
        builder.bits("A", 3, 0, FieldOption.reset(5));
        builder.address("B", 31, 12, FieldOption.reset(0x7000));
        builder.bit("C", 4, Access.WRITE_ONE_CLEARS);
        builder.bit("D", 5, Access.READ_ONLY);
        builder.bit("E", 6, Access.WRITE_ONLY);
        builder.bit("F", 7, Access.WRITE_ONE_SETS);
        builder.bit("G", 8, Access.READ_CLEARS);
        builder.ignored("H", 10, 9);
        Register register = builder.build();
        assertEquals(0x7005, register.reset());
        assertEquals(0xffff_f64fL, register.writable());
        assertEquals(0x10, register.writeOneToClear());
        assertEquals(0x80, register.writeOneToSet());
        assertEquals(0x100, register.readToClear());
        assertEquals(~0x40L, register.readable());
        assertEquals(4, register.widthBytes());
        assertEquals("made up", register.layout().section());
        assertEquals(0x20, register.at("R2", 0x20).offset());
        assertEquals(7, register.fields().size());
    }

    @Test
    void shouldBeAWordOfALongerRecord() {
        Layout.Builder record = Layout.named("record").size(128);
        record.bits("LOW", 63, 0, Access.READ_ONLY);
        BitField flag = record.bit("F", 127, Access.WRITE_ONE_CLEARS);
        Register high = Register.ofWord("HIGH", 8, record.build(), 1);
        assertEquals(flag.mask(), high.writeOneToClear());
        assertEquals(0, high.writable());
        assertEquals(List.of(flag), high.fields());
    }

    @Test
    void shouldRefuseAResetValueThatDoesNotFit() {
        Register.Builder builder = Register.named("R").at(0, 32);
        assertThrows(IllegalArgumentException.class, () -> builder.bit("A", 0, FieldOption.reset(2)));
    }
}
