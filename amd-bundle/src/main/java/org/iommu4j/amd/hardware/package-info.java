/**
 * The simulated AMD IOMMU: registers and rings behind the front, caches, table walks, event log.
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
 * <tr><td>front</td><td>boolean the command buffer has halted; boolean the event log, boolean the PPR log waits for software
 * after an overflow</td></tr>
 * </table>
 *
 * Commands that are not carried out and log entries that are not read are in memory. Caches and counters are not saved: they start
 * empty.
 */
package org.iommu4j.amd.hardware;
