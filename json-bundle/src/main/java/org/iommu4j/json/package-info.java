/**
 * The one reader of JSON: case files, steps, captures and records of requests. It is bounded, and says of each value where it
 * stands.
 */
@Export
@Version("1.0.0")
package org.iommu4j.json;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
