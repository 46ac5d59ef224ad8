/**
 * Parts of virtual IOMMUs: {@link org.iommu4j.simulation.guest.GuestBindings} keeps the devices of a guest as its tables last
 * said, around the tables that a vendor reads; {@link org.iommu4j.simulation.guest.GuestPageRequests} brings what devices ask for to it.
 */
@Export
@Version("1.1.0")
package org.iommu4j.simulation.guest;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
