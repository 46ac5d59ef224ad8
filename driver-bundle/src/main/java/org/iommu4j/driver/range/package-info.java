/**
 * Ranges of addresses as commands can name them.
 */
@Export
@Version("1.0.0")
package org.iommu4j.driver.range;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
