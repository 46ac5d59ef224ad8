/**
 * Rings of commands or events in memory: head and tail arithmetic of the two styles in use.
 */
@Export
@Version("1.0.0")
package org.iommu4j.simulation.ring;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
