package org.iommu4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiPredicate;
import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Unbridgeable;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;

/**
 * The laws of shims, on every path of at most {@value #LONGEST} shims between any two generations of a model, circles included, judged
 * on what chips have cached. A case is a request of a client's generation. It is carried out on a chip of that generation, and,
 * rewritten by each path, on a chip of the path's end with the same tables. Pairs of generations take turns until each {@link Law} was
 * asked so often as it has to be.
 *
 * <p>{@code -Dlaws.cases=N} asks each law N times in place of {@value #IN_THE_BUILD}. A case that fails is made smaller, and shown with
 * the path, the seed by which {@link Property} repeats it, and a case file that runs it.
 */
public final class ShimLaws {
    private static final int LONGEST = 3;
    private static final int IN_THE_BUILD = 10_000;
    private static final int CASES_OF_A_TURN = 50;

    /** Paths of one case, beside the shortest. */
    private static final int MORE_PATHS = 2;

    /** What holds for every request and path; by the numbers that docs/negotiation.md gives them. */
    public enum Law {
        /** A circle that loses nothing leaves the same cached as the request itself. */
        L1,
        /** Any circle leaves the same or less. */
        L2,
        /** Two paths to the same chip leave the same, or the one that leaves less has said that it widens. */
        L3,
        /** No path leaves anything that the request drops on a chip of the client's generation. */
        L4,
        /** What was widened on the way stays so, and a shim that says that it never widens, or refuses nothing, never does. */
        L5,
        /** Paths that refuse for what is wrong in the client's own generation name the same rule and field. */
        L6,
        /** What the client's own generation refuses as malformed or unknown no path carries out. */
        L8,
        /** A request that is sent again after it was carried out is answered alike, and brings nothing back. */
        L9
    }

    /** A chip with the tables and devices of a client. */
    public interface Scene {
        /** Everything is cached that can be, and then the tables change. */
        void fill();

        /** Carries a request out, with its completion. */
        void carryOut(InvalidateRequest request, Completion completion);

        /** What is cached still from before the change, by numbers that are the same for all scenes of two generations. */
        BitSet left();

        /** What a request has left. */
        default BitSet leftAfter(InvalidateRequest request, Completion completion) {
            fill();
            carryOut(request, completion);
            return left();
        }
    }

    /** Chips with equal tables. */
    public interface Scenes {
        /**
         * A scene of a client on a chip.
         *
         * @param client generation of the client
         * @param chip generation of the chip
         * @param other generation of the chip that it is compared with: what that cannot have is in neither
         */
        Scene of(int client, int chip, int other);
    }

    /** Requests of a generation that are right more often than not. */
    public interface Requests {
        /**
         * Makes a request.
         *
         * @param client generation of the client
         * @param other generation of the chip that it ends at
         */
        InvalidateRequest of(int client, int other, SplittableRandom random);
    }

    private final Scenes scenes;
    private final Requests requests;
    private final IommuModel model;
    private final List<Shim> shims;
    private final List<Unbridgeable> forbidden;
    private final BiPredicate<Shim, InvalidateRequest> keepsHints;
    private final BiPredicate<InvalidateRequest, Completion> isExempt;
    private final Map<Law, LongAdder> asked = new EnumMap<>(Law.class);

    /**
     * The laws for a backend.
     *
     * @param keepsHints false for a shim that drops hints of a request, which leaves less without being wider
     * @param isExempt true if the client's own chip refuses a request that others rightly carry out
     */
    public ShimLaws(
            Backend backend,
            Scenes scenes,
            Requests requests,
            BiPredicate<Shim, InvalidateRequest> keepsHints,
            BiPredicate<InvalidateRequest, Completion> isExempt) {
        this.model = backend.describe().model();
        this.shims = backend.shims();
        this.forbidden = backend.unbridgeable();
        this.scenes = scenes;
        this.requests = requests;
        this.keepsHints = keepsHints;
        this.isExempt = isExempt;
        for (Law law : Law.values()) {
            asked.put(law, new LongAdder());
        }
    }

    /** Two generations that meet, the paths between them, and which laws their cases ask. */
    private static final class Pair {
        private final int client;
        private final int chip;
        private final List<List<Shim>> paths;
        private final Scene own;
        private final Scene other;
        private final Set<Law> asks = EnumSet.noneOf(Law.class);

        Pair(int client, int chip, List<List<Shim>> paths, Scenes scenes) {
            this.client = client;
            this.chip = chip;
            this.paths = paths;
            own = scenes.of(client, client, chip);
            other = client == chip ? own : scenes.of(client, chip, client);
        }

        boolean isCircle() {
            return client == chip;
        }
    }

    /**
     * One way of a request to a chip.
     *
     * @param rewritten what reached the chip; null if a shim refused it
     * @param before fidelity before the chip
     */
    private record Outcome(InvalidateRequest rewritten, Fidelity before, Completion completion, BitSet left) {
        boolean ok() {
            return completion.errno() == Errno.OK;
        }

        boolean byShims() {
            return rewritten == null;
        }

        boolean widened() {
            return completion.fidelity() == Fidelity.WIDENED;
        }
    }

    /**
     * All paths from a generation to another, the shortest first; to itself all circles.
     *
     * @return each with its shims in order
     */
    public List<List<Shim>> paths(int from, int to) {
        List<List<Shim>> complete = new ArrayList<>();
        List<List<Shim>> open = List.of(List.of());
        for (int length = 1; length <= LONGEST; length++) {
            List<List<Shim>> longer = new ArrayList<>();
            for (List<Shim> path : open) {
                int at = path.isEmpty() ? from : path.get(path.size() - 1).to();
                for (Shim shim : shims) {
                    if (shim.from() == at && isAllowed(path, shim, to)) {
                        List<Shim> next = new ArrayList<>(path);
                        next.add(shim);
                        (shim.to() == to ? complete : longer).add(next);
                    }
                }
            }
            open = longer;
        }
        return complete;
    }

    /** True if the path stays simple, and joins no pair that the backend forbids. */
    private boolean isAllowed(List<Shim> path, Shim next, int to) {
        for (Shim step : path) {
            if ((step.from() == next.to() && next.to() != to) || isForbidden(step.from(), next.to())) {
                return false;
            }
        }
        return !isForbidden(next.from(), next.to());
    }

    private boolean isForbidden(int from, int to) {
        return forbidden.stream().anyMatch(pair -> pair.from() == from && pair.to() == to);
    }

    /**
     * Checks laws for every pair of generations that paths join.
     *
     * @param laws those that cases of this model ask; each so often as it has to be
     */
    public void check(List<Integer> generations, Set<Law> laws) {
        List<Pair> pairs = new ArrayList<>();
        for (int client : generations) {
            for (int chip : generations) {
                List<List<Shim>> paths = paths(client, chip);
                if (!paths.isEmpty()) {
                    pairs.add(new Pair(client, chip, paths, scenes));
                }
            }
        }
        for (Pair pair : pairs) {
            turn(pair, 0);
        }
        for (int turn = 1; !wanting(laws).isEmpty() && !Property.isReplay(); turn++) {
            boolean none = true;
            for (Pair pair : pairs) {
                if (!Collections.disjoint(pair.asks, wanting(laws))) {
                    turn(pair, turn);
                    none = false;
                }
            }
            if (none) {
                throw new AssertionError("no case asks " + wanting(laws));
            }
        }
        if (Long.getLong("laws.cases") != null) {
            System.out.println(model.label() + ": " + asked);
        }
    }

    /** The laws that were not asked so often as they have to be. */
    private Set<Law> wanting(Set<Law> laws) {
        long enough = Long.getLong("laws.cases", IN_THE_BUILD);
        Set<Law> wanting = EnumSet.copyOf(laws);
        wanting.removeIf(law -> asked(law) >= enough);
        return wanting;
    }

    /** How often a law was asked. */
    private long asked(Law law) {
        return asked.get(law).sum();
    }

    private void turn(Pair pair, int turn) {
        Map<Law, Long> before = new EnumMap<>(Law.class);
        asked.forEach((law, count) -> before.put(law, count.sum()));
        Property.check(turn, CASES_OF_A_TURN, random -> {
            long seed = random.nextLong();
            InvalidateRequest request = requests.of(pair.client, pair.chip, new SplittableRandom(seed));
            List<List<Shim>> chosen = chosen(pair, request, random);
            try {
                judge(pair, request, chosen);
            } catch (AssertionError e) {
                InvalidateRequest small = smaller(pair, request, chosen);
                throw new AssertionError(
                        e.getMessage() + "\n" + text(small) + "\npaths: "
                                + chosen.stream().map(ShimLaws::names).toList() + "\n"
                                + written(pair, caseOf(pair.client, pair.chip, small, e.getMessage())),
                        e);
            }
        });
        for (Law law : Law.values()) {
            if (asked(law) > before.get(law)) {
                pair.asks.add(law);
            }
        }
    }

    /** The shortest path, a circle that loses nothing if there is one, and some others. */
    private List<List<Shim>> chosen(Pair pair, InvalidateRequest request, SplittableRandom random) {
        List<List<Shim>> chosen = new ArrayList<>(List.of(pair.paths.get(0)));
        if (pair.isCircle()) {
            List<List<Shim>> exact = pair.paths.stream()
                    .filter(path -> losesNothing(path, request))
                    .toList();
            if (!exact.isEmpty()) {
                chosen.add(exact.get(random.nextInt(exact.size())));
            }
        }
        while (chosen.size() <= MORE_PATHS && pair.paths.size() > 1) {
            chosen.add(pair.paths.get(1 + random.nextInt(pair.paths.size() - 1)));
        }
        return chosen;
    }

    private boolean losesNothing(List<Shim> path, InvalidateRequest request) {
        return path.stream().allMatch(shim -> shim.fidelity() == Fidelity.EXACT) && keepHints(path, request);
    }

    private boolean keepHints(List<Shim> path, InvalidateRequest request) {
        return path.stream().allMatch(shim -> keepsHints.test(shim, request));
    }

    /**
     * The request as a line that {@code ./iommu4j cases} runs: on a chip of the path's end, with what accesses come to on one of the
     * client's generation. The core takes the best path there.
     */
    public String caseOf(int client, int chip, InvalidateRequest request, String about) {
        InvalidateRequest everything = new InvalidateRequest().set(0, 0, 0, 0, 0, client, new byte[0], 0, 0);
        CaseRecorder right = onOwnChip(client, chip, request);
        CaseRecorder fresh = onOwnChip(client, chip, everything);
        return CaseRecorder.of(model, client, recorder -> {
                    Scene scene = scenes.of(client, chip, client);
                    InvalidateRequest rewritten = copy(request);
                    Completion completion = new Completion().begin();
                    boolean refused =
                            client != chip && paths(client, chip).get(0).get(0).rewrite(rewritten, completion) != 0;
                    scene.fill();
                    recorder.request(request);
                    if (!refused) {
                        scene.carryOut(rewritten, completion);
                    }
                    scene.left();
                })
                .line("law-" + Integer.toHexString(client) + "-" + Integer.toHexString(chip), about, right, fresh);
    }

    /** Puts the line of a case into a file beside what is built; how it is run. */
    private static String written(Pair pair, String line) {
        Path file = Path.of(
                "target", "law-" + Integer.toHexString(pair.client) + "-" + Integer.toHexString(pair.chip) + ".jsonl");
        try {
            Files.createDirectories(file.getParent());
            Files.writeString(file, line + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return "./iommu4j cases " + file.toAbsolutePath();
    }

    private CaseRecorder onOwnChip(int client, int chip, InvalidateRequest request) {
        return CaseRecorder.of(model, client, recorder -> {
            Scene scene = scenes.of(client, client, chip);
            scene.fill();
            recorder.request(request);
            scene.carryOut(copy(request), new Completion().begin());
            scene.left();
        });
    }

    private void judge(Pair pair, InvalidateRequest request, List<List<Shim>> paths) {
        Outcome exact = run(pair.own, request, List.of(), List.of());
        List<Outcome> outcomes = new ArrayList<>();
        for (List<Shim> path : paths) {
            Outcome outcome = run(pair.other, request, path, outcomes);
            if (outcomes.isEmpty() && outcome.ok()) {
                again(pair.other, outcome, path);
            }
            outcomes.add(outcome);
            alone(request, exact, path, outcome, pair.isCircle());
        }
        for (int i = 1; i < outcomes.size(); i++) {
            both(request, paths.get(0), outcomes.get(0), paths.get(i), outcomes.get(i), exact);
        }
    }

    private void alone(InvalidateRequest request, Outcome exact, List<Shim> path, Outcome outcome, boolean circle) {
        // What a chip of the client's generation drops beyond the request, and says so, nobody has asked for.
        if (exact.ok() && outcome.ok() && !exact.widened()) {
            Supplier<String> otherwise = () -> names(path) + " leaves " + outcome.left() + " " + outcome.completion()
                    + ", the request itself " + exact.left() + " " + exact.completion();
            expect(circle ? Law.L2 : Law.L4, isPart(outcome.left(), exact.left()), otherwise);
            if (circle && losesNothing(path, request) && !outcome.widened()) {
                expect(Law.L1, exact.left().equals(outcome.left()), otherwise);
            }
        }
        if (exact.ok() && outcome.byShims()) {
            expect(
                    Law.L5,
                    path.stream().anyMatch(ShimLaws::saysThatItRefuses),
                    () -> names(path) + " refuse nothing, but " + outcome.completion());
        }
        Rule rule = exact.completion().rule();
        boolean malformed = rule == Rule.V30 || rule == Rule.V33 || rule == Rule.V34;
        if (malformed && !isExempt.test(request, exact.completion())) {
            expect(Law.L8, !outcome.ok(), () -> names(path) + " carries out what is " + exact.completion());
        }
    }

    private static boolean saysThatItRefuses(Shim shim) {
        return shim.conversions().stream().anyMatch(conversion -> conversion.outcome() == Conversion.Outcome.REFUSED);
    }

    private void both(
            InvalidateRequest request, List<Shim> one, Outcome first, List<Shim> other, Outcome second, Outcome exact) {
        if (first.ok() && second.ok() && keepHints(one, request) && keepHints(other, request)) {
            boolean firstTold = first.widened() || isPart(second.left(), first.left());
            boolean secondTold = second.widened() || isPart(first.left(), second.left());
            expect(
                    Law.L3,
                    firstTold && secondTold,
                    () -> names(one) + " leaves " + first.left() + " " + first.completion() + ", " + names(other) + " "
                            + second.left() + " " + second.completion());
        }
        if (!exact.ok() && first.byShims() && second.byShims()) {
            expect(
                    Law.L6,
                    told(first).equals(told(second)),
                    () -> names(one) + ": " + first.completion() + ", " + names(other) + ": " + second.completion());
        }
    }

    private static String told(Outcome outcome) {
        return outcome.completion().rule() + " " + outcome.completion().field();
    }

    /** Sends what has just been carried out once more. */
    private void again(Scene scene, Outcome once, List<Shim> path) {
        Completion completion = new Completion().begin();
        scene.carryOut(copy(once.rewritten()), completion);
        BitSet left = scene.left();
        expect(
                Law.L9,
                completion.errno() == once.completion().errno() && isPart(left, once.left()),
                () -> names(path) + " again: " + completion + ", leaves " + left + " of " + once.left());
    }

    /**
     * Takes a request along a path to a chip.
     *
     * @param known outcomes on the same chip: what reaches it in the same bytes is not carried out anew
     */
    private Outcome run(Scene scene, InvalidateRequest original, List<Shim> path, List<Outcome> known) {
        InvalidateRequest request = copy(original);
        Completion completion = new Completion().begin();
        for (Shim shim : path) {
            boolean before = completion.fidelity() == Fidelity.WIDENED;
            if (shim.rewrite(request, completion) != 0) {
                expect(Law.L5, completion.errno() != Errno.OK, () -> shim.name() + " refuses without an error");
                return new Outcome(null, completion.fidelity(), completion, new BitSet());
            }
            boolean after = completion.fidelity() == Fidelity.WIDENED;
            expect(
                    Law.L5,
                    (after || !before)
                            && (before || !after || shim.fidelity() == Fidelity.WIDENED)
                            && request.subVersion() == shim.to(),
                    () -> shim.name()
                            + " makes an answer better, or widens and says that it never does, or writes another"
                            + " generation: " + completion);
        }
        Fidelity before = completion.fidelity();
        for (Outcome outcome : known) {
            if (!outcome.byShims() && outcome.before() == before && isSame(outcome.rewritten(), request)) {
                return outcome;
            }
        }
        InvalidateRequest rewritten = copy(request);
        scene.fill();
        scene.carryOut(request, completion);
        return new Outcome(rewritten, before, completion, scene.left());
    }

    private void expect(Law law, boolean holds, Supplier<String> otherwise) {
        asked.get(law).increment();
        if (!holds) {
            throw new AssertionError(law + ": " + otherwise.get());
        }
    }

    /** True if one scene has nothing left that the other has not. */
    public static boolean isPart(BitSet left, BitSet ofOther) {
        BitSet more = (BitSet) left.clone();
        more.andNot(ofOther);
        return more.isEmpty();
    }

    private static boolean isSame(InvalidateRequest one, InvalidateRequest other) {
        return one.scope() == other.scope()
                && one.flags() == other.flags()
                && one.pasid() == other.pasid()
                && one.vaddr() == other.vaddr()
                && one.size() == other.size()
                && one.subVersion() == other.subVersion()
                && Arrays.equals(
                        one.payload(),
                        one.payloadOffset(),
                        one.payloadOffset() + one.payloadLength(),
                        other.payload(),
                        other.payloadOffset(),
                        other.payloadOffset() + other.payloadLength());
    }

    /** The request with everything left out without which it still fails: bits of the vendor part, then generic fields. */
    private InvalidateRequest smaller(Pair pair, InvalidateRequest failing, List<List<Shim>> paths) {
        InvalidateRequest best = copy(failing);
        for (int bit = 0; bit < best.payloadLength() * Byte.SIZE; bit++) {
            InvalidateRequest less = copy(best);
            less.payload()[bit / Byte.SIZE] &= (byte) ~(1 << (bit % Byte.SIZE));
            best = stillFails(pair, less, paths) ? less : best;
        }
        for (int part = 0; part < 3; part++) {
            long size = part == 0 ? 0 : best.size();
            size = part == 2 && size > 0 ? Math.min(size, 4096) : size;
            InvalidateRequest less = copy(best);
            less.set(
                    part == 0 ? 0 : best.scope(),
                    part == 1 ? 0 : best.flags(),
                    part == 0 ? 0 : best.pasid(),
                    part == 0 ? 0 : best.vaddr(),
                    size,
                    best.subVersion(),
                    best.payload(),
                    0,
                    best.payloadLength());
            best = stillFails(pair, less, paths) ? less : best;
        }
        return best;
    }

    private boolean stillFails(Pair pair, InvalidateRequest request, List<List<Shim>> paths) {
        try {
            judge(pair, request, paths);
            return false;
        } catch (AssertionError e) {
            return true;
        }
    }

    private static InvalidateRequest copy(InvalidateRequest request) {
        byte[] payload = Arrays.copyOfRange(
                request.payload(), request.payloadOffset(), request.payloadOffset() + request.payloadLength());
        return new InvalidateRequest()
                .set(
                        request.scope(),
                        request.flags(),
                        request.pasid(),
                        request.vaddr(),
                        request.size(),
                        request.subVersion(),
                        payload,
                        0,
                        payload.length);
    }

    private static String names(List<Shim> path) {
        return path.isEmpty()
                ? "nothing"
                : String.join(", ", path.stream().map(Shim::name).toList());
    }

    /** A request as the test bench takes it. */
    private static String text(InvalidateRequest request) {
        return String.format(
                "{\"op\": \"invalidate\", \"scope\": %d, \"flags\": %d, \"pasid\": %d, \"vaddr\": \"0x%x\", \"size\":"
                        + " \"0x%x\", \"sub_version\": \"0x%x\", \"data\": \"%s\"}",
                request.scope(),
                request.flags(),
                request.pasid(),
                request.vaddr(),
                request.size(),
                request.subVersion(),
                HexFormat.of().formatHex(request.payload(), 0, request.payloadLength()));
    }
}
