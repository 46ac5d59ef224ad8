package org.iommu4j.intel.table;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Context entry of legacy mode, VT-d 9.3; 16 bytes, one for each device and function of a bus. */
public final class ContextEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("context_entry").size(128).littleEndian().spec("VT-d 9.3");
    public static final BitField P = ENTRY.bit("P", 0, about("present"));
    public static final BitField FPD = ENTRY.bit("FPD", 1, about("qualified faults are not recorded"));
    public static final BitField TT = ENTRY.bits(
            "TT",
            3,
            2,
            oneOf(
                    code(0, "untranslated requests only"),
                    code(1, "untranslated, translation and translated requests"),
                    code(2, "pass-through")));
    public static final BitField SSPTPTR = ENTRY.address("SSPTPTR", 63, 12, about("second-stage table"));

    /** Width of the table: 30 + 9 * AW bits, AW + 2 levels. */
    public static final BitField AW = ENTRY.bits(
            "AW",
            66,
            64,
            oneOf(code(1, "39 bits, 3 levels"), code(2, "48 bits, 4 levels"), code(3, "57 bits, 5 levels")));

    public static final BitField AVAIL = ENTRY.ignored("AVAIL", 70, 67);

    public static final BitField DID = ENTRY.bits("DID", 87, 72, about("domain id"));

    /** The entry; address bits at or above the host address width are reserved too. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(P).build();

    /** Size of an entry. */
    public static final int BYTES = 16;

    // Codes of TT; the second needs ECAP.DT, the third ECAP.PT.
    public static final int UNTRANSLATED_ONLY = 0;
    public static final int DEVICE_TLB = 1;
    public static final int PASS_THROUGH = 2;

    private ContextEntry() {}
}
