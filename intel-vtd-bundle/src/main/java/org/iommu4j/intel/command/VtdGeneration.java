package org.iommu4j.intel.command;

/** Numbers of the hardware generations, as {@code sub_version} carries them: major in bits 15:8, minor in bits 7:0. */
public final class VtdGeneration {
    /** Invalidation through registers only. */
    public static final int LEGACY_REG = 0x0100;

    /** Legacy tables, 128-bit invalidation queue. */
    public static final int LEGACY_QI = 0x0110;

    /** Extended-context mode, which no chip here has: clients of it use chips in scalable mode, or in legacy mode without PASIDs. */
    public static final int EXTENDED_CONTEXT = 0x0200;

    /** Scalable mode: tables of PASIDs, first stage and nested translation, 256-bit descriptors. */
    public static final int SCALABLE = 0x0300;

    /** Scalable mode; first generation whose descriptors have a seven-bit type. */
    public static final int WIDE_TYPE = 0x0400;

    /** Scalable mode with host permission tables and translated requests with PASID. */
    public static final int HOST_PERMISSIONS = 0x0500;

    private VtdGeneration() {}

    /** True for a generation whose clients have PASIDs. */
    public static boolean hasPasids(int subVersion) {
        return subVersion == EXTENDED_CONTEXT || isScalable(subVersion);
    }

    /** True for a generation whose drivers use scalable mode. */
    public static boolean isScalable(int subVersion) {
        return subVersion == SCALABLE || subVersion == WIDE_TYPE || subVersion == HOST_PERMISSIONS;
    }
}
