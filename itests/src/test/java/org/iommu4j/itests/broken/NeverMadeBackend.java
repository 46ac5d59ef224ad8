package org.iommu4j.itests.broken;

import java.util.concurrent.CountDownLatch;

/** A vendor's version whose constructor never comes back; it needs no methods. */
public final class NeverMadeBackend {
    /** Waits for ever. */
    public NeverMadeBackend() {
        CountDownLatch never = new CountDownLatch(1);
        while (true) {
            try {
                never.await();
            } catch (InterruptedException stubborn) {
                // This version does not even listen to interrupts.
            }
        }
    }
}
