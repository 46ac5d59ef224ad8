/**
 * The simulated zPCI translation unit: functions with their instructions, shadow tables or a translation cache, walks, events.
 *
 * <p>Its state, version 1, has these sections (numbers big endian as the snapshot form says):
 *
 * <table>
 * <caption>State version 1</caption>
 * <tr><th>section</th><th>content</th></tr>
 * <tr><td>config</td><td>int generation; string cache configuration; capabilities that differ from the generation's default: int
 * count, then string name and long value each; options: int count, then string name and string value each</td></tr>
 * <tr><td>functions</td><td>as {@code org.iommu4j.s390.front} describes</td></tr>
 * <tr><td>shadow</td><td>only with the refresh bit: int count of translations; of each int function, long address, int log2 of its
 * size, long frame, int rights. They are state: what the host shadows is not read again until the next refresh</td></tr>
 * </table>
 *
 * A translation cache and counters are not saved: they start empty.
 */
package org.iommu4j.s390.hardware;
