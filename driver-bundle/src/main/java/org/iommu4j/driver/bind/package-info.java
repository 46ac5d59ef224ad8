/**
 * The rules of a bind's vendor part as rows of a table, in the order of the contract.
 */
@Export
@Version("1.1.0")
package org.iommu4j.driver.bind;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
