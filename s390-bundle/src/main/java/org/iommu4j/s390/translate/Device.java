package org.iommu4j.s390.translate;

/** A function in a domain: its handle as it is now, and what is registered. */
final class Device {
    private final int index;
    private int handle;
    private boolean enabled;
    private Registration registration;

    /** A function that is blocked. */
    Device(int index, int handle) {
        this.index = index;
        this.handle = handle;
    }

    int index() {
        return index;
    }

    int handle() {
        return handle;
    }

    boolean enabled() {
        return enabled;
    }

    /** Enables or disables it, which changes its handle. */
    void enabled(boolean on, int newHandle) {
        enabled = on;
        handle = newHandle;
    }

    /** The registration of the device, or null if it is blocked. */
    Registration registration() {
        return registration;
    }

    void register(Registration next) {
        registration = next;
    }
}
