/**
 * A register block as data: {@link org.iommu4j.layout.Register} rows, their access rules, and hooks for what a write
 * starts.
 */
@Export
@Version("1.1.0")
package org.iommu4j.simulation.register;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
