/**
 * The formats that zPCI's instructions carry: request registers, function information block, CLP blocks, events, and the
 * contract's vendor parts. Bits are numbered as the architecture does: bit 0 is the most significant.
 */
package org.iommu4j.s390.command;
