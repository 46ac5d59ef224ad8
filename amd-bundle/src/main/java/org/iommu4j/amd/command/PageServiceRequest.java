package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** PAGE_SERVICE_REQUEST, the entry of the PPR log, 48882 2.6: a device asks for a page. */
public final class PageServiceRequest {
    private static final Layout.Builder ENTRY =
            Layout.named("PAGE_SERVICE_REQUEST").size(128).littleEndian().spec("AMD 48882 2.6");

    /** The device. */
    public static final BitField DEVICE_ID = ENTRY.bits("DeviceID", 15, 0, about("who asks"));

    /** PASID bits 15:0. */
    public static final BitField PASID_LOW = ENTRY.bits("PASID[15:0]", 31, 16, about("with GN"));

    /** Page request group index. */
    public static final BitField GROUP = ENTRY.bits("PPRGroup", 40, 32, about("page request group index"));

    /** Last request of its group. */
    public static final BitField LAST = ENTRY.bit("L", 41, about("last of its group"));

    /** PASID bits 19:16. */
    public static final BitField PASID_HIGH = ENTRY.bits("PASID[19:16]", 45, 42, about("with GN"));

    /** Execute is wanted. */
    public static final BitField X = ENTRY.bit("X", 49, about("execute"));

    /** Read is wanted. */
    public static final BitField R = ENTRY.bit("R", 50, about("read"));

    /** Write is wanted. */
    public static final BitField W = ENTRY.bit("W", 53, about("write"));

    /** A user request. */
    public static final BitField US = ENTRY.bit("US", 54, about("user"));

    /** A malformed request. */
    public static final BitField MALFORMED = ENTRY.bit("RZ", 55, about("malformed request"));

    /** The PASID counts; the address is a guest virtual one. */
    public static final BitField GN = ENTRY.bit("GN", 56, about("with PASID"));

    /** Code, 1. */
    public static final BitField CODE = ENTRY.bits("PprCode", 63, 60, oneOf(code(1, "page service request")));

    /** The page. */
    public static final BitField ADDRESS = ENTRY.address("Address", 127, 76, about("page"));

    /** The entry. */
    public static final Layout LAYOUT = ENTRY.build();

    private PageServiceRequest() {}
}
