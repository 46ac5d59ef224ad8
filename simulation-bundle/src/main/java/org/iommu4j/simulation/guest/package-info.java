/**
 * Parts of virtual IOMMUs: {@link org.iommu4j.simulation.guest.GuestBindings} keeps the devices of a guest as its tables last
 * said, around the tables that a vendor reads.
 */
@Export
@Version("1.0.0")
package org.iommu4j.simulation.guest;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
