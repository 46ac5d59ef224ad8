package org.iommu4j.intel.command;

import java.util.function.ToIntFunction;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;

/**
 * The invalidation descriptors by their type, VT-d 6.5.2, and what makes one of them legal. The table is open: {@link #of}
 * answers null for a type that is not in it.
 */
public enum VtdCommand implements CommandFormat {
    /** Context cache. */
    CONTEXT_CACHE_INVALIDATE(
            0x1,
            ContextCacheInvalidate.LAYOUT,
            "",
            "context_cache",
            ContextCacheInvalidate.G,
            ContextCacheInvalidate.DID,
            null,
            null),
    /** IOTLB and paging-structure caches. */
    IOTLB_INVALIDATE(
            0x2,
            IotlbInvalidate.LAYOUT,
            "",
            "iotlb",
            IotlbInvalidate.G,
            IotlbInvalidate.DID,
            IotlbInvalidate.ADDR,
            new Limit(IotlbInvalidate.AM, IotlbInvalidate.PAGE, "CAP.MAMV", VtdCapabilities::largestAddressMask)),
    /** The device's own TLB. */
    DEVICE_TLB_INVALIDATE(0x3, DeviceTlbInvalidate.LAYOUT, "DT", "dev_iotlb", null, null, null, null),
    /** Interrupt entry cache. */
    INTERRUPT_ENTRY_CACHE_INVALIDATE(
            0x4,
            InterruptEntryCacheInvalidate.LAYOUT,
            "IR",
            "iec",
            InterruptEntryCacheInvalidate.G,
            null,
            null,
            new Limit(
                    InterruptEntryCacheInvalidate.IM,
                    InterruptEntryCacheInvalidate.INDEX,
                    "ECAP.MHMV",
                    VtdCapabilities::largestIndexMask)),
    /** Completion of all earlier descriptors. */
    INVALIDATION_WAIT(0x5, InvalidationWait.LAYOUT, "", "wait", null, null, null, null),
    /** IOTLB and first-stage paging-structure caches of one PASID. */
    PASID_IOTLB_INVALIDATE(
            0x6,
            PasidIotlbInvalidate.LAYOUT,
            "",
            "piotlb",
            PasidIotlbInvalidate.G,
            PasidIotlbInvalidate.DID,
            null,
            null),
    /** PASID cache. */
    PASID_CACHE_INVALIDATE(
            0x7,
            PasidCacheInvalidate.LAYOUT,
            "",
            "pasid_cache",
            PasidCacheInvalidate.G,
            PasidCacheInvalidate.DID,
            null,
            null),
    /** The device's own TLB, for requests with PASID. */
    PASID_DEVICE_TLB_INVALIDATE(0x8, PasidDeviceTlbInvalidate.LAYOUT, "DT", "pdev_iotlb", null, null, null, null),
    /** Answer to page requests. */
    PAGE_GROUP_RESPONSE(0x9, PageGroupResponse.LAYOUT, "PRS", "page_response", null, null, null, null),
    /** Host permission tables. */
    HOST_PERMISSION_INVALIDATE(
            0xa,
            HostPermissionInvalidate.LAYOUT,
            "HPTS",
            "hpt_cache",
            HostPermissionInvalidate.G,
            HostPermissionInvalidate.HPTDID,
            null,
            null);

    // The types as constants, for a switch.
    public static final int TYPE_CONTEXT_CACHE = 0x1;
    public static final int TYPE_IOTLB = 0x2;
    public static final int TYPE_DEVICE_TLB = 0x3;
    public static final int TYPE_INTERRUPT_ENTRY_CACHE = 0x4;
    public static final int TYPE_WAIT = 0x5;
    public static final int TYPE_PASID_IOTLB = 0x6;
    public static final int TYPE_PASID_CACHE = 0x7;
    public static final int TYPE_PASID_DEVICE_TLB = 0x8;
    public static final int TYPE_PAGE_GROUP_RESPONSE = 0x9;
    public static final int TYPE_HOST_PERMISSION = 0xa;

    /**
     * The largest value of a field at one granularity.
     *
     * @param field the field
     * @param granularity at other granularities every value is legal
     * @param name what limits it, as the specification calls it
     * @param most the limit of a unit; -1 if no value is legal
     */
    public record Limit(BitField field, int granularity, String name, ToIntFunction<VtdCapabilities> most) {}

    private static final VtdCommand[] BY_TYPE = new VtdCommand[16];

    static {
        for (VtdCommand command : values()) {
            BY_TYPE[command.type] = command;
        }
    }

    private final int type;
    private final String capability;
    private final String shortName;
    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    @SuppressWarnings("ImmutableEnumChecker")
    private final BitField granularity;

    @SuppressWarnings("ImmutableEnumChecker")
    private final BitField domain;

    @SuppressWarnings("ImmutableEnumChecker")
    private final BitField address;

    @SuppressWarnings("ImmutableEnumChecker")
    private final Limit limit;

    VtdCommand(
            int type,
            Layout layout,
            String capability,
            String shortName,
            BitField granularity,
            BitField domain,
            BitField address,
            Limit limit) {
        this.type = type;
        this.layout = layout;
        this.capability = capability;
        this.shortName = shortName;
        this.granularity = granularity;
        this.domain = domain;
        this.address = address;
        this.limit = limit;
    }

    @Override
    public int opcode() {
        return type;
    }

    @Override
    public Layout layout() {
        return layout;
    }

    @Override
    public int since() {
        return type <= TYPE_WAIT
                ? VtdGeneration.LEGACY_QI
                : type == TYPE_HOST_PERMISSION ? VtdGeneration.HOST_PERMISSIONS : VtdGeneration.SCALABLE;
    }

    /** The capability of ECAP without which the type is unknown; empty if every queue has it. */
    public String capability() {
        return capability;
    }

    /** Field of the first word whose codes say what is dropped; null if it has none. */
    public BitField granularity() {
        return granularity;
    }

    /** Field of the first word with a domain id; null if it has none. */
    public BitField domain() {
        return domain;
    }

    /** Field of the second word with an address, of which only the bits below CAP.MGAW count; null if it has none. */
    public BitField address() {
        return address;
    }

    /** The limit of a field; null if no field has one. */
    public Limit limit() {
        return limit;
    }

    /** The descriptor of a type, or null if none has it. */
    public static VtdCommand of(int type) {
        return type >= 0 && type < BY_TYPE.length ? BY_TYPE[type] : null;
    }

    /**
     * The type that the first word of a descriptor names: four bits before generation 0x0400, seven from then on.
     *
     * @param word0 first word of the descriptor
     * @param subVersion the generation of the hardware that reads it
     */
    public static int typeOf(long word0, int subVersion) {
        int low = ContextCacheInvalidate.TYPE.getInt(word0);
        return subVersion < VtdGeneration.WIDE_TYPE
                ? low
                : ContextCacheInvalidate.TYPE_HIGH.getInt(word0) << ContextCacheInvalidate.TYPE.width() | low;
    }

    /** The name of a descriptor in captures: a short name with the granularity, or with the effect of a wait. */
    public static String nameOf(long word0, int subVersion) {
        int type = typeOf(word0, subVersion);
        VtdCommand command = of(type);
        if (command == null) {
            return "type_0x" + Integer.toHexString(type);
        }
        if (command == INVALIDATION_WAIT) {
            return InvalidationWait.SW.isSet(word0)
                    ? "wait.status"
                    : InvalidationWait.IF.isSet(word0) ? "wait.interrupt" : "wait.fence";
        }
        if (command.granularity == null) {
            return command.shortName;
        }
        String what = command.granularity.meaningOf(command.granularity.get(word0));
        return command.shortName + "." + (what == null ? "reserved" : what);
    }
}
