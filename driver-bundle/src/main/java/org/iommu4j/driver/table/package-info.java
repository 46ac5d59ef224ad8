/** Translation tables that a driver writes itself: those of a container's memory map. */
@Export
@Version("1.0.0")
package org.iommu4j.driver.table;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
