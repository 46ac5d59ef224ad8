/**
 * What software sees of an SMMU, IHI 0070 3.5, 4, 6 and 7: registers with their handshakes, the command queue with its errors
 * and completions, event and page request queues, interrupts. The simulated chip and the virtual SMMU in front of a guest both
 * stand behind it and say through {@link org.iommu4j.arm.front.CommandEffects} what an accepted command does.
 */
package org.iommu4j.arm.front;
