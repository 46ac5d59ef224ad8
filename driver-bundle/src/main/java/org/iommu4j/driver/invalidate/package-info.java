/**
 * The vendor part of an invalidation as a driver reads it.
 */
@Export
@Version("1.1.0")
package org.iommu4j.driver.invalidate;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
