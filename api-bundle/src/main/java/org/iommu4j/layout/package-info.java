/**
 * Bit layouts declared once, as data: fields, structures, registers and commands, from which encoders, decoders, checks,
 * explanations and documentation follow. Bit numbers are written as the cited specification writes them.
 */
@Export
@Version("1.2.0")
package org.iommu4j.layout;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
