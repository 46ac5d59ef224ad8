/**
 * Parts that every vendor's translator has: {@link org.iommu4j.simulation.translate.DomainTable} finds its open domains and refuses
 * what cannot be one.
 */
@Export
@Version("1.0.0")
package org.iommu4j.simulation.translate;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
