/**
 * Wire form 1 of the contract: the structures of the 2017 proposal, byte exact in their three images, their validation
 * rules as one table, the errors and the completion. Reading and checking a request allocates nothing.
 */
@Export
@Version("1.2.0")
package org.iommu4j.contract;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
