/**
 * Shims made of the forms in which generations say effects.
 */
@Export
@Version("1.0.0")
package org.iommu4j.driver.effect;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
