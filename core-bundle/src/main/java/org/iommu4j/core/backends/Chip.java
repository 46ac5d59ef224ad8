package org.iommu4j.core.backends;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.Translator;

/** A chip and its driver, and the backend that made them: what stands behind the gate of a unit. */
public final class Chip {
    private final BackendEntry backend;
    private final Hardware foreign;
    private final Hardware hardware;
    private final Translator translator;
    private volatile boolean givenUp;

    /** The thread that was interrupted inside the chip; null if there is none; guarded by this. */
    private Thread interrupted;

    /**
     * A chip with its driver.
     *
     * @param backend who made it
     * @param hardware the chip
     * @param translator its driver; null for a bare unit
     */
    public Chip(BackendEntry backend, Hardware hardware, Translator translator) {
        this.backend = backend;
        this.foreign = hardware;
        this.hardware = Contained.hardware(hardware, backend);
        this.translator = translator == null ? null : Contained.translator(translator, backend);
    }

    /** The backend that made the chip. */
    public BackendEntry backend() {
        return backend;
    }

    /** The chip; throws nothing but {@link org.iommu4j.backend.BackendException}. */
    public Hardware hardware() {
        return hardware;
    }

    /** Lets a device access memory, and throws what the chip throws: for a trial, where that must not look like a refusal. */
    void translateOrThrow(DmaAccess access) {
        foreign.translate(access);
    }

    /** The driver of the chip, which throws nothing where it can answer; null for a bare unit. */
    public Translator translator() {
        return translator;
    }

    /**
     * It is given up with a call inside, which may come out at any time and must not touch the books then.
     *
     * @param insider the thread that is inside, which is interrupted, or null
     */
    public synchronized void giveUp(Thread insider) {
        givenUp = true;
        interrupted = insider;
        if (insider != null) {
            insider.interrupt();
        }
    }

    /** A call has come out of a chip that was given up: its thread is interrupted no more. */
    public synchronized void cameOut() {
        if (interrupted == Thread.currentThread()) {
            Thread.interrupted();
            interrupted = null;
        }
    }

    /** True once it is given up. */
    public boolean isGivenUp() {
        return givenUp;
    }

    /** Changes the core's notes of domains, devices and binds, unless the chip is given up: its successor was made from them. */
    public synchronized boolean book(Runnable change) {
        if (!givenUp) {
            change.run();
        }
        return !givenUp;
    }
}
