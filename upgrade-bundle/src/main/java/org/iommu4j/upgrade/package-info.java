/**
 * Scenarios with captured guests: the replay of one capture, and the swap of a vendor's bundle under a running guest; and
 * records of contract requests, which are written while they run and played again. Results print themselves as text and as
 * JSON.
 */
@Export
@Version("3.0.0")
package org.iommu4j.upgrade;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
