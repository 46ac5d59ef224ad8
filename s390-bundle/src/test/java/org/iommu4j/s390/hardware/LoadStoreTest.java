package org.iommu4j.s390.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.iommu4j.s390.Machine;
import org.junit.jupiter.api.Test;

class LoadStoreTest {
    private static final int PCILG = 0xB9D2;
    private static final int PCISTG = 0xB9D0;
    private static final int PCISTB = 0xEBD0;
    private static final long FUNCTION = 0x8002_0001_0000_0000L;
    private static final long CONFIGURATION = 15L << 16;

    private final Machine machine = Machine.of(2);

    @Test
    void shouldLoadZerosFromTheConfigurationSpace() {
        machine.enable(0x0002_0001);
        assertEquals(0, machine.execute(PCILG, -1, FUNCTION | CONFIGURATION | 4, 8));
        assertEquals(0, machine.register(0));
        assertEquals(FUNCTION | CONFIGURATION | 4, machine.register(1));
        assertEquals(0, machine.execute(PCISTG, 0x55, FUNCTION | CONFIGURATION | 2, 4));
        assertEquals(0, machine.execute(PCILG, -1, FUNCTION | CONFIGURATION | 2, 4));
        assertEquals(0, machine.register(0), "nothing stands behind a function");
    }

    @Test
    void shouldCheckRegisterHandleStateSpaceAndLengthInThatOrder() {
        assertEquals(-6, machine.execute(PCILG, 0, FUNCTION | 7 << 16, 0, 1));
        assertEquals(3, machine.execute(PCILG, 0, FUNCTION | 7 << 16, 0, 2));
        machine.setUp();
        assertEquals(1, machine.execute(PCILG, -1, FUNCTION | 7 << 16, 0));
        assertEquals(FUNCTION | 20 << 24 | 7 << 16, machine.register(1), "status 20 in R2");
        assertEquals(-1, machine.register(0), "R1 stays");
        assertEquals(-0x15, machine.execute(PCILG, 0, FUNCTION | CONFIGURATION, 0));
        machine.read((int) (FUNCTION >>> 32), 0);
        assertEquals(1, machine.execute(PCILG, 0, FUNCTION | 7 << 16, 0));
        assertEquals(FUNCTION | 12 << 24 | 7 << 16, machine.register(1), "status 12: the function is in error");
        assertEquals(0, machine.mpcifc((int) (FUNCTION >>> 32), 9));
        assertEquals(0, machine.execute(PCILG, 0, FUNCTION | CONFIGURATION | 1, 0), "blocked: load and store work");
    }

    @Test
    void shouldHaveNoBars() {
        machine.enable(0x0002_0001);
        assertEquals(-0x15, machine.execute(PCISTG, 0, FUNCTION | 8, 0));
        assertEquals(-0x15, machine.execute(PCISTB, FUNCTION | 16, 0x2000, 0));
        assertEquals(-6, machine.execute(PCISTB, FUNCTION | 16, 0x2004, 0));
        assertEquals(-6, machine.execute(PCISTB, FUNCTION | 16, 0x2000, 0xff8));
        assertEquals(-6, machine.execute(PCISTB, FUNCTION | 136, 0x2000, 0), "longer than the group stores");
        assertEquals(1, machine.execute(PCISTB, FUNCTION | CONFIGURATION | 16, 0x2000, 0));
        assertEquals(20, machine.status());
    }
}
