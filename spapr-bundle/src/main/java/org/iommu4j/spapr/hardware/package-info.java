/**
 * The simulated platform as its software sees it: one host bridge with its cache of translation control entries, and the
 * hypervisor above it that keeps the windows.
 *
 * <p>Its state, version 1, has these sections (numbers big endian as the snapshot form says):
 *
 * <table>
 * <caption>State version 1</caption>
 * <tr><th>section</th><th>content</th></tr>
 * <tr><td>config</td><td>as {@link org.iommu4j.simulation.snapshot.ConfigState} writes it</td></tr>
 * <tr><td>windows</td><td>int count, then of each: int LIOBN, int PE, long base, int log2 of the bytes, long table, int page
 * shift, int levels, int index bits of a level, boolean default, boolean the table is the hypervisor's</td></tr>
 * <tr><td>endpoints</td><td>int count, then int PE and byte state of each that is not normal: 1 MMIO stopped, 2 DMA stopped, 4
 * in reset, 8 error handling off</td></tr>
 * <tr><td>faults</td><td>int count, then int PE, long word 0, long word 1, boolean not taken yet</td></tr>
 * <tr><td>requesters</td><td>int PE of most, or -1; int count, then int requester id and int PE of each
 * other</td></tr>
 * <tr><td>registers</td><td>from generation 3 on: as {@link org.iommu4j.simulation.register.RegisterFile#save} writes
 * them</td></tr>
 * <tr><td>validation</td><td>from generation 3 on: int count, then int index and long word of each translation validation entry
 * that software set</td></tr>
 * </table>
 *
 * Tables are in memory. Caches and counters are not saved: they start empty.
 */
package org.iommu4j.spapr.hardware;
