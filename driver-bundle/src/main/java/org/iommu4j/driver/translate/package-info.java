/**
 * A translator out of the parts of a driver: what they answer by themselves is written here. A vendor's translator says which parts it
 * has, and writes what its chip alone can answer.
 */
@Export
@Version("1.0.0")
package org.iommu4j.driver.translate;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
