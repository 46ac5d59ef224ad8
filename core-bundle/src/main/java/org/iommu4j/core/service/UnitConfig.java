package org.iommu4j.core.service;

import java.util.List;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.MemoryReadListener;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.IommuModel;

/**
 * A machine to make.
 *
 * @param model the chip's model
 * @param hardware the chip
 * @param bare true for a chip without a driver: registers and queues are the caller's
 * @param hostAddressWidth in bits; 0 for the generation's default
 * @param ram memory; empty for all of the address space, sparse
 * @param interrupts where interrupts go
 * @param devices where device-TLB invalidations go
 * @param sanitizer whether its machine has a sanitizer; findings are at {@link org.iommu4j.backend.Platform#sanitizer}
 * @param reads sees each read of the machine's memory, which costs time; null for nobody
 */
public record UnitConfig(
        IommuModel model,
        HardwareConfig hardware,
        boolean bare,
        int hostAddressWidth,
        List<PlatformConfig.Range> ram,
        InterruptSink interrupts,
        DevicePort devices,
        Sanitizer.Mode sanitizer,
        MemoryReadListener reads) {

    /** Copies the list. */
    public UnitConfig {
        ram = List.copyOf(ram);
    }

    /** A machine whose reads nobody sees. */
    public UnitConfig(
            IommuModel model,
            HardwareConfig hardware,
            boolean bare,
            int hostAddressWidth,
            List<PlatformConfig.Range> ram,
            InterruptSink interrupts,
            DevicePort devices,
            Sanitizer.Mode sanitizer) {
        this(model, hardware, bare, hostAddressWidth, ram, interrupts, devices, sanitizer, null);
    }

    /** A machine without a sanitizer. */
    public UnitConfig(
            IommuModel model,
            HardwareConfig hardware,
            boolean bare,
            int hostAddressWidth,
            List<PlatformConfig.Range> ram,
            InterruptSink interrupts,
            DevicePort devices) {
        this(model, hardware, bare, hostAddressWidth, ram, interrupts, devices, Sanitizer.Mode.OFF);
    }

    /** A chip with a driver, sparse memory, and nobody who listens to interrupts. */
    public static UnitConfig of(IommuModel model, HardwareConfig hardware) {
        return new UnitConfig(model, hardware, false, 0, List.of(), (address, data) -> {}, DevicePort.COMPLETING);
    }

    /** A copy without a driver. */
    public UnitConfig withoutDriver() {
        return new UnitConfig(model, hardware, true, hostAddressWidth, ram, interrupts, devices, sanitizer, reads);
    }

    /** A copy with or without a sanitizer. */
    public UnitConfig withSanitizer(Sanitizer.Mode mode) {
        return new UnitConfig(model, hardware, bare, hostAddressWidth, ram, interrupts, devices, mode, reads);
    }

    /** A copy with somebody who sees each read of memory, or null for nobody. */
    public UnitConfig withReads(MemoryReadListener listener) {
        return new UnitConfig(model, hardware, bare, hostAddressWidth, ram, interrupts, devices, sanitizer, listener);
    }
}
