package org.iommu4j.intel.command;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Rule;
import org.iommu4j.layout.Layout;

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
                VtdGeneration.hasPasids(subVersion);
            default -> false;
        };
    }

    /** The descriptor of a type as clients of a generation fill it in. */
    public static Layout layout(int type, int subVersion) {
        return type == VtdCommand.TYPE_PASID_IOTLB && subVersion == VtdGeneration.EXTENDED_CONTEXT
                ? ExtendedIotlbInvalidate.LAYOUT
                : VtdCommand.of(type).layout();
    }

    /**
     * Refuses a type that is not a guest's: one that exists, but belongs to the host, V36, or one that nobody has, V34.
     *
     * @param type as {@link VtdCommand#typeOf} gives it
     * @return the negative errno
     */
    public static int refuse(int type, Completion completion) {
        Rule rule = isHostOwned(type) ? Rule.V36 : Rule.V34;
        return completion.refuse(
                rule,
                rule.errno(),
                IotlbInvalidate.LAYOUT,
                IotlbInvalidate.TYPE,
                type,
                rule == Rule.V36
                        ? "this command is the host's, never a guest's"
                        : "no command of this generation has that type");
    }

    /** True for commands of its context tables, its interrupt tables, its completions, and responses to page requests. */
    private static boolean isHostOwned(int type) {
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
