/**
 * The host's driver of an AMD IOMMU: contract requests become commands in a command buffer, bindings become device table entries.
 * It knows formats ({@code command}, {@code table}) and the books of {@code driver-bundle}, not the simulated chip.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <ul>
 *   <li>{@code translator}: int sub_version, long device table, int its pages.
 *   <li>{@code queue}: long first of the pages with event log, status word and ring; then as
 *       {@link org.iommu4j.driver.queue.CommandQueue#save} writes it.
 *   <li>{@code domains}: domain ids as {@link org.iommu4j.driver.domain.TranslationTags#save} writes them; then the books, of a
 *       domain: int count of stages, each long host table, int mode, long GCR3 root or -1, int GLX, int guest paging mode, boolean
 *       GIOV, boolean the guest binds PASIDs itself, int guest domain id, int domain id; of a device: int stage or -1, boolean a
 *       host table or pass-through is bound, byte 0
 *       for nothing, 1 for a TLB of its own, 2 for that and page requests, int guest domain id, int that of what is below, boolean it has a GCR3 table of the host, which follows: long
 *       root, int levels, int guest paging mode, int count of tables, each long key, long table; int count of PASIDs, each int
 *       PASID, long guest table.
 *   <li>{@code page request queue}, once a device was bound with page requests: long PPR log.
 *   <li>{@code page requests}, with it: as {@link org.iommu4j.driver.page.PageRequestBooks#save} has it.
 *   <li>{@code memory}, if a container has a memory map: as {@link org.iommu4j.driver.table.MapSection} has it.
 * </ul>
 */
package org.iommu4j.amd.translate;
