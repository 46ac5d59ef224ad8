package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.List;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.intel.command.VtdRegisters.QueueTail;
import org.iommu4j.intel.hardware.SimulatedVtd;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.ForwardingPort;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Writes of a register that never reach the chip. */
class LostDoorbellTest {
    private static final int GENERATION = 0x110;
    private static final int DEVICE = 8;

    private final Platform platform =
            new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
    private final Port port = new Port(platform);
    private final Completion completion = new Completion();
    private VtdTranslator driver = VtdTranslator.create(GENERATION, port);

    /** A way to the chip that loses writes. */
    private static final class Port extends ForwardingPort {
        private long register = -1;
        private int lost;

        private Port(Platform platform) {
            super(platform, SimulatedVtd.create(HardwareConfig.of(GENERATION), platform));
        }

        private void lose(long offset, int writes) {
            register = offset;
            lost = writes;
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            if (offset == register && lost > 0) {
                lost--;
            } else {
                super.writeRegister(offset, sizeBytes, value);
            }
        }
    }

    private Errno invalidate() {
        InvalidateRequest request = new InvalidateRequest().set(0, 0, 0, 0, 0, GENERATION, new byte[0], 0, 0);
        completion.begin();
        if (driver.invalidate(0, request, completion) == 0) {
            driver.finish(completion);
        }
        return completion.errno();
    }

    private void open() {
        assertEquals(0, driver.openDomain(0, completion.begin()));
        assertEquals(0, driver.attach(0, DEVICE, 0x10_0000, 4, completion.begin()));
    }

    @Test
    void shouldRingAgainWhenADoorbellIsLost() {
        open();
        port.lose(QueueTail.REGISTER.offset(), 1);
        assertEquals(Errno.OK, invalidate());
        assertEquals(Errno.OK, invalidate());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldSetTheQueueUpAnewWhenItDoesNotGoOn(boolean swapped) {
        open();
        port.lose(QueueTail.REGISTER.offset(), 2);
        assertNotEquals(Errno.OK, invalidate());
        if (swapped) {
            driver = VtdTranslator.restore(driver.save(), port);
        }
        assertEquals(Errno.OK, invalidate());
        assertEquals(0, driver.detach(0, DEVICE, completion.begin()));
        assertEquals(0, driver.closeDomain(0, completion.begin()));
    }

    @Test
    void shouldComeBackWhicheverRegisterLostWrites() {
        open();
        for (int offset = 0; offset < 0x100; offset += 4) {
            for (int writes = 1; writes <= 4; writes++) {
                port.lose(offset, writes);
                for (int i = 0; i < 6 && port.lost > 0; i++) {
                    invalidate();
                }
                port.lose(-1, 0);
                invalidate();
                assertEquals(Errno.OK, invalidate(), "register 0x" + Integer.toHexString(offset));
            }
        }
    }
}
