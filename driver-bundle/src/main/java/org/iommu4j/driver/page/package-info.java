/**
 * Page requests of devices, PCI Express Page Request Interface, on their way to guests: which wait, which groups are to be answered. A
 * vendor gives them a {@link org.iommu4j.driver.page.PageRequestPort}: its chip's queue and its command that answers.
 */
@Export
@Version("1.0.0")
package org.iommu4j.driver.page;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
