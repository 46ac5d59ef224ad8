package org.iommu4j.testbench.conform;

import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Sanitizer;

/**
 * A machine whose host gives memory as it likes.
 *
 * @param machine the machine itself
 * @param trouble what its host does
 */
record TroubledPlatform(Platform machine, Trouble trouble) implements Platform {
    @Override
    public PhysicalMemory memory() {
        return machine.memory();
    }

    @Override
    public InterruptSink interrupts() {
        return machine.interrupts();
    }

    @Override
    public DevicePort devices() {
        return machine.devices();
    }

    @Override
    public PhysicalMemory deviceMemory() {
        return machine.deviceMemory();
    }

    @Override
    public PhysicalMemory guestTables() {
        return machine.guestTables();
    }

    @Override
    public Platform forOwner(PageOwner owner) {
        return new TroubledPlatform(machine.forOwner(owner), trouble);
    }

    @Override
    public long nanoTime() {
        return machine.nanoTime();
    }

    @Override
    public int hostAddressWidth() {
        return machine.hostAddressWidth();
    }

    @Override
    public long allocatePages(int pages) {
        trouble.allocating(pages);
        return machine.allocatePages(pages);
    }

    @Override
    public void freePages(long pa, int pages) {
        machine.freePages(pa, pages);
        trouble.freeing(pages);
    }

    @Override
    public Sanitizer sanitizer() {
        return machine.sanitizer();
    }
}
