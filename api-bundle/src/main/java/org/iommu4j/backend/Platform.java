package org.iommu4j.backend;

import org.osgi.annotation.versioning.ProviderType;

/** The machine around one unit: its memory, its interrupts and its clock. It outlives the backend of the unit. */
@ProviderType
public interface Platform {
    /** Memory that the chip, the host and the guest share. */
    PhysicalMemory memory();

    /** Receives the chip's interrupts. */
    InterruptSink interrupts();

    /** Receives the chip's device-TLB invalidations. */
    DevicePort devices();

    /**
     * Memory as devices reach it: pages that were taken for {@link PageOwner#VIRTUAL_IOMMU} or {@link PageOwner#HOST}, and
     * not given back, are no memory there.
     */
    default PhysicalMemory deviceMemory() {
        return memory();
    }

    /**
     * Memory as tables of guests are walked in it, by chips and by whoever reads a guest's tables: pages that were taken for
     * {@link PageOwner#HOST}, and not given back, are no memory there.
     */
    default PhysicalMemory guestTables() {
        return memory();
    }

    /**
     * A view of the machine for an owner whose pages are kept from guests; the core gives it to chips, drivers and virtual IOMMUs.
     * To a virtual IOMMU, which does what a guest asks for, {@link #guestTables} is all of {@link #memory}.
     *
     * @param owner for whom {@link #allocatePages} takes pages
     */
    default Platform forOwner(PageOwner owner) {
        return this;
    }

    /** Monotonic time in nanoseconds. */
    long nanoTime();

    /** Host physical address width in bits, 32 to 52. */
    int hostAddressWidth();

    /**
     * Zeroed, contiguous pages of the host, apart from all guest memory.
     *
     * @param pages number of 4096-byte pages
     * @return address of the first, aligned to 4096
     * @throws BackendException {@code ENOMEM} if the host's share is used up
     */
    long allocatePages(int pages);

    /**
     * True if an address is in a page that {@link #allocatePages} may give out: no guest's table begins there, since the page may
     * become a table of the host's while the guest's is in use.
     *
     * @param pa unsigned
     */
    default boolean isFree(long pa) {
        return false;
    }

    /** Gives pages back that {@link #allocatePages} gave out. */
    void freePages(long pa, int pages);

    /** The sanitizer that observes the chip, or null; a chip asks once, when it is made. */
    default Sanitizer sanitizer() {
        return null;
    }
}
