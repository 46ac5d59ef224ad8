package org.iommu4j.s390.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Function information block, docs/spec/s390-zpci.md 2.6; 80 bytes, aligned to 8. */
public final class Fib {
    private static final Layout.Builder FIB =
            Layout.named("FIB").size(640).bigEndian().msb0().spec("zPCI, docs/spec/s390-zpci.md 2.6");
    public static final BitField FORMAT = FIB.bits("format", 0, 7, oneOf(code(0, "the only format")));
    public static final BitField ENABLED = FIB.bit("fc.enabled", 64, about("stored: the function is enabled"));
    public static final BitField ERROR = FIB.bit("fc.error", 65, about("stored: the function is in error"));
    public static final BitField BLOCKED = FIB.bit("fc.blocked", 66, about("stored: load and store are blocked"));
    public static final BitField REGISTERED =
            FIB.bit("fc.registered", 67, about("stored: address translation is registered"));
    public static final BitField PBA = FIB.bits("pba", 128, 191, about("first address"));
    public static final BitField PAL = FIB.bits("pal", 192, 255, about("last address, inclusive"));
    public static final BitField IOTA = FIB.bits("iota", 256, 319, about("I/O translation anchor"));
    public static final BitField ISC = FIB.bits("isc", 321, 323, about("interruption subclass"));
    public static final BitField NOI = FIB.bits("noi", 324, 335, about("number of interrupts"));
    public static final BitField AIBVO = FIB.bits("aibvo", 338, 343, about("bit offset of the interrupt vector"));
    public static final BitField SUM = FIB.bit("sum", 344, about("summary on"));
    public static final BitField AISBO = FIB.bits("aisbo", 346, 351, about("bit offset of the summary"));
    public static final BitField AIBV = FIB.bits("aibv", 384, 447, about("interrupt vector"));
    public static final BitField AISB = FIB.bits("aisb", 448, 511, about("interrupt summary"));
    public static final BitField FMB = FIB.bits("fmb", 512, 575, about("function measurement block and key"));
    public static final BitField GD = FIB.bits("gd", 608, 639, about("GISA designation"));

    public static final Layout LAYOUT = FIB.build();

    /** Size of the block. */
    public static final int BYTES = LAYOUT.sizeBytes();

    private Fib() {}
}
