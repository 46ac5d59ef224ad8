package org.iommu4j.simulation.platform;

import java.util.function.LongSupplier;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.simulation.memory.HostPages;
import org.iommu4j.simulation.memory.SparseMemory;

/** A machine with sparse memory, whose upper half of the address space belongs to the host. */
public final class SimulatedPlatform implements Platform {
    private final PlatformConfig config;
    private final LongSupplier nanoClock;
    private final SparseMemory memory;
    private final HostPages hostPages;

    /**
     * A machine with the system's clock and the default memory limit.
     *
     * @param config what it looks like
     */
    public SimulatedPlatform(PlatformConfig config) {
        this(config, System::nanoTime, SparseMemory.defaultLimitBytes());
    }

    /**
     * A machine.
     *
     * @param config what it looks like
     * @param nanoClock monotonic time in nanoseconds
     * @param memoryLimitBytes most bytes that written memory may take
     */
    public SimulatedPlatform(PlatformConfig config, LongSupplier nanoClock, long memoryLimitBytes) {
        this.config = config;
        this.nanoClock = nanoClock;
        memory = new SparseMemory(config.ram(), memoryLimitBytes);
        hostPages = new HostPages(memory, config.hostAddressWidth());
    }

    @Override
    public PhysicalMemory memory() {
        return memory;
    }

    @Override
    public InterruptSink interrupts() {
        return config.interrupts();
    }

    @Override
    public DevicePort devices() {
        return config.devices();
    }

    @Override
    public long nanoTime() {
        return nanoClock.getAsLong();
    }

    @Override
    public int hostAddressWidth() {
        return config.hostAddressWidth();
    }

    @Override
    public long allocatePages(int pages) {
        return hostPages.allocate(pages);
    }

    @Override
    public void freePages(long pa, int pages) {
        hostPages.free(pa, pages);
    }
}
