package org.iommu4j.testbench.fuzz;

import java.util.concurrent.CountDownLatch;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.testing.ForwardingHardware;

/** VT-d's bundle, of which a write to the register of {@link #HANGS} does not come back until it is let go. */
public final class HangingBackend extends BrokenBackend {
    /** Offset of the context command register. */
    private static final long HANGS = 40;

    private static volatile CountDownLatch held = new CountDownLatch(1);

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return new Stuck(super.createHardware(config, platform));
    }

    /** Lets go of every call that is held. */
    public static void letGo() {
        held.countDown();
        held = new CountDownLatch(1);
    }

    private static final class Stuck extends ForwardingHardware {
        private Stuck(Hardware chip) {
            super(chip);
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            CountDownLatch latch = held;
            while (offset == HANGS && latch.getCount() > 0) {
                Thread.onSpinWait();
            }
            super.writeRegister(offset, sizeBytes, value);
        }
    }
}
