/**
 * Contract requests to instructions: the host's driver of zPCI functions.
 *
 * <h2>How long a request keeps the unit</h2>
 *
 * <p>An invalidation is done in pieces ({@link org.iommu4j.backend.Translator#UNFINISHED}). A bind is one piece: registration
 * and announcement are one change, and nothing of the table may be used before all of it is known. It is bounded all the same:
 * a unit that shadows holds as many mappings as its {@code dma_avail} says, and its first refresh beyond that ends the bind
 * with ENOMEM; and no more entries are looked at, mapped or not, than {@code MappedRanges.MOST_ENTRIES}, after which it ends in
 * the same way with nothing registered. Units that read tables themselves are told nothing at a bind.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <p>The state that {@link org.iommu4j.s390.translate.ZpciTranslator#save} writes, section by section.
 *
 * <ul>
 *   <li>{@code translator}: int sub_version, long the page of FIBs, long the page of CLP blocks.
 *   <li>{@code domains}: count of domains; of each int number, count of devices [int function index, int handle, boolean enabled,
 *       boolean bound, long IOTA, long pba, long pal].
 * </ul>
 */
package org.iommu4j.s390.translate;
