/**
 * The settings of a chip's configuration, declared once as rows of a
 * {@link org.iommu4j.simulation.config.SettingTable}. From the rows follow how a
 * {@link org.iommu4j.backend.HardwareConfig} is read, the errors with names and legal values, the table in the documents
 * and in help, and what the fuzzer varies.
 */
@Export
@Version("1.1.0")
package org.iommu4j.simulation.config;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
