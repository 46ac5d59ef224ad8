package org.iommu4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.BiPredicate;
import java.util.function.Predicate;
import org.iommu4j.backend.Backend;
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
 * rewritten by each path, on a chip of the path's end with the same tables:
 *
 * <ul>
 *   <li>L1: a circle that loses nothing leaves the same cached as the request itself.
 *   <li>L2: any circle leaves the same or less.
 *   <li>L3: two paths to the same chip leave the same, or the one that leaves less has said that it widens.
 *   <li>L4: no path leaves anything that the request drops on a chip of the client's generation.
 *   <li>L5: what was widened on the way stays so, and a shim that says that it never widens never does.
 *   <li>L6: paths that refuse for what is wrong in the client's own generation name the same rule and field.
 *   <li>L8: what the client's own generation refuses as malformed or unknown no path carries out.
 *   <li>L9: a request that is sent again after it was carried out is answered alike, and brings nothing back.
 * </ul>
 *
 * <p>{@code -Dlaws.cases=N} takes N cases a pair of generations in place of those of the build. A case that fails is made smaller, and
 * shown with the path, the seed by which {@link Property} repeats it, and a case file that runs it.
 */
public final class ShimLaws {
    private static final int LONGEST = 3;

    /** Paths of one case, beside the shortest. */
    private static final int MORE_PATHS = 2;

    /** A chip with the tables and devices of a client. */
    public interface Scene {
        /** Everything is cached that can be, and then the tables change. */
        void fill();

        /** Carries a request out, with its completion. */
        void carryOut(InvalidateRequest request, Completion completion);

        /** What is cached still from before the change. */
        Set<String> left();
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
    private final Predicate<Shim> keepsHints;
    private final BiPredicate<InvalidateRequest, Completion> isExempt;
    private final Map<String, Scene> made = new HashMap<>();
    private final Map<String, Long> counts = new TreeMap<>();

    /**
     * The laws for a backend.
     *
     * @param keepsHints false for a shim that drops hints, which leaves less without being wider
     * @param isExempt true if the client's own chip refuses a request that others rightly carry out
     */
    public ShimLaws(
            Backend backend,
            Scenes scenes,
            Requests requests,
            Predicate<Shim> keepsHints,
            BiPredicate<InvalidateRequest, Completion> isExempt) {
        this.model = backend.describe().model();
        this.shims = backend.shims();
        this.forbidden = backend.unbridgeable();
        this.scenes = scenes;
        this.requests = requests;
        this.keepsHints = keepsHints;
        this.isExempt = isExempt;
    }

    /** One run of a case. */
    private record Outcome(Completion completion, Set<String> left, boolean byShims) {
        boolean ok() {
            return completion.errno() == Errno.OK;
        }

        boolean widened() {
            return completion.fidelity() == Fidelity.WIDENED;
        }
    }

    /** How many cases held each law. */
    public Map<String, Long> counts() {
        return Collections.unmodifiableMap(counts);
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
     * Checks all laws for one pair.
     *
     * @param cases in the build
     */
    public void check(int client, int chip, int cases) {
        List<List<Shim>> paths = paths(client, chip);
        if (paths.isEmpty()) {
            return;
        }
        Property.check(Integer.getInteger("laws.cases", cases), random -> {
            long seed = random.nextLong();
            List<List<Shim>> chosen = new ArrayList<>(List.of(paths.get(0)));
            for (int i = 0; i < MORE_PATHS && paths.size() > 1; i++) {
                chosen.add(paths.get(1 + random.nextInt(paths.size() - 1)));
            }
            InvalidateRequest request = requests.of(client, chip, new SplittableRandom(seed));
            try {
                judge(client, chip, request, chosen);
            } catch (AssertionError e) {
                InvalidateRequest small = smaller(client, chip, request, chosen);
                throw new AssertionError(
                        e.getMessage() + "\n" + text(small) + "\npaths: "
                                + chosen.stream().map(ShimLaws::names).toList() + "\n"
                                + written(client, chip, caseOf(client, chip, small, e.getMessage())),
                        e);
            }
        });
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
    private static String written(int client, int chip, String line) {
        Path file =
                Path.of("target", "law-" + Integer.toHexString(client) + "-" + Integer.toHexString(chip) + ".jsonl");
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

    private void judge(int client, int chip, InvalidateRequest request, List<List<Shim>> paths) {
        Scene own = scene(client, client, chip);
        Outcome exact = run(own, copy(request), List.of());
        Scene other = client == chip ? own : scene(client, chip, client);
        List<Outcome> outcomes = new ArrayList<>();
        for (List<Shim> path : paths) {
            Outcome outcome = run(other, copy(request), path);
            outcomes.add(outcome);
            alone(request, exact, path, outcome, client == chip);
        }
        for (int i = 1; i < outcomes.size(); i++) {
            both(paths.get(0), outcomes.get(0), paths.get(i), outcomes.get(i), exact);
        }
        if (outcomes.get(0).ok()) {
            again(other, request, paths.get(0));
        }
    }

    private void alone(InvalidateRequest request, Outcome exact, List<Shim> path, Outcome outcome, boolean circle) {
        if (exact.ok() && outcome.ok()) {
            expect(
                    circle ? "L2" : "L4",
                    exact.left().containsAll(outcome.left()),
                    () -> names(path) + " leaves " + outcome.left() + ", the request itself " + exact.left());
            boolean keeps = path.stream().allMatch(shim -> shim.fidelity() == Fidelity.EXACT && keepsHints.test(shim));
            if (circle && keeps && !outcome.widened() && !exact.widened()) {
                expect(
                        "L1",
                        exact.left().equals(outcome.left()),
                        () -> names(path) + " leaves " + outcome.left() + ", the request itself " + exact.left());
            }
        }
        Rule rule = exact.completion().rule();
        boolean malformed = rule == Rule.V30 || rule == Rule.V33 || rule == Rule.V34;
        if (malformed && !isExempt.test(request, exact.completion())) {
            expect("L8", !outcome.ok(), () -> names(path) + " carries out what is " + exact.completion());
        }
    }

    private void both(List<Shim> one, Outcome first, List<Shim> other, Outcome second, Outcome exact) {
        boolean hints = one.stream().allMatch(keepsHints) && other.stream().allMatch(keepsHints);
        if (first.ok() && second.ok() && hints) {
            boolean firstTold = first.widened() || first.left().containsAll(second.left());
            boolean secondTold = second.widened() || second.left().containsAll(first.left());
            expect(
                    "L3",
                    firstTold && secondTold,
                    () -> names(one) + " leaves " + first.left() + " " + first.completion() + ", " + names(other) + " "
                            + second.left() + " " + second.completion());
        }
        if (!exact.ok() && first.byShims() && second.byShims()) {
            expect(
                    "L6",
                    told(first).equals(told(second)),
                    () -> names(one) + ": " + first.completion() + ", " + names(other) + ": " + second.completion());
        }
    }

    private static String told(Outcome outcome) {
        return outcome.completion().rule() + " " + outcome.completion().field();
    }

    private void again(Scene scene, InvalidateRequest request, List<Shim> path) {
        Outcome once = run(scene, copy(request), path);
        InvalidateRequest second = copy(request);
        Completion completion = new Completion().begin();
        for (Shim shim : path) {
            shim.rewrite(second, completion);
        }
        scene.carryOut(second, completion);
        Set<String> left = scene.left();
        expect(
                "L9",
                completion.errno() == once.completion().errno() && once.left().containsAll(left),
                () -> names(path) + " again: " + completion + ", leaves " + left + " of " + once.left());
    }

    private Outcome run(Scene scene, InvalidateRequest request, List<Shim> path) {
        Completion completion = new Completion().begin();
        for (Shim shim : path) {
            boolean before = completion.fidelity() == Fidelity.WIDENED;
            if (shim.rewrite(request, completion) != 0) {
                expect("L5", completion.errno() != Errno.OK, () -> shim.name() + " refuses without an error");
                return new Outcome(completion, Set.of(), true);
            }
            boolean after = completion.fidelity() == Fidelity.WIDENED;
            expect("L5", after || !before, () -> shim.name() + " makes an answer better");
            expect(
                    "L5",
                    before || !after || shim.fidelity() == Fidelity.WIDENED,
                    () -> shim.name() + " never widens, but " + completion);
            expect("L5", request.subVersion() == shim.to(), () -> shim.name() + " writes another generation");
        }
        scene.fill();
        scene.carryOut(request, completion);
        return new Outcome(completion, scene.left(), false);
    }

    private void expect(String law, boolean holds, java.util.function.Supplier<String> otherwise) {
        counts.merge(law, 1L, Long::sum);
        if (!holds) {
            throw new AssertionError(law + ": " + otherwise.get());
        }
    }

    private Scene scene(int client, int chip, int other) {
        return made.computeIfAbsent(client + " " + chip + " " + other, key -> scenes.of(client, chip, other));
    }

    /** The request with everything left out without which it still fails: bits of the vendor part, then generic fields. */
    private InvalidateRequest smaller(int client, int chip, InvalidateRequest failing, List<List<Shim>> paths) {
        InvalidateRequest best = copy(failing);
        for (int bit = 0; bit < best.payloadLength() * Byte.SIZE; bit++) {
            InvalidateRequest less = copy(best);
            less.payload()[bit / Byte.SIZE] &= (byte) ~(1 << (bit % Byte.SIZE));
            best = stillFails(client, chip, less, paths) ? less : best;
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
            best = stillFails(client, chip, less, paths) ? less : best;
        }
        return best;
    }

    private boolean stillFails(int client, int chip, InvalidateRequest request, List<List<Shim>> paths) {
        try {
            judge(client, chip, request, paths);
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
