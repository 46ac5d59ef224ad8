package org.iommu4j.intel.command;

import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;

/**
 * The invalidation descriptors by their type, VT-d 6.5.2. The table is open: {@link #of} answers null for a type that is
 * not in it.
 */
public enum VtdCommand implements CommandFormat {
    /** Context cache. */
    CONTEXT_CACHE_INVALIDATE(0x1, ContextCacheInvalidate.LAYOUT),
    /** IOTLB and paging-structure caches. */
    IOTLB_INVALIDATE(0x2, IotlbInvalidate.LAYOUT),
    /** The device's own TLB. */
    DEVICE_TLB_INVALIDATE(0x3, DeviceTlbInvalidate.LAYOUT),
    /** Interrupt entry cache. */
    INTERRUPT_ENTRY_CACHE_INVALIDATE(0x4, InterruptEntryCacheInvalidate.LAYOUT),
    /** Completion of all earlier descriptors. */
    INVALIDATION_WAIT(0x5, InvalidationWait.LAYOUT);

    /** {@link #CONTEXT_CACHE_INVALIDATE} as a constant, for a switch over the type. */
    public static final int TYPE_CONTEXT_CACHE = 0x1;

    /** {@link #IOTLB_INVALIDATE} as a constant. */
    public static final int TYPE_IOTLB = 0x2;

    /** {@link #DEVICE_TLB_INVALIDATE} as a constant. */
    public static final int TYPE_DEVICE_TLB = 0x3;

    /** {@link #INTERRUPT_ENTRY_CACHE_INVALIDATE} as a constant. */
    public static final int TYPE_INTERRUPT_ENTRY_CACHE = 0x4;

    /** {@link #INVALIDATION_WAIT} as a constant. */
    public static final int TYPE_WAIT = 0x5;

    private static final VtdCommand[] BY_TYPE = new VtdCommand[16];

    static {
        for (VtdCommand command : values()) {
            BY_TYPE[command.type] = command;
        }
    }

    private final int type;
    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    VtdCommand(int type, Layout layout) {
        this.type = type;
        this.layout = layout;
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
        return VtdGeneration.LEGACY_QI;
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
}
