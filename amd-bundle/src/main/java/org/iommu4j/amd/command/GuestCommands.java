package org.iommu4j.amd.command;

import java.util.Set;
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

    /**
     * The bits of a command that a guest of a generation must leave zero, word by word.
     *
     * @param command layout of one of the two commands
     */
    public static long[] reserved(Layout command, int subVersion) {
        Set<String> known = subVersion == AmdViGeneration.V1 ? V1 : subVersion == AmdViGeneration.V2 ? V2 : V3;
        return new long[] {
            command.reservedMask(0, subVersion, known::contains), command.reservedMask(1, subVersion, known::contains)
        };
    }

    /** True in generations whose guests name domains of their own; before, the host fills the domain id in. */
    public static boolean nameDomains(int subVersion) {
        return subVersion == AmdViGeneration.NESTED;
    }
}
