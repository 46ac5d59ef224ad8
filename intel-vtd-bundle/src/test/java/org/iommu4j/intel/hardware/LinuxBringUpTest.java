package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** The register traffic with which a captured Linux 6.1 brings a unit up, and what it read back. */
class LinuxBringUpTest {
    @Test
    void shouldReadBackWhatTheCapturedGuestRead() {
        VtdUnit unit = recipe().register("CAP", 0xd2008c222f0606L)
                .register("ECAP", 0xf00f4aL)
                .make();
        assertEquals(0xd2008c222f0606L, unit.read8(0x08));
        assertEquals(0xf00f4aL, unit.read8(0x10));
        assertEquals(0x10, unit.read(0x00));
        assertEquals(0, unit.read(0x1c));
        assertEquals(0, unit.read(0x34));

        unit.write(0x88, 0);
        unit.write8(0x90, 0x11b1000L);
        unit.write(0x18, 0x4000000);
        assertEquals(0x4000000, unit.read(0x1c));
        unit.write8(0xb8, 0x120000fL);
        unit.write(0x18, 0x5000000);
        assertEquals(0x5000000, unit.read(0x1c));

        slot(unit, 0, "04000000000000000000000000000000");
        slot(unit, 1, "2500000002000000041c040100000000");
        unit.write(0x88, 0x20);
        assertEquals(2, unit.memory.readIntLe(0x1041c04));
        assertEquals(0x20, unit.read8(0x80));
        unit.write(0x18, 0x6000000);
        assertEquals(0x7000000, unit.read(0x1c));

        for (int i = 0; i < 2; i++) {
            unit.write(0x3c, 0x21);
            unit.write(0x40, 0xfee01004L);
            unit.write(0x44, 0);
        }
        unit.write(0x38, 0);
        assertEquals(0, unit.read(0x38));
        unit.write(0x34, 0);
        assertEquals(0, unit.read(0x34));

        slot(unit, 2, "14000000010000000000000000000000");
        slot(unit, 3, "25000000020000000c1c040100000000");
        unit.write(0x88, 0x40);
        assertEquals(2, unit.memory.readIntLe(0x1041c0c));

        assertEquals(0x7000000, unit.read(0x1c));
        unit.write8(0x20, 0x29bb000L);
        unit.write(0x18, 0x46000000);
        assertEquals(0x47000000, unit.read(0x1c));
        slot(unit, 4, "11000000000000000000000000000000");
        slot(unit, 5, "d2000000000000000000000000000000");
        slot(unit, 6, "2500000002000000141c040100000000");
        unit.write(0x88, 0x70);
        assertEquals(2, unit.memory.readIntLe(0x1041c14));
        unit.write(0x18, 0x86000000L);
        assertEquals(0xc7000000L, unit.read(0x1c));

        assertMonitorReads(unit);
        unit.write(0x18, 0x6000000);
        assertEquals(0x47000000, unit.read(0x1c));
    }

    /** The block of 32 quads that the capture read when it stopped the machine. */
    private static void assertMonitorReads(VtdUnit unit) {
        for (int offset = 0; offset < 0x100; offset += 8) {
            long expected = switch (offset) {
                case 0x00 -> 0x10L;
                case 0x08 -> 0xd2008c222f0606L;
                case 0x10 -> 0xf00f4aL;
                case 0x18 -> 0xc700000000000000L;
                case 0x20 -> 0x29bb000L;
                case 0x38 -> 0x2100000000L;
                case 0x40 -> 0xfee01004L;
                case 0x80, 0x88 -> 0x70L;
                case 0x90 -> 0x11b1000L;
                case 0xa0 -> 0x80000000L;
                case 0xb8 -> 0x120000fL;
                default -> 0L;
            };
            assertEquals(
                    Long.toHexString(expected),
                    Long.toHexString(unit.read8(offset)),
                    "offset 0x" + Integer.toHexString(offset));
        }
    }

    private static void slot(VtdUnit unit, int index, String hex) {
        byte[] bytes = HexFormat.of().parseHex(hex);
        unit.memory.write(0x11b1000L + index * 16L, bytes, 0, bytes.length);
    }
}
