/**
 * The simulated SMMUv3: registers and queues in front, configuration and translation caches, table walks, stalls and fault
 * reporting.
 *
 * <p>Its state, version 1, has these sections (numbers big endian as the snapshot form says):
 *
 * <table>
 * <caption>State version 1</caption>
 * <tr><th>section</th><th>content</th></tr>
 * <tr><td>config</td><td>int generation; string cache configuration; ID registers: int count, then string name and long value
 * each; groups of settings: int count, then string group and its fields as before; options: int count, then string name and
 * string value each</td></tr>
 * <tr><td>registers</td><td>int count, then int offset and long value of every register</td></tr>
 * <tr><td>stalls</td><td>int count, then of each transaction that waits int tag, int StreamID, int SubstreamID or -1, long
 * address, int rights, boolean privileged, and int count and longs of the record that the event queue had no room for (none or
 * four)</td></tr>
 * <tr><td>queue</td><td>boolean enabled, boolean stepping, boolean: an ATC invalidation was left unanswered since the last
 * CMD_SYNC</td></tr>
 * </table>
 *
 * Queues are in memory, their indices in registers. Caches and counters are not saved: they start empty.
 */
package org.iommu4j.arm.hardware;
