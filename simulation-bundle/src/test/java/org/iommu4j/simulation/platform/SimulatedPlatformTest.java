package org.iommu4j.simulation.platform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.junit.jupiter.api.Test;

final class SimulatedPlatformTest {
    private final InterruptSink interrupts = (address, data) -> {};
    private final PlatformConfig config =
            new PlatformConfig(39, List.of(new PlatformConfig.Range(0, 0x1000)), interrupts, DevicePort.COMPLETING);

    @Test
    void shouldBeTheMachineThatTheConfigurationDescribes() {
        Platform platform = new SimulatedPlatformFactory().create(config);

        assertEquals(39, platform.hostAddressWidth());
        assertSame(interrupts, platform.interrupts());
        assertSame(DevicePort.COMPLETING, platform.devices());
        assertTrue(platform.memory().contains(0, 0x1000));
        assertThrows(BusErrorException.class, () -> platform.memory().readLongLe(0x1000));
        assertTrue(platform.nanoTime() <= platform.nanoTime());
    }

    @Test
    void shouldTellTheTimeOfTheClockItIsGiven() {
        Platform platform = new SimulatedPlatform(config, () -> 42, 1 << 20);

        assertEquals(42, platform.nanoTime());
    }

    @Test
    void shouldAllocateAndFreePagesOfTheHost() {
        Platform platform = new SimulatedPlatform(config);

        long pa = platform.allocatePages(2);
        assertEquals(1L << 38, pa);
        platform.memory().writeLongLe(pa + 4096, 7);
        platform.freePages(pa, 2);
        assertEquals(pa, platform.allocatePages(1));
    }
}
