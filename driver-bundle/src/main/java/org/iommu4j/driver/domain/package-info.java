/**
 * The books of a driver: which domains are open, whose each device is, which ids tag cached translations and which of them may not be
 * used yet. A vendor gives them a {@link org.iommu4j.driver.domain.DomainPolicy}: what has to be done on the chip.
 */
@Export
@Version("1.1.0")
package org.iommu4j.driver.domain;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
