package org.iommu4j.itests.broken;

/** A vendor's version whose constructor does not come back until the test lets go of it; it needs no methods. */
public final class NeverMadeBackend {
    /** The system property that lets go of it. */
    public static final String LET_GO = "iommu4j.test.let-go";

    /** Waits, and does not listen to interrupts. */
    public NeverMadeBackend() {
        while (System.getProperty(LET_GO) == null) {
            Thread.onSpinWait();
        }
        throw new IllegalStateException("the test is over");
    }
}
