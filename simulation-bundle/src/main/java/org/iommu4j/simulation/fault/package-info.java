/**
 * Storage of faults and events: a few registers, or a queue in memory; both tell an overflow.
 */
@Export
@Version("1.1.0")
package org.iommu4j.simulation.fault;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
