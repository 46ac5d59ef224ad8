package org.iommu4j.spapr.front;

import org.iommu4j.spapr.table.DmaWindow;

/** Makes and removes windows for the RTAS calls. */
public interface WindowOwner {
    /**
     * Adds a window with an empty table.
     *
     * @return the window
     * @throws org.iommu4j.backend.BackendException if there is no room for it, or its container refuses it
     */
    DmaWindow add(int liobn, int pe, long base, int pageShift, int windowShift, boolean isDefault);

    /**
     * Removes a window, with what its table allowed.
     *
     * @throws org.iommu4j.backend.BackendException if its container refuses to give it up; it is still there then
     */
    void remove(DmaWindow window);
}
