package org.iommu4j.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
}
