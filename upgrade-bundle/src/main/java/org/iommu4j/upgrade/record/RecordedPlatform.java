package org.iommu4j.upgrade.record;

import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Sanitizer;

/** A unit's machine as its clients have it. */
final class RecordedPlatform implements Platform {
    private final Platform platform;
    private final RecordedUnit unit;
    private final PhysicalMemory memory;

    RecordedPlatform(Platform platform, RecordedUnit unit) {
        this.platform = platform;
        this.unit = unit;
        memory = new RecordedMemory(platform.memory(), unit);
    }

    @Override
    public PhysicalMemory memory() {
        return memory;
    }

    @Override
    public PhysicalMemory deviceMemory() {
        return platform.deviceMemory();
    }

    @Override
    public PhysicalMemory guestTables() {
        return platform.guestTables();
    }

    @Override
    public Platform forOwner(PageOwner owner) {
        return new RecordedPlatform(platform.forOwner(owner), unit);
    }

    @Override
    public InterruptSink interrupts() {
        return platform.interrupts();
    }

    @Override
    public DevicePort devices() {
        return platform.devices();
    }

    @Override
    public long nanoTime() {
        return platform.nanoTime();
    }

    @Override
    public int hostAddressWidth() {
        return platform.hostAddressWidth();
    }

    @Override
    public long allocatePages(int pages) {
        long[] pa = new long[1];
        unit.inOrder(
                () -> pa[0] = platform.allocatePages(pages),
                () -> new RecordLine.PagesTaken(unit.number(), pages, pa[0]));
        return pa[0];
    }

    @Override
    public void freePages(long pa, int pages) {
        unit.inOrder(() -> platform.freePages(pa, pages), () -> new RecordLine.PagesGiven(unit.number(), pages, pa));
    }

    @Override
    public Sanitizer sanitizer() {
        return platform.sanitizer();
    }
}
