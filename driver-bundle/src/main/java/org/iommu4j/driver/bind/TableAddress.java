package org.iommu4j.driver.bind;

import org.iommu4j.backend.Platform;

/** Checks of a table's address. */
public final class TableAddress {
    private static final long PAGE_OFFSET = (1 << 12) - 1;

    private TableAddress() {}

    /** True if an address is that of a page of 4,096 bytes below the host address width. */
    public static boolean isPage(long address, Platform platform) {
        return (address & PAGE_OFFSET) == 0 && address >>> platform.hostAddressWidth() == 0;
    }
}
