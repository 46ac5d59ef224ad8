package org.iommu4j.simulation.platform;

import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Sanitizer;

/** A view of a machine for an owner whose pages are kept from guests. */
final class OwnersPlatform implements Platform {
    private final SimulatedPlatform machine;
    private final PageOwner owner;

    OwnersPlatform(SimulatedPlatform machine, PageOwner owner) {
        this.machine = machine;
        this.owner = owner;
    }

    @Override
    public PhysicalMemory memory() {
        return owner == PageOwner.HOST ? machine.memory() : machine.guestTables();
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
    public Platform forOwner(PageOwner other) {
        return machine.forOwner(other);
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
    public long nanoTime() {
        return machine.nanoTime();
    }

    @Override
    public int hostAddressWidth() {
        return machine.hostAddressWidth();
    }

    @Override
    public long allocatePages(int pages) {
        return machine.allocatePages(pages, owner);
    }

    @Override
    public boolean isFree(long pa) {
        return machine.isFree(pa);
    }

    @Override
    public void freePages(long pa, int pages) {
        machine.freePages(pa, pages);
    }

    @Override
    public Sanitizer sanitizer() {
        return machine.sanitizer();
    }
}
