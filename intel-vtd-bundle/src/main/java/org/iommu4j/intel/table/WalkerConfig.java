package org.iommu4j.intel.table;

import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;

/**
 * The capabilities that a table walk depends on.
 *
 * @param hostAddressWidth physical address width in bits, 32 to 52
 * @param mgawBits widest address of a device in bits
 * @param sagaw CAP.SAGAW: bit n stands for AW n
 * @param sps CAP.SSLPS: superpages of 2 MiB and 1 GiB in bits 0 and 1
 * @param domainIdBits width of a domain id; the bits above are reserved in a context entry
 * @param snoopControl ECAP.SC: SNP is legal in leaves
 * @param deviceTlb ECAP.DT: TT=1 is legal
 * @param passThrough ECAP.PT: TT=2 is legal
 */
public record WalkerConfig(
        int hostAddressWidth,
        int mgawBits,
        long sagaw,
        long sps,
        int domainIdBits,
        boolean snoopControl,
        boolean deviceTlb,
        boolean passThrough) {

    /** The configuration of a unit on a host. */
    public static WalkerConfig of(VtdCapabilities unit, int hostAddressWidth) {
        return new WalkerConfig(
                hostAddressWidth,
                unit.mgawBits(),
                Cap.SAGAW.get(unit.cap()),
                Cap.SSLPS.get(unit.cap()),
                unit.domainIdBits(),
                Ecap.SC.isSet(unit.ecap()),
                Ecap.DT.isSet(unit.ecap()),
                Ecap.PT.isSet(unit.ecap()));
    }
}
