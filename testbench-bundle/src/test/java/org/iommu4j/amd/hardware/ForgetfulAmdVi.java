package org.iommu4j.amd.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.simulation.config.SettingValues;

/** Units that keep what a command has to drop, for tests of what has to find that. */
public final class ForgetfulAmdVi {
    /** The fault of such a unit. */
    public enum Loss {
        /** INVALIDATE_DEVTAB_ENTRY is lost. */
        DEVICE_ENTRY,
        /** INVALIDATE_IOMMU_PAGES with GN=0 is lost. */
        HOST_PAGES,
        /** The same drops another domain's pages. */
        OTHER_DOMAIN,
        /** PDE is taken for 0. */
        DIRECTORIES,
        /** INVALIDATE_IOMMU_PAGES with GN=1 is lost. */
        GUEST_PAGES,
        /** INVALIDATE_IOMMU_ALL is lost. */
        EVERYTHING
    }

    private ForgetfulAmdVi() {}

    /** A unit fresh from reset. */
    public static Hardware create(HardwareConfig config, Platform platform, Loss loss) {
        return SimulatedAmdVi.create(config, platform, (size, chosen) -> new Caches(size, chosen, loss));
    }

    private static final class Caches extends TranslationCaches {
        private final Loss loss;

        Caches(CacheConfig config, SettingValues chosen, Loss loss) {
            super(config, chosen);
            this.loss = loss;
        }

        @Override
        void invalidateAll() {
            if (loss != Loss.EVERYTHING) {
                super.invalidateAll();
            }
        }

        @Override
        void invalidateDevice(int deviceId) {
            if (loss != Loss.DEVICE_ENTRY) {
                super.invalidateDevice(deviceId);
            }
        }

        @Override
        void invalidateHostPages(int domain, long base, int shift, boolean withDirectories) {
            if (loss != Loss.HOST_PAGES) {
                super.invalidateHostPages(
                        loss == Loss.OTHER_DOMAIN ? domain + 1 : domain,
                        base,
                        shift,
                        withDirectories && loss != Loss.DIRECTORIES);
            }
        }

        @Override
        void invalidateGuestPages(int domain, int pasid, long base, int shift, boolean withDirectories) {
            if (loss != Loss.GUEST_PAGES) {
                super.invalidateGuestPages(domain, pasid, base, shift, withDirectories && loss != Loss.DIRECTORIES);
            }
        }
    }
}
