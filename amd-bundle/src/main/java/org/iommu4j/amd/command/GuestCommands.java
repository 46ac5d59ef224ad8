package org.iommu4j.amd.command;

import java.util.Set;
import java.util.function.Predicate;
import org.iommu4j.layout.Layout;

/**
 * What guests of a generation know of the two commands that they may put into a request, docs/spec/amd-vi.md 1.2 and 5.5:
 * INVALIDATE_IOMMU_PAGES and INVALIDATE_IOTLB_PAGES. All other commands are the host's.
 */
public final class GuestCommands {
    private static final Set<String> V1 = Set.of();
    private static final Set<String> V2 = Set.of("GTSup");
    private static final Set<String> V3 = Set.of("GTSup", "InvIotlbTypeSup");

    private GuestCommands() {}

    /** True if guests of a generation know a capability of the unit: the bits of others must be zero in their commands. */
    public static boolean know(int subVersion, String capability) {
        Set<String> known = subVersion == AmdViGeneration.V1 ? V1 : subVersion == AmdViGeneration.V2 ? V2 : V3;
        return known.contains(capability);
    }

    /**
     * The bits of a command that a guest of a generation must leave zero, word by word.
     *
     * @param command layout of one of the two commands
     */
    public static long[] reserved(Layout command, int subVersion) {
        Predicate<String> known = capability -> know(subVersion, capability);
        return new long[] {command.reservedMask(0, subVersion, known), command.reservedMask(1, subVersion, known)};
    }

    /** True in generations whose guests name domains of their own; before, the host fills the domain id in. */
    public static boolean nameDomains(int subVersion) {
        return subVersion == AmdViGeneration.NESTED;
    }
}
