package org.iommu4j.arm.table;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Stream table entry, IHI 0070 5.2; 64 bytes, of which this model reads the first half. */
public final class StreamTableEntry {
    private static final Layout.Builder STE =
            Layout.named("STE").size(512).littleEndian().spec("IHI 0070 5.2").ignoreReserved();

    /** Valid; otherwise every other field is ignored. */
    public static final BitField V = STE.bit("V", 0, about("valid"));

    /** Which stages translate. */
    public static final BitField CONFIG = STE.bits(
            "Config",
            3,
            1,
            oneOf(
                    code(0, "abort"),
                    code(1, "abort"),
                    code(2, "abort"),
                    code(3, "abort"),
                    code(4, "bypass"),
                    code(5, "stage 1"),
                    code(6, "stage 2"),
                    code(7, "stage 1 and 2")));

    /** {@link #CONFIG}: transactions pass untranslated. */
    public static final int BYPASS = 4;

    /** {@link #CONFIG}: stage 1 translates. */
    public static final int STAGE_1 = 5;

    /** {@link #CONFIG}: stage 2 translates. */
    public static final int STAGE_2 = 6;

    /** {@link #CONFIG}: both translate. */
    public static final int NESTED = 7;

    /** Levels of the table of context descriptors. */
    public static final BitField S1_FORMAT = STE.bits(
            "S1Fmt",
            5,
            4,
            oneOf(
                    code(0, "linear"),
                    code(1, "two levels, 4 KiB leaves"),
                    code(2, "two levels, 64 KiB leaves"),
                    code(3, "linear")));

    /** Context descriptors: a physical address, with two stages an intermediate one. */
    public static final BitField S1_CONTEXT_PTR = STE.address("S1ContextPtr", 51, 6, about("context descriptors"));

    /** log2 of the context descriptors; 0 without substreams. */
    public static final BitField S1_CD_MAX = STE.bits("S1CDMax", 63, 59, about("log2 of the context descriptors"));

    /** Treatment of a transaction without SubstreamID where there are substreams. */
    public static final BitField S1_DSS = STE.bits(
            "S1DSS",
            65,
            64,
            oneOf(code(0, "abort"), code(1, "bypass stage 1"), code(2, "context descriptor 0"), code(3, "abort")));

    /** {@link #S1_DSS}: stage 1 is bypassed. */
    public static final int DSS_BYPASS = 1;

    /** {@link #S1_DSS}: context descriptor 0, which SubstreamID 0 then may not use. */
    public static final int DSS_CD_0 = 2;

    /** Attributes of fetches of context descriptors. */
    public static final BitField S1_CIR = STE.bits("S1CIR", 67, 66, about("inner cacheability of fetches"));

    public static final BitField S1_COR = STE.bits("S1COR", 69, 68, about("outer cacheability of fetches"));
    public static final BitField S1_CSH = STE.bits("S1CSH", 71, 70, about("shareability of fetches"));

    /** 2^CONT entries are the same; a hint. */
    public static final BitField CONT = STE.bits("CONT", 80, 77, about("2^CONT entries are the same"));

    /** Automatic page responses have the PASID. */
    public static final BitField PPAR = STE.bit("PPAR", 82, about("page responses have the PASID"));

    public static final BitField MEV = STE.bit("MEV", 83, about("events may be merged"));
    public static final BitField S2_FWB = STE.bit("S2FWB", 89, about("stage 2 forces write-back"));
    public static final BitField S1_STALLD = STE.bit("S1STALLD", 91, about("stage 1 may not stall"));

    /** Address translation services. */
    public static final BitField EATS = STE.bits(
            "EATS",
            93,
            92,
            oneOf(code(0, "refused"), code(1, "full"), code(2, "split stage"), code(3, "device permission table")));

    /** {@link #EATS}: devices get physical addresses. */
    public static final int EATS_FULL = 1;

    /** {@link #EATS}: devices get intermediate physical addresses. */
    public static final int EATS_SPLIT = 2;

    /** Exception level of the stream. */
    public static final BitField STRW = STE.bits("STRW", 95, 94, oneOf(code(0, "EL1"), code(2, "EL2")));

    /** {@link #STRW}: EL2, or EL2-E2H with CR2.E2H. */
    public static final int STRW_EL2 = 2;

    /** Overrides privilege: 2 unprivileged, 3 privileged. */
    public static final BitField PRIV_CFG = STE.bits("PRIVCFG", 113, 112, about("2: unprivileged, 3: privileged"));

    /** Overrides instruction: 2 data, 3 instruction. */
    public static final BitField INST_CFG = STE.bits("INSTCFG", 115, 114, about("2: data, 3: instruction"));

    /** {@link #PRIV_CFG}, {@link #INST_CFG}: never privileged, never an instruction. */
    public static final int FORCE_OFF = 2;

    /** {@link #PRIV_CFG}, {@link #INST_CFG}: always. */
    public static final int FORCE_ON = 3;

    /** Tag of the stream's translations. */
    public static final BitField S2_VMID = STE.bits("S2VMID", 143, 128, about("VMID"));

    /** Stage 2 translates 64 - S2T0SZ bits. */
    public static final BitField S2_T0SZ = STE.bits("S2T0SZ", 165, 160, about("64 - input size"));

    /** Code of the first level of stage 2. */
    public static final BitField S2_SL0 = STE.bits("S2SL0", 167, 166, about("start level"));

    /** Granule of stage 2. */
    public static final BitField S2_TG =
            STE.bits("S2TG", 175, 174, oneOf(code(0, "4K"), code(1, "64K"), code(2, "16K")));

    public static final BitField S2_PS = STE.bits("S2PS", 178, 176, about("output size code"));

    /** Format of stage 2. */
    public static final BitField S2_AA64 = STE.bit("S2AA64", 179, about("AArch64 tables"));

    public static final BitField S2_ENDI = STE.bit("S2ENDI", 180, about("big-endian tables"));
    public static final BitField S2_AFFD = STE.bit("S2AFFD", 181, about("no access flag faults"));

    /** Walks of stage 1 through Device memory fault. */
    public static final BitField S2_PTW = STE.bit("S2PTW", 182, about("no stage-1 tables in Device memory"));

    public static final BitField S2_HD = STE.bit("S2HD", 183, about("dirty state by hardware"));
    public static final BitField S2_HA = STE.bit("S2HA", 184, about("access flag by hardware"));
    public static final BitField S2_S = STE.bit("S2S", 185, about("faults stall"));
    public static final BitField S2_R = STE.bit("S2R", 186, about("faults are recorded"));

    /** Start of stage 2 with 52-bit addresses of small granules. */
    public static final BitField S2_DS = STE.bit("S2DS", 195, about("52 bits with 4K and 16K"));

    public static final BitField S2_TTB = STE.address("S2TTB", 243, 196, about("stage-2 table"));

    public static final Layout LAYOUT = STE.presentIfAny(V).build();

    /** Size of an entry. */
    public static final int BYTES = 64;

    /** 64-bit words that this model reads. */
    public static final int WORDS = 4;

    private StreamTableEntry() {}

    /** True if stage 1 is enabled. */
    public static boolean hasStage1(int config) {
        return config == STAGE_1 || config == NESTED;
    }

    /** True if stage 2 is enabled. */
    public static boolean hasStage2(int config) {
        return config == STAGE_2 || config == NESTED;
    }
}
