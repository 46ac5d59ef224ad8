package org.iommu4j.intel.shim;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.invalidate.PartWords;
import org.iommu4j.intel.command.GuestCommands;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;

/**
 * The descriptor that is the vendor part of a request of a generation with a queue. Every shim looks at it before anything else, so that
 * a request is refused alike whatever its path is.
 */
final class DescriptorPart {
    /** The words of a descriptor of any type: all have the same two. */
    static final PartWords WORDS = new PartWords(IotlbInvalidate.LAYOUT, VtdGeneration.LEGACY_QI);

    private final int generation;
    private final PartWords[] types = new PartWords[VtdCommand.TYPE_PASID_DEVICE_TLB + 1];

    DescriptorPart(int generation) {
        this.generation = generation;
        for (int type = 0; type < types.length; type++) {
            if (GuestCommands.isGuests(type, generation)) {
                types[type] = new PartWords(GuestCommands.layout(type, generation), generation);
            }
        }
    }

    /** Refuses what no guest of the generation may ask for; 0 if there is nothing, or no vendor part. */
    int check(InvalidateRequest request, Completion completion) {
        if (generation == VtdGeneration.LEGACY_QI && request.selectsPasid()) {
            return Answers.noPasids(request, completion);
        }
        if (request.payloadLength() == 0) {
            return 0;
        }
        int wrongLength = WORDS.checkLength(request, completion);
        if (wrongLength != 0) {
            return wrongLength;
        }
        int type = type(request);
        return GuestCommands.isGuests(type, generation)
                ? types[type].checkReserved(request, completion)
                : GuestCommands.refuse(type, completion);
    }

    /** Type of the descriptor, as {@link VtdCommand#typeOf} gives it. */
    int type(InvalidateRequest request) {
        return VtdCommand.typeOf(WORDS.word(request, 0), generation);
    }
}
