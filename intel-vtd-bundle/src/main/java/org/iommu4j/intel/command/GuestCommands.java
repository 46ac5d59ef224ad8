package org.iommu4j.intel.command;

/**
 * Which descriptors a guest may put into a request, docs/spec/intel-vtd.md 5.4: everything else is either the host's or
 * unknown.
 */
public final class GuestCommands {
    /** Page group response: has its own path. */
    private static final int TYPE_PAGE_GROUP_RESPONSE = 0x9;

    /** Page stream response of extended-context mode. */
    private static final int TYPE_PAGE_STREAM_RESPONSE = 0xa;

    private GuestCommands() {}

    /** True for a type that a guest of a generation may send. */
    public static boolean isGuests(int type, int subVersion) {
        return switch (type) {
            case VtdCommand.TYPE_IOTLB, VtdCommand.TYPE_DEVICE_TLB -> true;
            case VtdCommand.TYPE_PASID_IOTLB, VtdCommand.TYPE_PASID_CACHE, VtdCommand.TYPE_PASID_DEVICE_TLB ->
                VtdGeneration.isScalable(subVersion);
            default -> false;
        };
    }

    /**
     * True for a type that exists, but belongs to the host: its context tables, its interrupt tables, its completions, and
     * responses to page requests.
     *
     * @param type as {@link VtdCommand#typeOf} gives it
     */
    public static boolean isHostOwned(int type) {
        return switch (type) {
            case VtdCommand.TYPE_CONTEXT_CACHE,
                    VtdCommand.TYPE_INTERRUPT_ENTRY_CACHE,
                    VtdCommand.TYPE_WAIT,
                    TYPE_PAGE_GROUP_RESPONSE,
                    TYPE_PAGE_STREAM_RESPONSE -> true;
            default -> false;
        };
    }
}
