/**
 * The driver: contract requests become host tables, queue descriptors and register writes. It knows formats ({@code
 * command}, {@code table}) and its chip's registers and memory, never the simulated chip itself.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <p>The state that {@link org.iommu4j.intel.translate.VtdTranslator#save} writes, section by section. A count stands before
 * what it counts; addresses are physical; tables, ring and status word themselves stay in memory.
 *
 * <ul>
 *   <li>{@code translator}: int sub_version; long root table; count of [int bus, long context table]. In scalable mode (from 0x0300
 *       on) count of [int half of a bus, long context table]; count of PASID directories [int requester, long directory, count of
 *       [int number, long PASID table]].
 *   <li>{@code queue} (from 0x0110 on): long ring, long status word, long tail in bytes, int commands since the last wait,
 *       int last status data, boolean the queue did not go on, boolean an error is to be reported.
 *   <li>{@code registers} (0x0100): boolean an error is to be reported.
 *   <li>{@code domains}: long[] domain ids in use, long[] domain ids in quarantine, long[] devices that did not answer,
 *       all as bit sets; boolean the caches are to be emptied; count of domains, each: int number; count of stages [long
 *       table, int AW, boolean pass-through, int domain id]; count of devices [int requester, int index of its stage or -1,
 *       boolean device TLB, int guest domain id]. In scalable mode a stage is [long table, int AW, text kind (SECOND_STAGE, FIRST_STAGE,
 *       PASS_THROUGH, NESTED), int options (flags of the bind header), long second-stage table and int AW of the memory map if
 *       nested, else 0, int domain id], and a device [int requester, count of [int
 *       PASID, int index of its stage, boolean device TLB, int guest domain id, boolean page requests]].
 *   <li>{@code page request queue}, in scalable mode if the chip has page requests: long queue.
 *   <li>{@code page requests}, with it: as {@link org.iommu4j.driver.page.PageRequestBooks#save} has it.
 *   <li>{@code memory}, if a container has a memory map: as {@link org.iommu4j.driver.table.MapSection} has it.
 * </ul>
 */
package org.iommu4j.intel.translate;
