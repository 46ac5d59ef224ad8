package org.iommu4j.core.negotiation;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.Unbridgeable;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;

/**
 * The generations of a model as nodes, and as edges all shims that are there, whoever brings them. The best path from a generation to
 * another is found in this order: it never widens; it has fewer steps; it begins with a newer generation of the client; its shims,
 * from the client's on, come from newer bundles, and then have names that come first. So the order in which shims have come makes no
 * difference.
 */
public final class ShimGraph {
    private static final Comparator<ShimLink> NEWER_THEN_NAME =
            Comparator.comparing(ShimLink::version).reversed().thenComparing(ShimLink::name);

    private static final Comparator<Integer> NEWEST_FIRST = (one, other) -> Integer.compareUnsigned(other, one);

    private final List<ShimLink> links;
    private final List<Unbridgeable> forbidden;

    /**
     * A graph.
     *
     * @param shims all that are there; those of other models are left out
     * @param forbidden pairs that no path may join
     */
    public ShimGraph(IommuModel model, List<ShimLink> shims, List<Unbridgeable> forbidden) {
        this.links = shims.stream()
                .filter(link -> link.model() == model)
                .sorted(NEWER_THEN_NAME)
                .toList();
        this.forbidden = List.copyOf(forbidden);
    }

    /** The generations that a client can have in front of a backend, oldest first. */
    public List<Integer> clients(BackendDescription description) {
        Set<Integer> known = new TreeSet<>(Integer::compareUnsigned);
        description.generations().stream().map(Generation::subVersion).forEach(known::add);
        links.stream().map(ShimLink::from).forEach(known::add);
        return List.copyOf(known);
    }

    /** Why nothing may lead from a generation to another; null if something may. */
    public Unbridgeable forbidden(int from, int to) {
        for (Unbridgeable pair : forbidden) {
            if (pair.from() == from && pair.to() == to) {
                return pair;
            }
        }
        return null;
    }

    /**
     * The best path to a chip's generation from each that has one, itself included, in the order of preference: those first that never
     * widen, then shorter ones, then those from newer generations. A path that widens is better than one that does not if it refuses
     * fewer operations: the other leads through a generation that has less than both ends.
     */
    Map<Integer, List<ShimLink>> paths(int host) {
        Map<Integer, List<ShimLink>> paths = new LinkedHashMap<>();
        for (Fidelity worst : Fidelity.values()) {
            addShortest(host, worst, paths);
        }
        return paths;
    }

    /** Searches from the chip's generation towards the clients', over the shims that are no worse. */
    private void addShortest(int host, Fidelity worst, Map<Integer, List<ShimLink>> paths) {
        Set<Integer> reached = new HashSet<>();
        Map<Integer, List<ShimLink>> frontier = Map.of(host, List.of());
        while (!frontier.isEmpty()) {
            frontier.forEach((client, path) -> {
                List<ShimLink> before = paths.get(client);
                if (before == null || refused(path) < refused(before)) {
                    paths.remove(client);
                    paths.put(client, path);
                }
            });
            reached.addAll(frontier.keySet());
            Map<Integer, List<ShimLink>> further = new TreeMap<>(NEWEST_FIRST);
            for (ShimLink link : links) {
                List<ShimLink> rest = frontier.get(link.to());
                if (rest != null
                        && link.fidelity().compareTo(worst) <= 0
                        && !reached.contains(link.from())
                        && isAllowed(link.from(), rest, host)) {
                    List<ShimLink> path = new ArrayList<>(List.of(link));
                    path.addAll(rest);
                    further.merge(link.from(), path, ShimGraph::better);
                }
            }
            frontier = further;
        }
    }

    private static long refused(List<ShimLink> path) {
        return operations(path).stream()
                .filter(operation -> operation.outcome() == Conversion.Outcome.REFUSED)
                .count();
    }

    /** True if no pair that the path would join is forbidden, however many steps lie between. */
    private boolean isAllowed(int from, List<ShimLink> rest, int host) {
        return forbidden(from, host) == null && rest.stream().allMatch(link -> forbidden(from, link.from()) == null);
    }

    /** The better of two paths of the same length between the same generations. */
    private static List<ShimLink> better(List<ShimLink> one, List<ShimLink> other) {
        for (int i = 0; i < one.size(); i++) {
            int order = NEWER_THEN_NAME.compare(one.get(i), other.get(i));
            if (order != 0) {
                return order < 0 ? one : other;
            }
        }
        return one;
    }

    /** Outcome of each operation on a path: the worst of its steps. */
    static List<Conversion> operations(List<ShimLink> path) {
        Map<String, Conversion> operations = new LinkedHashMap<>();
        for (ShimLink link : path) {
            for (Conversion conversion : link.conversions()) {
                operations.merge(conversion.operation(), conversion, Conversion::and);
            }
        }
        return List.copyOf(operations.values());
    }
}
