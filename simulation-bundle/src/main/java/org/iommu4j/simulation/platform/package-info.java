/**
 * The machine around a simulated chip, put together from memory, interrupts, devices and a clock.
 */
@Export
@Version("1.3.0")
package org.iommu4j.simulation.platform;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
