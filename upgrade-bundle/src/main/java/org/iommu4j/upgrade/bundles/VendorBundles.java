package org.iommu4j.upgrade.bundles;

import org.iommu4j.contract.IommuModel;

/** Puts a vendor's bundles into the container and takes them out. */
public interface VendorBundles {
    /**
     * The installed bundle that serves.
     *
     * @return its id
     * @throws org.iommu4j.upgrade.UpgradeException if none is active, or more than one
     */
    long serving(VendorJar like);

    /**
     * Symbolic name of the bundle whose backend serves a model.
     *
     * @throws org.iommu4j.upgrade.UpgradeException if there is none
     */
    String symbolicName(IommuModel model);

    /**
     * Installs and starts a bundle beside those that are there.
     *
     * @return its id
     * @throws org.iommu4j.upgrade.UpgradeException if the container refuses it
     */
    long install(VendorJar jar);

    /** True if a bundle is there. */
    boolean isInstalled(long bundle);

    /**
     * Updates a bundle in place; it is started again if it was.
     *
     * @throws org.iommu4j.upgrade.UpgradeException if the container refuses it
     */
    void update(long bundle, VendorJar jar);

    /**
     * Uninstalls a bundle.
     *
     * @throws org.iommu4j.upgrade.UpgradeException if the container refuses it
     */
    void uninstall(long bundle);
}
