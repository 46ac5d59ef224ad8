/**
 * Where faults and events are put: a few registers, or a queue in memory; both say when they ran out of room.
 */
@Export
@Version("1.1.0")
package org.iommu4j.simulation.fault;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
