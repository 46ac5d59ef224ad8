/**
 * Finds stale translations: {@link org.iommu4j.simulation.sanitizer.TranslationSanitizer} keeps one timeline of what a chip
 * reads, keeps, uses and drops, and of what software writes meanwhile.
 */
package org.iommu4j.simulation.sanitizer;
