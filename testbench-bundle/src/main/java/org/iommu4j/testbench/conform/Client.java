package org.iommu4j.testbench.conform;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Completion;

/** One domain of a machine, and the devices in front of it. Answers stand in the completions. */
interface Client {
    /** The machine, as software sees it. */
    NativePort port();

    /** Adds a device that stays blocked. */
    Completion attach(int requester);

    /** Adds a device that translates through a table. */
    Completion attach(int requester, FuzzScene.Root root);

    /** Removes a device. */
    Completion detach(int requester);

    /** Binds, or with the flag unbinds. */
    Completion bind(int operation, int flags, byte[] payload);

    /** Invalidates, with the end of the invalidation awaited. */
    Completion invalidate(int scope, int flags, int pasid, long vaddr, long size, byte[] payload);

    /** Closes the domain. */
    Completion closeDomain();

    /** One access of a device. */
    void access(DmaAccess access);
}
