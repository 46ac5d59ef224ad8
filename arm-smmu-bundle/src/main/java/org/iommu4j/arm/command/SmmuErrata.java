package org.iommu4j.arm.command;

import org.iommu4j.arm.command.SmmuRegisters.Iidr;

/**
 * Defects of real parts that a driver has to know, by the part in IIDR, docs/spec/arm-smmu.md 6.3 and 7. This driver needs no
 * remedy for the others of section 7 that concern SMMUv3: it waits without events (E1), has no nested bindings (E2, E4), leaves
 * broadcast maintenance off (E3), and prefetches nothing (E10).
 */
public final class SmmuErrata {
    private static final int ARM = 0x43B;
    private static final int MMU_700 = 0x487;
    private static final int MOST_COMMANDS = 63;

    private SmmuErrata() {}

    /** How many commands a chip takes without a CMD_SYNC: 63 of MMU-700 (E3); 0 for any number. */
    public static int mostCommandsWithoutSync(SmmuCapabilities chip) {
        boolean affected = Iidr.IMPLEMENTER.getInt(chip.iidr()) == ARM && Iidr.PRODUCT.getInt(chip.iidr()) == MMU_700;
        return affected ? MOST_COMMANDS : 0;
    }
}
