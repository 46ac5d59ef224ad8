package org.iommu4j.spapr.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;

/** Platforms that keep what a call or a kill has to drop, for tests of what has to find that. */
public final class ForgetfulPhb {
    /** The fault of such a platform. */
    public enum Loss {
        /** The page of one entry stays: H_PUT_TCE, kill of a page. */
        PAGE,
        /** The pages of several entries stay: H_STUFF_TCE, H_PUT_TCE_INDIRECT. */
        RANGE,
        /** A kill of everything is lost. */
        EVERYTHING,
        /** A kill of an endpoint, or a window that is set, drops nothing. */
        ENDPOINT,
        /** What is dropped is another endpoint's. */
        OTHER_ENDPOINT
    }

    private ForgetfulPhb() {}

    /** A platform fresh from reset. */
    public static Hardware create(HardwareConfig config, Platform machine, Loss loss) {
        return SimulatedPhb.create(config, machine, size -> new Cache(size, loss));
    }

    private static final class Cache extends TceCache {
        private final Loss loss;

        Cache(CacheConfig config, Loss loss) {
            super(config);
            this.loss = loss;
        }

        private int endpoint(int pe) {
            return loss == Loss.OTHER_ENDPOINT ? pe + 1 : pe;
        }

        @Override
        void invalidateRange(int pe, long first, long last) {
            if (loss != Loss.RANGE) {
                super.invalidateRange(endpoint(pe), first, last);
            }
        }

        @Override
        void invalidatePage(int pe, long iova) {
            if (loss != Loss.PAGE) {
                super.invalidatePage(endpoint(pe), iova);
            }
        }

        @Override
        void invalidateAll() {
            if (loss != Loss.EVERYTHING) {
                super.invalidateAll();
            }
        }

        @Override
        void invalidateEndpoint(int pe) {
            if (loss != Loss.ENDPOINT) {
                super.invalidateEndpoint(endpoint(pe));
            }
        }
    }
}
