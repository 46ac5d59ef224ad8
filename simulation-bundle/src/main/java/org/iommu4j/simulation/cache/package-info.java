/**
 * Caches of a simulated chip. {@link org.iommu4j.simulation.cache.TranslationCache} holds what is tagged by domain, PASID
 * and address, {@link org.iommu4j.simulation.cache.KeyedCache} what is found by a number. Selective invalidation costs by
 * what it drops, and once things are warm nothing allocates.
 */
@Export
@Version("1.2.0")
package org.iommu4j.simulation.cache;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
