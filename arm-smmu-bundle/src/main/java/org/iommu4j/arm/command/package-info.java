/**
 * Formats of what software and an SMMU exchange, and what a chip can be: registers, commands, event and page request records,
 * capabilities and settings. Formats only, no behaviour.
 */
package org.iommu4j.arm.command;
