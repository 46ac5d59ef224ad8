package org.iommu4j.amd.hardware;

import org.iommu4j.amd.command.SizeEncoding;
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
        /** INVALIDATE_IOMMU_PAGES with GN=0 for 4 KiB is lost. */
        HOST_PAGE,
        /** The same for a larger block. */
        HOST_RANGE,
        /** The same for everything. */
        HOST_ALL,
        /** A block of GN=0 keeps its upper half. */
        HALF_OF_RANGE,
        /** INVALIDATE_IOMMU_PAGES drops another domain's pages. */
        OTHER_DOMAIN,
        /** PDE is taken for 0 with GN=0. */
        HOST_DIRECTORIES,
        /** GN=0 keeps guest translations that were made while nested. */
        NESTED,
        /** INVALIDATE_IOMMU_PAGES with GN=1 for 4 KiB is lost. */
        GUEST_PAGE,
        /** The same for a larger block. */
        GUEST_RANGE,
        /** The same for everything. */
        GUEST_ALL,
        /** PDE is taken for 0 with GN=1. */
        GUEST_DIRECTORIES,
        /** GN=1 drops what another PASID has. */
        OTHER_PASID,
        /** INVALIDATE_IOTLB_PAGES with GN=0 is lost. */
        DEVICE_TLB,
        /** INVALIDATE_IOTLB_PAGES with GN=1 is lost. */
        DEVICE_TLB_OF_PASID,
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
            if (loss == Loss.NESTED) {
                super.invalidateOfHost(domain, base, shift, withDirectories);
            } else if (loss != ofSize(shift, Loss.HOST_PAGE, Loss.HOST_RANGE, Loss.HOST_ALL)) {
                super.invalidateHostPages(
                        loss == Loss.OTHER_DOMAIN ? domain + 1 : domain,
                        base,
                        loss == Loss.HALF_OF_RANGE ? halved(shift) : shift,
                        withDirectories && loss != Loss.HOST_DIRECTORIES);
            }
        }

        @Override
        void invalidateGuestPages(int domain, int pasid, long base, int shift, boolean withDirectories) {
            if (loss != ofSize(shift, Loss.GUEST_PAGE, Loss.GUEST_RANGE, Loss.GUEST_ALL)) {
                super.invalidateGuestPages(
                        domain,
                        loss == Loss.OTHER_PASID ? pasid + 1 : pasid,
                        base,
                        shift,
                        withDirectories && loss != Loss.GUEST_DIRECTORIES);
            }
        }

        @Override
        void invalidateDeviceTlb(int deviceId, int pasid, long base, int shift) {
            if (loss != (pasid == NO_PASID ? Loss.DEVICE_TLB : Loss.DEVICE_TLB_OF_PASID)) {
                super.invalidateDeviceTlb(deviceId, pasid, base, shift);
            }
        }

        private static Loss ofSize(int shift, Loss page, Loss range, Loss all) {
            return shift == SizeEncoding.PAGE_SHIFT ? page : shift == SizeEncoding.ALL ? all : range;
        }

        private static int halved(int shift) {
            return shift == SizeEncoding.PAGE_SHIFT || shift == SizeEncoding.ALL ? shift : shift - 1;
        }
    }
}
