package org.iommu4j.backend;

import java.util.List;

/**
 * A machine to be made: address width, memory, interrupts, devices.
 *
 * @param hostAddressWidth host physical address width in bits, 32 to 52
 * @param ram guest-visible memory; empty: all of the address space, sparse
 * @param interrupts where interrupts go
 * @param devices where device-TLB invalidations go
 * @param sanitizer whether it has a sanitizer
 * @param reads sees each read of its memory, which costs time; null for nobody
 */
public record PlatformConfig(
        int hostAddressWidth,
        List<Range> ram,
        InterruptSink interrupts,
        DevicePort devices,
        Sanitizer.Mode sanitizer,
        MemoryReadListener reads) {

    /** Copies the list. */
    public PlatformConfig {
        if (hostAddressWidth < 32 || hostAddressWidth > 52) {
            throw new IllegalArgumentException("hostAddressWidth=" + hostAddressWidth + " is not in 32..52 bits");
        }
        ram = List.copyOf(ram);
    }

    /** A machine whose reads nobody sees. */
    public PlatformConfig(
            int hostAddressWidth,
            List<Range> ram,
            InterruptSink interrupts,
            DevicePort devices,
            Sanitizer.Mode sanitizer) {
        this(hostAddressWidth, ram, interrupts, devices, sanitizer, null);
    }

    /** A machine without a sanitizer. */
    public PlatformConfig(int hostAddressWidth, List<Range> ram, InterruptSink interrupts, DevicePort devices) {
        this(hostAddressWidth, ram, interrupts, devices, Sanitizer.Mode.OFF);
    }

    /**
     * A range of memory.
     *
     * @param base first address in bytes
     * @param lengthBytes length in bytes, positive
     */
    public record Range(long base, long lengthBytes) {
        /** Checks that the range does not wrap. */
        public Range {
            if (base < 0 || lengthBytes <= 0 || base + lengthBytes < 0) {
                throw new IllegalArgumentException(
                        "range 0x" + Long.toHexString(base) + "+0x" + Long.toHexString(lengthBytes));
            }
        }
    }
}
