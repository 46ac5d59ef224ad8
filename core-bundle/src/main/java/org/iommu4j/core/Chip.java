package org.iommu4j.core;

import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.Translator;

/**
 * What stands behind the gate of a unit.
 *
 * @param backend who made it
 * @param hardware the chip
 * @param translator its driver; null for a bare unit
 */
record Chip(BackendEntry backend, Hardware hardware, Translator translator) {}
