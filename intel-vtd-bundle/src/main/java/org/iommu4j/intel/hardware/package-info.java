/**
 * The simulated VT-d unit: registers, invalidation queue and registers, caches, table walks and fault reporting.
 *
 * <p>Its state, version 1, has these sections (numbers big endian as the snapshot form says):
 *
 * <table>
 * <caption>State version 1</caption>
 * <tr><th>section</th><th>content</th></tr>
 * <tr><td>config</td><td>int generation; string cache configuration; capability registers: int count, then string name and
 * long value each; capability groups: int count, then string group and its fields as before; options: int count, then string
 * name and string value each</td></tr>
 * <tr><td>registers</td><td>int count, then int offset and long value of every register</td></tr>
 * <tr><td>root</td><td>long: the root table address that SRTP latched</td></tr>
 * <tr><td>faults</td><td>int count, then of each record long low, long high, long source id, boolean pending; int next record;
 * boolean overflow; boolean collapsing</td></tr>
 * <tr><td>queue</td><td>only with ECAP.QI: boolean enabled, 256-bit descriptors, stepping, last descriptor was a wait; int
 * source id of a device that timed out, or -1; long base, int log2 of the descriptor's bytes, int entries - 1, int head, int
 * tail, the last two as indices</td></tr>
 * </table>
 *
 * Descriptors that are not consumed yet are in memory. Caches and counters are not saved: they start empty.
 */
package org.iommu4j.intel.hardware;
