/**
 * Physical memory of a simulated machine: sparse memory of up to 52 address bits, and the pages of it that belong to the
 * host.
 */
@Export
@Version("1.3.0")
package org.iommu4j.simulation.memory;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
