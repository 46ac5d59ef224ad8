package org.iommu4j.arm.command;

import org.iommu4j.arm.command.SmmuRegisters.Iidr;

/**
 * Defects of real parts that a driver has to know, by the part in IIDR, docs/spec/arm-smmu.md 6.3 and 7. This driver needs no
 * remedy for others of section 7 that concern SMMUv3: it waits without events (E1), leaves broadcast maintenance off (E3), and
 * prefetches nothing (E10). Those that no register tells are choices of a chip, see {@link SmmuSettings}.
 */
public final class SmmuErrata {
    private static final int ARM = 0x43B;
    private static final int MMU_600 = 0x483;
    private static final int MMU_700 = 0x487;

    /** First release of MMU-600 without E2. */
    private static final int SECOND_RELEASE = 2;

    private static final int MOST_COMMANDS = 63;

    private SmmuErrata() {}

    /** How many commands a chip takes without a CMD_SYNC: 63 of MMU-700 (E3); 0 for any number. */
    public static int mostCommandsWithoutSync(SmmuCapabilities chip) {
        return isArms(chip, MMU_700) ? MOST_COMMANDS : 0;
    }

    /** False for parts that fail with both stages: MMU-600 before its second release (E2), and MMU-700 (E4). */
    public static boolean canNest(SmmuCapabilities chip) {
        boolean early = Iidr.VARIANT.getInt(chip.iidr()) < SECOND_RELEASE;
        return !isArms(chip, MMU_700) && !(isArms(chip, MMU_600) && early);
    }

    private static boolean isArms(SmmuCapabilities chip, int product) {
        return Iidr.IMPLEMENTER.getInt(chip.iidr()) == ARM && Iidr.PRODUCT.getInt(chip.iidr()) == product;
    }
}
