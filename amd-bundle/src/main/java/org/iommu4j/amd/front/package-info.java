/**
 * What software sees of an AMD IOMMU, once for the chip and for the virtual IOMMU in front of a guest: registers with their
 * handshakes, command buffer, event log, PPR log and interrupts. What an accepted command does, each of the two says through
 * {@link org.iommu4j.amd.front.CommandEffects}.
 */
package org.iommu4j.amd.front;
