/**
 * The core as its users see it: units, containers, agreements, swaps. Implemented by the core only.
 */
@Export
@Version("1.4.0")
package org.iommu4j.core.service;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
