package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.intel.table.TableWalker;

/** A unit that loses page-selective invalidations, for tests of what has to find that. */
public final class ForgetfulVtd {
    private ForgetfulVtd() {}

    /** A unit fresh from reset. */
    public static Hardware create(HardwareConfig config, Platform platform) {
        return SimulatedVtd.create(config, platform, Caches::new);
    }

    private static final class Caches extends TranslationCaches {
        Caches(CacheConfig config, TableWalker walker) {
            super(config, walker);
        }

        @Override
        void invalidatePages(int domain, long iova, int addressMask, boolean leafOnly) {
            // Lost.
        }
    }
}
