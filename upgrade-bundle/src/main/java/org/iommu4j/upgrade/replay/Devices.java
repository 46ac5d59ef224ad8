package org.iommu4j.upgrade.replay;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.service.Unit;

/** Makes the accesses of devices. */
public final class Devices {
    private Devices() {}

    /**
     * Makes one access. A replay makes thousands; when no backend serves, it ends at the first that waited in vain.
     *
     * @throws BackendException {@code ENODEV} if the access waited as long as it may and no backend came
     */
    public static void access(Unit unit, DmaAccess access) {
        long begin = System.nanoTime();
        unit.dma(access);
        if (access.outcome() == DmaAccess.Outcome.BLOCKED && System.nanoTime() - begin >= Unit.DMA_WAIT_NANOS) {
            throw new BackendException(
                    Errno.ENODEV,
                    "an access to 0x" + Long.toHexString(access.iova()) + " waited in vain: no backend serves model "
                            + unit.model().label());
        }
    }
}
