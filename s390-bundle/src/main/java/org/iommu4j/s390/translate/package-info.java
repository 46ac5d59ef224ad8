/**
 * Contract requests to instructions: the host's driver of zPCI functions.
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
