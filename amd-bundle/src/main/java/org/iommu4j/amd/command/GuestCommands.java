package org.iommu4j.amd.command;

import java.util.Set;

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

    /** True in generations whose guests name domains of their own; before, the host fills the domain id in. */
    public static boolean nameDomains(int subVersion) {
        return subVersion == AmdViGeneration.NESTED;
    }
}
