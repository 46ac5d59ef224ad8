package org.iommu4j.core.swap;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.ChipMaker;
import org.iommu4j.core.containers.CoreContainer;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.Session;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;

/**
 * The effect of a swap, found out before anything moves.
 *
 * @param obstacle why the new backend cannot serve the units; empty if it can
 * @param units number of units
 * @param surviving containers that would go on, with the kind of their agreement
 * @param lost containers that would not, with the reason
 */
record SwapPreview(String obstacle, int units, List<String> surviving, List<String> lost) {
    /**
     * Looks at all units, and changes nothing.
     *
     * @param target the backend that would serve
     * @param serving the backend that serves; null if none does
     */
    static SwapPreview of(BackendEntry target, BackendEntry serving, List<CoreUnit> units, Negotiations negotiations) {
        BackendDescription description = target.description();
        String obstacle = "";
        List<String> surviving = new ArrayList<>();
        List<String> lost = new ArrayList<>();
        int count = 0;
        for (CoreUnit unit : units) {
            count++;
            if (description.generation(unit.subVersion()) == null) {
                obstacle = target + " does not serve generation " + Generation.text(unit.subVersion()) + " of " + unit;
            } else if (serving != null && obstacle.isEmpty()) {
                obstacle = ChipMaker.obstacle(serving.description().stateWritten(), description);
                obstacle = obstacle.isEmpty() ? memoryMaps(unit, serving.description(), target) : obstacle;
            }
            for (CoreContainer container : unit.allContainers()) {
                Session session = container.session();
                boolean lostBefore = session != null && session.refuses();
                if (container.isClosing() || lostBefore) {
                    continue;
                }
                Agreement agreement =
                        negotiations.renewedAgreement(unit, container, target).agreement();
                if (agreement.kind() == Agreement.Kind.REFUSED) {
                    lost.add(container + ": " + agreement.reason());
                } else {
                    surviving.add(container + ": " + agreement.kind());
                }
            }
        }
        return new SwapPreview(obstacle, count, surviving, lost);
    }

    /** Why memory maps of a unit's containers would be lost; empty if they would not, or nobody says who takes some. */
    private static String memoryMaps(CoreUnit unit, BackendDescription serving, BackendEntry target) {
        if (!takesMemoryMaps(serving, unit) || takesMemoryMaps(target.description(), unit)) {
            return "";
        }
        for (CoreContainer container : unit.allContainers()) {
            if (container.memory().isBegun()) {
                return container + " has a memory map, and " + target + " takes none";
            }
        }
        return "";
    }

    private static boolean takesMemoryMaps(BackendDescription description, CoreUnit unit) {
        Generation generation = description.generation(unit.subVersion());
        return generation != null && generation.capabilities().contains(MemoryMapSupport.CAPABILITY);
    }

    /** Why the swap would be refused; empty if it would not. */
    String reason() {
        if (!obstacle.isEmpty()) {
            return obstacle;
        }
        return lost.isEmpty() ? "" : "agreements would be lost";
    }

    /** The preview as a report. */
    SwapReport report(BackendEntry from, BackendEntry to, Outcome outcome) {
        return new SwapReport(
                to.model(),
                from == null ? "" : from.description().version(),
                to.description().version(),
                outcome,
                reason(),
                0,
                units,
                0,
                false,
                surviving,
                lost);
    }
}
