/**
 * The host's driver: contract requests become hypercalls and kills. It knows formats ({@code command}, {@code table}) and the calls of
 * its platform, never the simulated platform itself.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <p>The state that {@link org.iommu4j.spapr.translate.SpaprTranslator#save} writes, section by section. A count stands before
 * what it counts; addresses are physical; tables stay in memory.
 *
 * <ul>
 *   <li>{@code translator}: int sub_version; long page for lists of entries, 0 for none; of the default window: int PE, int LIOBN,
 *       long base, int log2 of the bytes.
 *   <li>{@code domains}: long[] PEs in use, a bit set; count of domains, each: int number, int PE; count of windows [int LIOBN, long base, int page shift,
 *       int log2 of the bytes, int levels, int log2 of the bytes of a level, long table, count of names (int requester)];
 *       count of devices (int requester).
 *   <li>{@code kills} (from generation 3 on): boolean a DMA read sync has to follow.
 * </ul>
 */
package org.iommu4j.spapr.translate;
