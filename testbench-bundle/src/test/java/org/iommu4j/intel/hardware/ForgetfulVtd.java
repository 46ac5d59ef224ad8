package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.intel.table.TableWalker;

/** Units that keep what an invalidation has to drop, for tests of what has to find that. */
public final class ForgetfulVtd {
    /** The fault of such a unit. */
    public enum Loss {
        /** Page-selective invalidations are lost. */
        PAGES,
        /** Of several pages only the first is dropped. */
        ALL_BUT_THE_FIRST_PAGE,
        /** Paging-structure caches are kept, as if IH were always set. */
        TABLES,
        /** Page-selective invalidations drop another domain's pages. */
        OTHER_DOMAIN,
        /** Domain-selective invalidations of the IOTLB are lost. */
        DOMAIN,
        /** Global invalidations of the IOTLB are lost. */
        TRANSLATIONS,
        /** Device-selective invalidations of the context cache are lost. */
        CONTEXT_OF_DEVICE,
        /** Domain-selective invalidations of the context cache are lost. */
        CONTEXTS_OF_DOMAIN,
        /** Global invalidations of the context cache are lost. */
        CONTEXTS,
        /** Device-TLB invalidations are lost. */
        DEVICE_TLB
    }

    private ForgetfulVtd() {}

    /** A unit fresh from reset. */
    public static Hardware create(HardwareConfig config, Platform platform, Loss loss) {
        return SimulatedVtd.create(config, platform, (size, walker) -> new Caches(size, walker, loss));
    }

    private static final class Caches extends TranslationCaches {
        private final Loss loss;

        Caches(CacheConfig config, TableWalker walker, Loss loss) {
            super(config, walker);
            this.loss = loss;
        }

        @Override
        void invalidatePages(int domain, long iova, int addressMask, boolean leafOnly) {
            if (loss != Loss.PAGES) {
                super.invalidatePages(
                        loss == Loss.OTHER_DOMAIN ? domain + 1 : domain,
                        iova,
                        loss == Loss.ALL_BUT_THE_FIRST_PAGE ? 0 : addressMask,
                        leafOnly || loss == Loss.TABLES);
            }
        }

        @Override
        void invalidateDomain(int domain) {
            if (loss != Loss.DOMAIN) {
                super.invalidateDomain(domain);
            }
        }

        @Override
        void invalidateTranslations() {
            if (loss != Loss.TRANSLATIONS) {
                super.invalidateTranslations();
            }
        }

        @Override
        void invalidateContextOfDevice(int sourceId, int functionMask, int domain) {
            if (loss != Loss.CONTEXT_OF_DEVICE) {
                super.invalidateContextOfDevice(sourceId, functionMask, domain);
            }
        }

        @Override
        void invalidateContextsOfDomain(int domain) {
            if (loss != Loss.CONTEXTS_OF_DOMAIN) {
                super.invalidateContextsOfDomain(domain);
            }
        }

        @Override
        void invalidateContexts() {
            if (loss != Loss.CONTEXTS) {
                super.invalidateContexts();
            }
        }

        @Override
        void invalidateDevice(int sourceId, long word1) {
            if (loss != Loss.DEVICE_TLB) {
                super.invalidateDevice(sourceId, word1);
            }
        }
    }
}
