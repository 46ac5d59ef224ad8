package org.iommu4j.spapr.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Entry of the partitionable endpoint state table: the fault that stopped an endpoint; 16 bytes, docs/spec/spapr-tce.md 3.6. */
public final class PestEntry {
    private static final Layout.Builder PEST = Layout.named("pest_entry")
            .size(128)
            .bigEndian()
            .msb0()
            .spec("IODA2 and IODA3, PEST; docs/spec/spapr-tce.md 3.6");
    public static final BitField MMIO_CAUSE = PEST.bit("MMIO_CAUSE", 2, about("an MMIO access caused it"));
    public static final BitField CFG_READ = PEST.bit("CFG_READ", 3, about("configuration read"));
    public static final BitField CFG_WRITE = PEST.bit("CFG_WRITE", 4, about("configuration write"));
    public static final BitField TYPE = PEST.bits(
            "TYPE",
            5,
            7,
            oneOf(
                    code(0, "DMA write"),
                    code(1, "MSI"),
                    code(2, "DMA read"),
                    code(3, "DMA read response"),
                    code(4, "MMIO load"),
                    code(5, "MMIO store"),
                    code(7, "other")));
    public static final BitField COMPLETER_ABORT = PEST.bit("COMPLETER_ABORT", 8, about("completer abort"));
    public static final BitField UNSUPPORTED_REQUEST = PEST.bit("UNSUPPORTED_REQUEST", 9, about("unsupported request"));
    public static final BitField NON_FATAL = PEST.bit("NON_FATAL", 10, about("non-fatal error"));
    public static final BitField FATAL = PEST.bit("FATAL", 11, about("fatal error"));
    public static final BitField PARITY = PEST.bit("PARITY", 13, about("parity error"));
    public static final BitField CORRECTABLE = PEST.bit("CORRECTABLE", 14, about("correctable error"));
    public static final BitField INTERRUPT = PEST.bit("INTERRUPT", 15, about("interrupt"));
    public static final BitField IODA_ERROR = PEST.bit("IODA_ERROR", 16, about("MMIO translation or IODA error"));
    public static final BitField TCE_PAGE_FAULT =
            PEST.bit("TCE_PAGE_FAULT", 18, about("not valid; also extent, window and access errors"));
    public static final BitField TCE_ACCESS_FAULT = PEST.bit("TCE_ACCESS_FAULT", 19, about("direction not allowed"));
    public static final BitField RESPONSE_TIMEOUT = PEST.bit("RESPONSE_TIMEOUT", 20, about("response timeout"));
    public static final BitField SIZE_INVALID = PEST.bit("SIZE_INVALID", 21, about("size invalid"));
    public static final BitField ERROR_BIT = PEST.bits("ERROR_BIT", 26, 31, about("error bit"));
    public static final BitField RID = PEST.bits("RID", 32, 47, about("requester id; 0 if known by its LIOBN only"));
    public static final BitField MSI_DATA = PEST.bits("MSI_DATA", 48, 63, about("MSI data"));
    public static final BitField ADDRESS = PEST.bits("ADDRESS", 67, 127, about("failing address"));

    public static final Layout LAYOUT = PEST.build();

    /** Size of one entry. */
    public static final int BYTES = 16;

    // Codes of TYPE.
    public static final int DMA_WRITE = 0;
    public static final int DMA_READ = 2;

    private PestEntry() {}
}
