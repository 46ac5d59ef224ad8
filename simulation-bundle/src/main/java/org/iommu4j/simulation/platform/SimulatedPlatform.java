package org.iommu4j.simulation.platform;

import java.util.function.LongSupplier;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.simulation.memory.GuardedMemory;
import org.iommu4j.simulation.memory.HostPages;
import org.iommu4j.simulation.memory.SparseMemory;
import org.iommu4j.simulation.sanitizer.TranslationSanitizer;
import org.iommu4j.simulation.sanitizer.WatchedMemory;

/** A machine with sparse memory, whose upper half of the address space belongs to the host. */
public final class SimulatedPlatform implements Platform {
    private final PlatformConfig config;
    private final LongSupplier nanoClock;
    private final PhysicalMemory memory;
    private final HostPages hostPages;
    private final TranslationSanitizer sanitizer;
    private final PhysicalMemory deviceMemory;
    private final PhysicalMemory guestTables;

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
        SparseMemory plain = new SparseMemory(config.ram(), memoryLimitBytes);
        hostPages = new HostPages(plain, config.hostAddressWidth());
        if (config.sanitizer() == Sanitizer.Mode.OFF) {
            sanitizer = null;
            memory = observed(plain);
        } else {
            sanitizer = new TranslationSanitizer(plain, config.sanitizer() == Sanitizer.Mode.ON);
            memory = observed(new WatchedMemory(plain, sanitizer));
        }
        deviceMemory = new GuardedMemory(memory, hostPages, PageOwner.CLIENT);
        guestTables = new GuardedMemory(memory, hostPages, PageOwner.VIRTUAL_IOMMU);
    }

    /** The memory, with whoever wants to see its reads. */
    private PhysicalMemory observed(PhysicalMemory whole) {
        return config.reads() == null ? whole : new ObservedMemory(whole, config.reads());
    }

    @Override
    public PhysicalMemory memory() {
        return memory;
    }

    @Override
    public PhysicalMemory deviceMemory() {
        return deviceMemory;
    }

    @Override
    public PhysicalMemory guestTables() {
        return guestTables;
    }

    @Override
    public Platform forOwner(PageOwner owner) {
        return owner == PageOwner.CLIENT ? this : new OwnersPlatform(this, owner);
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
        return allocatePages(pages, PageOwner.CLIENT);
    }

    /** As {@link #allocatePages(int)}, for an owner. */
    long allocatePages(int pages, PageOwner owner) {
        long pa = hostPages.allocate(pages, owner);
        if (sanitizer != null) {
            sanitizer.cleared(pa, pages);
        }
        return pa;
    }

    @Override
    public boolean isFree(long pa) {
        return hostPages.isFree(pa);
    }

    @Override
    public void freePages(long pa, int pages) {
        hostPages.free(pa, pages);
        if (sanitizer != null) {
            sanitizer.freed(pa, pages);
            sanitizer.cleared(pa, pages);
        }
    }

    @Override
    public Sanitizer sanitizer() {
        return sanitizer;
    }
}
