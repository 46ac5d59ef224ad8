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
        DEVICE_TLB,
        /** Of scalable mode: invalidations of the PASID cache are lost. */
        PASID_CACHE,
        /** PASID-selective invalidations of the IOTLB are lost. */
        PASID,
        /** Page-selective invalidations within a PASID are lost. */
        PAGES_OF_PASID,
        /** First-stage tables are kept, as if IH were always set. */
        TABLES_OF_PASID,
        /** Page-selective invalidations within a PASID drop another one's pages. */
        OTHER_PASID,
        /** Invalidations of pages or domains leave what came of a first stage, alone or nested. */
        FIRST_STAGE,
        /** Page-selective invalidations leave what came of a first stage, alone or nested. */
        NESTED,
        /** PASID-based device-TLB invalidations are lost. */
        PASID_DEVICE_TLB,
        /** A command takes effect when the next one but waits comes: waits do not wait. */
        LATE
    }

    private ForgetfulVtd() {}

    /** A unit fresh from reset. */
    public static Hardware create(HardwareConfig config, Platform platform, Loss loss) {
        return SimulatedVtd.create(config, platform, (size, walker) -> new Caches(size, walker, loss));
    }

    private static final class Caches extends TranslationCaches {
        private final Loss loss;

        /** Of {@link Loss#LATE}: the command that has not taken effect yet. */
        private Runnable pending = () -> {};

        Caches(CacheConfig config, TableWalker walker, Loss loss) {
            super(config, walker);
            this.loss = loss;
        }

        /** Carries a command out, unless it is of the kind that such a unit loses. */
        private void unless(Loss lost, Runnable command) {
            if (loss == Loss.LATE) {
                pending.run();
                pending = command;
            } else if (loss != lost) {
                command.run();
            }
        }

        @Override
        void invalidatePages(int domain, long iova, int addressMask, boolean leafOnly) {
            if (keepsFirstStage() || (loss == Loss.NESTED && scalable != null)) {
                scalable.secondStage.invalidateDomain(domain);
                scalable.secondStageTables.invalidateDomain(domain);
                return;
            }
            unless(
                    Loss.PAGES,
                    () -> super.invalidatePages(
                            loss == Loss.OTHER_DOMAIN ? domain + 1 : domain,
                            iova,
                            loss == Loss.ALL_BUT_THE_FIRST_PAGE ? 0 : addressMask,
                            leafOnly || loss == Loss.TABLES));
        }

        private boolean keepsFirstStage() {
            return loss == Loss.FIRST_STAGE && scalable != null;
        }

        @Override
        void invalidateDomain(int domain) {
            if (keepsFirstStage()) {
                scalable.secondStage.invalidateDomain(domain);
                scalable.secondStageTables.invalidateDomain(domain);
                return;
            }
            unless(Loss.DOMAIN, () -> super.invalidateDomain(domain));
        }

        @Override
        void invalidateTranslations() {
            unless(Loss.TRANSLATIONS, super::invalidateTranslations);
        }

        @Override
        void invalidateContextOfDevice(int sourceId, int functionMask, int domain) {
            unless(Loss.CONTEXT_OF_DEVICE, () -> super.invalidateContextOfDevice(sourceId, functionMask, domain));
        }

        @Override
        void invalidateContextsOfDomain(int domain) {
            unless(Loss.CONTEXTS_OF_DOMAIN, () -> super.invalidateContextsOfDomain(domain));
        }

        @Override
        void invalidateContexts() {
            unless(Loss.CONTEXTS, super::invalidateContexts);
        }

        @Override
        void invalidatePasids(int granularity, int domain, int pasid) {
            unless(Loss.PASID_CACHE, () -> super.invalidatePasids(granularity, domain, pasid));
        }

        @Override
        void invalidatePasid(int domain, int pasid) {
            unless(Loss.PASID, () -> super.invalidatePasid(domain, pasid));
        }

        @Override
        void invalidatePasidPages(int domain, int pasid, long iova, int addressMask, boolean leafOnly) {
            unless(
                    Loss.PAGES_OF_PASID,
                    () -> super.invalidatePasidPages(
                            domain,
                            loss == Loss.OTHER_PASID ? pasid + 1 : pasid,
                            iova,
                            addressMask,
                            leafOnly || loss == Loss.TABLES_OF_PASID));
        }

        @Override
        void invalidateDevice(int sourceId, long word1) {
            unless(Loss.DEVICE_TLB, () -> super.invalidateDevice(sourceId, word1));
        }

        @Override
        void invalidateDevicePasid(int sourceId, int pasid, long range) {
            unless(Loss.PASID_DEVICE_TLB, () -> super.invalidateDevicePasid(sourceId, pasid, range));
        }
    }
}
