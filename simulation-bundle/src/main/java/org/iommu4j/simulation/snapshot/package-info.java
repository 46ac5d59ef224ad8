/**
 * The saved state of a chip or a driver in a documented form: named sections of primitive values with a checksum.
 *
 * <p>All numbers are big endian, all texts UTF-8.
 *
 * <table>
 * <caption>The form</caption>
 * <tr><th>bytes</th><th>what</th></tr>
 * <tr><td>4</td><td>magic 0x49344A53 ("I4JS")</td></tr>
 * <tr><td>2</td><td>version of the form: 1; a reader refuses others</td></tr>
 * <tr><td>1</td><td>code of the model</td></tr>
 * <tr><td>1 + n</td><td>length of the kind's name, and the name: HARDWARE, TRANSLATOR, GUEST</td></tr>
 * <tr><td>4</td><td>version of the state, the model's own</td></tr>
 * <tr><td>4</td><td>number of sections</td></tr>
 * <tr><td>1 + n</td><td>each section: length of its name, 1 to 255, and the name, which is not repeated</td></tr>
 * <tr><td>4 + n</td><td>each section: length of its content, and the content</td></tr>
 * <tr><td>4</td><td>at the end: CRC-32C of all bytes before</td></tr>
 * </table>
 *
 * <p>Sections that a reader does not ask for are skipped, so that a newer minor state may add some. Within a section the
 * reader must know the order of the values: a byte, a boolean (a byte 0 or 1), an int (4 bytes), a long (8 bytes); an
 * array or a text is an int with its number of elements or bytes, and those; a constant is the text of its name; named
 * values are an int with their number, then name and value of each.
 */
@Export
@Version("1.2.0")
package org.iommu4j.simulation.snapshot;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
