/**
 * Formats of what software and an AMD IOMMU exchange: registers, commands, event and page request records, payloads of the
 * contract, and what a configuration can choose. Formats only, no behaviour.
 */
package org.iommu4j.amd.command;
