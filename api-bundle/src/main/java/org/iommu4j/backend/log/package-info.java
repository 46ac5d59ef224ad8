/**
 * How lines of an operating system's log tell of a model's structures: data that a vendor's bundle gives and explanations read.
 * Nothing here is a class of the vendor's.
 */
@Export
@Version("1.0.0")
package org.iommu4j.backend.log;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
