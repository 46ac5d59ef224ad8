/**
 * The formats of captures: records of real machines whose IOMMU was watched while a guest ran. A
 * {@link org.iommu4j.backend.capture.CaptureFormat} is data and nothing else: it holds no code and no object of the vendor's
 * bundle, so that a replay goes on with it while that bundle is updated.
 */
@Export
@Version("1.1.0")
package org.iommu4j.backend.capture;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
