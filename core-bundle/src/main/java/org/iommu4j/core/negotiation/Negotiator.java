package org.iommu4j.core.negotiation;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.Unbridgeable;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;

/**
 * Finds how a client and a chip meet: the same generation, else the best path of shims through {@link ShimGraph}. The same offer gets
 * the same answer on every run.
 */
public final class Negotiator {
    /** Most offers that a refusal names. */
    private static final int MOST_INSTEAD = 16;

    private Negotiator() {}

    /**
     * The best agreement.
     *
     * @param description the backend that serves
     * @param hostSubVersion the chip's generation
     * @param graph all shims that are there
     */
    public static Negotiated negotiate(
            Offer offer, int hostSubVersion, BackendDescription description, ShimGraph graph) {
        IommuModel model = description.model();
        if (offer.model() != model) {
            return refused(
                    offer,
                    hostSubVersion,
                    "the client speaks to model " + offer.model() + ", the chip is " + model,
                    List.of());
        }
        Generation host = description.generation(hostSubVersion);
        if (host == null) {
            return refused(
                    offer,
                    hostSubVersion,
                    description.name() + " " + description.version() + " does not serve generation "
                            + Generation.text(hostSubVersion),
                    List.of());
        }
        Map<Integer, List<ShimLink>> paths = graph.paths(hostSubVersion);
        List<ShimLink> path = paths.entrySet().stream()
                .filter(from -> offer.contains(from.getKey()))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse(null);
        Set<String> missing = new TreeSet<>(offer.required());
        missing.removeAll(host.capabilities());
        if (missing.isEmpty() && path != null) {
            return agreed(offer, host, path);
        }
        String reason = missing.isEmpty()
                ? noPath(offer, hostSubVersion, graph)
                : "generation " + Generation.text(hostSubVersion) + " has no " + String.join(", no ", missing);
        return refused(offer, hostSubVersion, reason, wouldWork(offer, host, paths.keySet()));
    }

    private static Negotiated agreed(Offer offer, Generation host, List<ShimLink> path) {
        boolean exact = path.isEmpty();
        int hostSubVersion = host.subVersion();
        int client = exact ? hostSubVersion : path.get(0).from();
        List<String> names = path.stream().map(ShimLink::name).toList();
        Fidelity fidelity = path.stream().map(ShimLink::fidelity).reduce(Fidelity.EXACT, Fidelity::and);
        Set<String> features = new TreeSet<>(offer.optional());
        features.retainAll(host.capabilities());
        features.addAll(offer.required());
        Agreement agreement = new Agreement(
                offer.model(),
                exact ? Agreement.Kind.EXACT : Agreement.Kind.BRIDGED,
                client,
                hostSubVersion,
                names,
                fidelity,
                exact
                        ? "the client speaks generation " + Generation.text(hostSubVersion)
                        : "from generation " + Generation.text(client) + " to " + Generation.text(hostSubVersion)
                                + " by " + String.join(", ", names),
                offer,
                features,
                ShimGraph.operations(path),
                List.of());
        return new Negotiated(agreement, path);
    }

    private static String noPath(Offer offer, int hostSubVersion, ShimGraph graph) {
        Unbridgeable pair = offer.oldest() == offer.newest() ? graph.forbidden(offer.oldest(), hostSubVersion) : null;
        return pair == null
                ? "no shims lead from generations " + Generation.text(offer.oldest()) + " to "
                        + Generation.text(offer.newest()) + " to " + Generation.text(hostSubVersion)
                : "nothing may bridge these generations" + (pair.step().isEmpty() ? "" : " (" + pair.step() + ")")
                        + ": " + pair.why();
    }

    /** Offers that would work instead: each generation that meets the chip, with those features that the chip has. */
    private static List<Offer> wouldWork(Offer offer, Generation host, Set<Integer> clients) {
        Set<String> possible = new TreeSet<>(offer.required());
        possible.retainAll(host.capabilities());
        return clients.stream()
                .map(client -> offer.narrowed(client, possible))
                .limit(MOST_INSTEAD)
                .toList();
    }

    private static Negotiated refused(Offer offer, int hostSubVersion, String reason, List<Offer> wouldWork) {
        String instead = wouldWork.isEmpty()
                ? ""
                : "; would work: "
                        + wouldWork.stream()
                                .map(one -> Generation.text(one.newest()))
                                .collect(Collectors.joining(", "));
        return new Negotiated(refusal(offer, hostSubVersion, reason + instead, wouldWork), List.of());
    }

    /** An agreement that says no, and knows nothing else that would work. */
    public static Agreement refusal(Offer offer, int hostSubVersion, String reason) {
        return refusal(offer, hostSubVersion, reason, List.of());
    }

    private static Agreement refusal(Offer offer, int hostSubVersion, String reason, List<Offer> wouldWork) {
        List<Conversion> nothing = List.of();
        return new Agreement(
                offer.model(),
                Agreement.Kind.REFUSED,
                offer.newest(),
                hostSubVersion,
                List.of(),
                null,
                reason,
                offer,
                Set.of(),
                nothing,
                wouldWork);
    }

    /** Agreements of clients of each generation with chips of each. */
    public static NegotiationTable table(BackendDescription description, ShimGraph graph) {
        List<Integer> clients = graph.clients(description);
        List<Integer> chips = description.generations().stream()
                .map(Generation::subVersion)
                .sorted(Integer::compareUnsigned)
                .toList();
        List<Agreement> cells = new ArrayList<>();
        for (int client : clients) {
            for (int chip : chips) {
                Offer offer = Offer.exactly(description.model(), client);
                cells.add(negotiate(offer, chip, description, graph).agreement());
            }
        }
        return new NegotiationTable(
                description.model(), description.name() + " " + description.version(), clients, chips, cells);
    }
}
