package org.iommu4j.arm.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Context descriptor, IHI 0070 5.4; 64 bytes, of which this model reads the first four words. */
public final class ContextDescriptor {
    private static final Layout.Builder CD =
            Layout.named("CD").size(512).littleEndian().spec("IHI 0070 5.4").ignoreReserved();
    public static final BitField T0SZ = CD.bits("T0SZ", 5, 0, about("64 - input size, lower half"));
    public static final BitField TG0 = CD.bits("TG0", 7, 6, about("granule, lower half"));
    public static final BitField IR0 = CD.bits("IR0", 9, 8, about("inner cacheability of walks"));
    public static final BitField OR0 = CD.bits("OR0", 11, 10, about("outer cacheability of walks"));
    public static final BitField SH0 = CD.bits("SH0", 13, 12, about("shareability of walks"));
    public static final BitField EPD0 = CD.bit("EPD0", 14, about("no walks of the lower half"));
    public static final BitField ENDI = CD.bit("ENDI", 15, about("big-endian tables"));
    public static final BitField T1SZ = CD.bits("T1SZ", 21, 16, about("64 - input size, upper half"));

    /** Granule of the upper half, in codes of its own. */
    public static final BitField TG1 = CD.bits("TG1", 23, 22, about("granule, upper half"));

    public static final BitField IR1 = CD.bits("IR1", 25, 24, about("inner cacheability of walks"));
    public static final BitField OR1 = CD.bits("OR1", 27, 26, about("outer cacheability of walks"));
    public static final BitField SH1 = CD.bits("SH1", 29, 28, about("shareability of walks"));
    public static final BitField EPD1 = CD.bit("EPD1", 30, about("no walks of the upper half"));
    public static final BitField V = CD.bit("V", 31, about("valid"));
    public static final BitField IPS = CD.bits("IPS", 34, 32, about("output size code"));
    public static final BitField AFFD = CD.bit("AFFD", 35, about("no access flag faults"));
    public static final BitField WXN = CD.bit("WXN", 36, about("writable is not executable"));
    public static final BitField TBI0 = CD.bit("TBI0", 38, about("top byte ignored, lower half"));
    public static final BitField TBI1 = CD.bit("TBI1", 39, about("top byte ignored, upper half"));

    /** Privileged data accesses do not reach unprivileged pages. */
    public static final BitField PAN = CD.bit("PAN", 40, about("privileged access never"));

    public static final BitField AA64 = CD.bit("AA64", 41, about("AArch64 tables"));
    public static final BitField HD = CD.bit("HD", 42, about("dirty state by hardware"));
    public static final BitField HA = CD.bit("HA", 43, about("access flag by hardware"));
    public static final BitField S = CD.bit("S", 44, about("faults stall"));
    public static final BitField R = CD.bit("R", 45, about("faults are recorded"));

    /** Faults abort; otherwise they read as zero and ignore writes. */
    public static final BitField A = CD.bit("A", 46, about("faults abort"));

    /** The ASID is the SMMU's alone. */
    public static final BitField ASET = CD.bit("ASET", 47, about("ASID not shared with processors"));

    /** Address space. */
    public static final BitField ASID = CD.bits("ASID", 63, 48, about("ASID"));

    public static final BitField HAD0 = CD.bit("HAD0", 65, about("table attributes ignored, lower half"));

    /** Unprivileged accesses do not reach the lower half. */
    public static final BitField E0PD0 = CD.bit("E0PD0", 66, about("no unprivileged access, lower half"));

    public static final BitField TTB0 = CD.address("TTB0", 115, 68, about("table, lower half"));

    /** PAN also counts pages that unprivileged code may execute. */
    public static final BitField EPAN = CD.bit("EPAN", 123, about("PAN for executable pages, too"));

    public static final BitField HAD1 = CD.bit("HAD1", 129, about("table attributes ignored, upper half"));
    public static final BitField E0PD1 = CD.bit("E0PD1", 130, about("no unprivileged access, upper half"));
    public static final BitField TTB1 = CD.address("TTB1", 179, 132, about("table, upper half"));

    /** 52-bit addresses with small granules. */
    public static final BitField DS = CD.bit("DS", 186, about("52 bits with 4K and 16K"));

    public static final BitField MAIR0 = CD.bits("MAIR0", 223, 192, about("memory attributes 0 to 3"));
    public static final BitField MAIR1 = CD.bits("MAIR1", 255, 224, about("memory attributes 4 to 7"));

    public static final Layout LAYOUT = CD.presentIfAny(V).build();

    /** Size of a descriptor. */
    public static final int BYTES = 64;

    /** 64-bit words that this model reads. */
    public static final int WORDS = 4;

    private ContextDescriptor() {}
}
