package org.iommu4j.intel.hardware;

import org.iommu4j.backend.DevicePort;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.PageGroupResponse;
import org.iommu4j.intel.command.PasidIotlbInvalidate;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.front.CommandEffects;

/** Effects of accepted commands on the chip: they drop cache entries. */
class CacheEffects implements CommandEffects {
    private static final int PAGE_SHIFT = 12;
    private static final int NO_PASID = -1;

    private final TranslationCaches caches;
    private final DmaRemapper remapper;
    private final DevicePort devices;

    /** CAP.ESRTPS: a new root table drops everything but what devices hold. */
    private final boolean rootTableInvalidates;

    CacheEffects(TranslationCaches caches, DmaRemapper remapper, DevicePort devices, boolean rootTableInvalidates) {
        this.caches = caches;
        this.remapper = remapper;
        this.devices = devices;
        this.rootTableInvalidates = rootTableInvalidates;
    }

    @Override
    public void rootTable(long rootTableAddress, long command) {
        remapper.setRootTable(rootTableAddress);
        if (rootTableInvalidates) {
            everything("GCMD.SRTP", command);
        }
    }

    @Override
    public void translation(boolean on, long command) {
        if (!on) {
            everything("GCMD.TE=0", command);
        }
        remapper.enable(on);
    }

    /** Drops everything but what devices hold. */
    void everything(String name, long command) {
        caches.invalidateAll();
    }

    @Override
    public Outcome contextCache(int granularity, int domain, int sourceId, int functionMask) {
        switch (granularity) {
            case ContextCacheInvalidate.GLOBAL -> caches.invalidateContexts();
            case ContextCacheInvalidate.DOMAIN -> caches.invalidateContextsOfDomain(domain);
            default -> caches.invalidateContextOfDevice(sourceId, functionMask, domain);
        }
        return Outcome.DONE;
    }

    @Override
    public Outcome iotlb(int granularity, int domain, long address, int addressMask, boolean leafOnly) {
        switch (granularity) {
            case IotlbInvalidate.GLOBAL -> caches.invalidateTranslations();
            case IotlbInvalidate.DOMAIN -> caches.invalidateDomain(domain);
            default -> caches.invalidatePages(domain, address, addressMask, leafOnly);
        }
        return Outcome.DONE;
    }

    @Override
    public Outcome deviceTlb(int sourceId, long word1) {
        caches.invalidateDevice(sourceId, word1);
        return ask(sourceId, NO_PASID, word1);
    }

    @Override
    public Outcome pasidCache(int granularity, int domain, int pasid) {
        caches.invalidatePasids(granularity, domain, pasid);
        return Outcome.DONE;
    }

    @Override
    public Outcome pasidIotlb(int granularity, int domain, int pasid, long address, int addressMask, boolean leafOnly) {
        if (granularity == PasidIotlbInvalidate.ONE_PASID) {
            caches.invalidatePasid(domain, pasid);
        } else {
            caches.invalidatePasidPages(domain, pasid, address, addressMask, leafOnly);
        }
        return Outcome.DONE;
    }

    @Override
    public Outcome pasidDeviceTlb(int sourceId, int pasid, long range) {
        caches.invalidateDevicePasid(sourceId, pasid, range);
        return ask(sourceId, pasid, range);
    }

    private Outcome ask(int sourceId, int pasid, long range) {
        long bytes = DeviceTlbInvalidate.isAll(range) ? 0 : 1L << (PAGE_SHIFT + DeviceTlbInvalidate.pagesShift(range));
        boolean answered = devices.invalidate(sourceId, pasid, DeviceTlbInvalidate.firstAddress(range), bytes);
        return answered ? Outcome.DONE : Outcome.NO_ANSWER;
    }

    /** The answer goes to the device; nothing of it is kept in the unit. */
    @Override
    public Outcome pageGroupResponse(long word0, long word1) {
        devices.respond(
                PageGroupResponse.RID.getInt(word0),
                PageGroupResponse.PP.isSet(word0) ? PageGroupResponse.PASID.getInt(word0) : NO_PASID,
                PageGroupResponse.PRGI.getInt(word1),
                PageGroupResponse.of(PageGroupResponse.CODE.getInt(word0)));
        return Outcome.DONE;
    }

    @Override
    public Outcome hostPermissions(int granularity, int domain, long address, int addressMask, int hint) {
        caches.invalidatePermissions(granularity, domain, address, addressMask, hint);
        return Outcome.DONE;
    }

    /** Interrupt remapping is not modelled: the cache is always empty. */
    @Override
    public Outcome interruptEntryCache() {
        return Outcome.DONE;
    }

    @Override
    public void waited() {
        // Every command is over before the next: there is nothing to wait for.
    }

    @Override
    public void completed() {
        // There is no sanitizer to tell.
    }

    @Override
    public void carriedOut(VtdCommand command, long word0, long word1, String name, long value0, long value1) {
        // There is no sanitizer to tell.
    }

    @Override
    public void refused(String reason) {
        // Software reads it in FSTS and IQERCD, or in CCMD and IOTLB.
    }
}
