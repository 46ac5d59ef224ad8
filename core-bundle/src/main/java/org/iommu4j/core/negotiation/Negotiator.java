package org.iommu4j.core.negotiation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Offer;

/**
 * Finds how a client and a chip meet: the same generation, else the best chain of shims. Best is: never widens, then
 * fewest shims, then newest generation of the client. Shortest paths visit no generation twice, so a circle of shims does
 * no harm.
 */
public final class Negotiator {
    private Negotiator() {}

    /**
     * The best agreement.
     *
     * @param description the backend that serves
     * @param hostSubVersion the chip's generation
     * @param shims all that are there; those of other models are left out
     */
    public static Negotiated negotiate(
            Offer offer, int hostSubVersion, BackendDescription description, List<ShimLink> shims) {
        IommuModel model = description.model();
        if (offer.model() != model) {
            return refused(
                    offer, hostSubVersion, "the client speaks to model " + offer.model() + ", the chip is " + model);
        }
        Generation host = description.generation(hostSubVersion);
        if (host == null) {
            return refused(
                    offer,
                    hostSubVersion,
                    description.name() + " " + description.version() + " does not serve generation "
                            + hex(hostSubVersion));
        }
        Set<String> missing = new TreeSet<>(offer.required());
        missing.removeAll(host.capabilities());
        if (!missing.isEmpty()) {
            return refused(offer, hostSubVersion, "generation " + hex(hostSubVersion) + " has no " + missing);
        }
        if (contains(offer, hostSubVersion)) {
            return new Negotiated(
                    new Agreement(
                            model,
                            Agreement.Kind.EXACT,
                            hostSubVersion,
                            hostSubVersion,
                            List.of(),
                            Fidelity.EXACT,
                            "the client speaks generation " + hex(hostSubVersion)),
                    List.of());
        }
        for (Fidelity worst : Fidelity.values()) {
            List<ShimLink> usable = shims.stream()
                    .filter(link -> link.model() == model && link.fidelity().compareTo(worst) <= 0)
                    .sorted(Comparator.comparing(ShimLink::name))
                    .toList();
            Negotiated found = shortest(offer, hostSubVersion, usable);
            if (found != null) {
                return found;
            }
        }
        return refused(
                offer,
                hostSubVersion,
                "no shims lead from generations " + hex(offer.oldest()) + " to " + hex(offer.newest()) + " to "
                        + hex(hostSubVersion));
    }

    /** Searches from the chip's generation towards the client's, so that one search finds all that the client offers. */
    private static Negotiated shortest(Offer offer, int hostSubVersion, List<ShimLink> shims) {
        Map<Integer, ShimLink> towardsHost = new HashMap<>();
        Map<Integer, Integer> distance = new HashMap<>();
        ArrayDeque<Integer> reached = new ArrayDeque<>();
        distance.put(hostSubVersion, 0);
        reached.add(hostSubVersion);
        Integer best = null;
        while (!reached.isEmpty()) {
            int at = reached.poll();
            if (contains(offer, at) && (best == null || isBetter(at, best, distance))) {
                best = at;
            }
            for (ShimLink link : shims) {
                if (link.to() == at && !distance.containsKey(link.from())) {
                    distance.put(link.from(), distance.get(at) + 1);
                    towardsHost.put(link.from(), link);
                    reached.add(link.from());
                }
            }
        }
        if (best == null) {
            return null;
        }
        List<ShimLink> chain = new ArrayList<>();
        List<String> names = new ArrayList<>();
        Fidelity fidelity = Fidelity.EXACT;
        for (int at = best; at != hostSubVersion; at = towardsHost.get(at).to()) {
            ShimLink link = towardsHost.get(at);
            chain.add(link);
            names.add(link.name());
            fidelity = fidelity.and(link.fidelity());
        }
        return new Negotiated(
                new Agreement(
                        offer.model(),
                        Agreement.Kind.BRIDGED,
                        best,
                        hostSubVersion,
                        names,
                        fidelity,
                        "from generation " + hex(best) + " to " + hex(hostSubVersion) + " by "
                                + String.join(", ", names)),
                List.copyOf(chain));
    }

    private static boolean isBetter(int one, int other, Map<Integer, Integer> distance) {
        int longer = Integer.compare(distance.get(one), distance.get(other));
        return longer < 0 || (longer == 0 && Integer.compareUnsigned(one, other) > 0);
    }

    private static boolean contains(Offer offer, int subVersion) {
        return Integer.compareUnsigned(offer.oldest(), subVersion) <= 0
                && Integer.compareUnsigned(subVersion, offer.newest()) <= 0;
    }

    private static Negotiated refused(Offer offer, int hostSubVersion, String reason) {
        return new Negotiated(refusal(offer, hostSubVersion, reason), List.of());
    }

    /** An agreement that says no. */
    public static Agreement refusal(Offer offer, int hostSubVersion, String reason) {
        return new Agreement(
                offer.model(), Agreement.Kind.REFUSED, offer.newest(), hostSubVersion, List.of(), null, reason);
    }

    private static String hex(int subVersion) {
        return "0x" + Integer.toHexString(subVersion);
    }
}
