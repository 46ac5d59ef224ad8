/**
 * The host's driver of an SMMU: contract requests become commands. It owns the stream table, the VMIDs, the ASIDs of tables that
 * it binds itself, and the command queue. It knows formats ({@code command}, {@code table}), not the simulated chip.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <ul>
 *   <li>{@code translator}: int sub_version; long stream table, long event queue; count of level-2 tables [int block of 64
 *       StreamIDs, long table].
 *   <li>{@code queue}: long ring; the queue as {@link org.iommu4j.driver.queue.CommandQueue#save} writes it.
 *   <li>{@code domains}: VMIDs as {@link org.iommu4j.driver.domain.TranslationTags#save}, domains as {@link
 *       org.iommu4j.driver.domain.DomainBooks#save}; a domain has a count of stages [int kind, longs of the stream table entry,
 *       longs of the context descriptor, int VMID, long page of the context descriptor]; a device int stage or -1, byte
 *       0 for nothing, 1 for a TLB of its own, 2 for that and page requests.
 *   <li>{@code page request queue}, once a device was bound with page requests: long queue, boolean positions in page 0.
 *   <li>{@code page requests}, with it: as {@link org.iommu4j.driver.page.PageRequestBooks#save} has it.
 * </ul>
 */
package org.iommu4j.arm.translate;
