/**
 * Cases of hardware and contract behaviour as data, and the interactive test bench that answers the same steps: see
 * docs/test-bench.md for the format.
 */
@Export
@Version("1.2.0")
package org.iommu4j.testbench;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
