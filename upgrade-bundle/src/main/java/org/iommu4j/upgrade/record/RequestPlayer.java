package org.iommu4j.upgrade.record;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordResult.Difference;
import org.iommu4j.upgrade.RecordResult.Kind;

/**
 * Plays recorded requests to units, and compares the answers, the native commands, and which of the cached entries that both
 * sides held were dropped.
 */
final class RequestPlayer {
    private final RecordReader reader;
    private final Findings findings;
    private final Map<IommuModel, List<Backend>> tellers = new HashMap<>();
    private final Map<String, Long> notPlayed = new TreeMap<>();
    private long droppedOnBoth;
    private long droppedOnlyRecorded;
    private long droppedOnlyPlayed;

    /** One request, or one batch of them, that is played. */
    private record Turn(PlayedUnit unit, RecordLine.Request line, String what, List<String> explain) {}

    RequestPlayer(RecordReader reader, Findings findings) {
        this.reader = reader;
        this.findings = findings;
    }

    /** From now on this backend is asked too which of a model's commands only await completion. */
    void ask(IommuModel model, Backend backend) {
        List<Backend> known = tellers.computeIfAbsent(model, any -> new ArrayList<>());
        if (backend != null && !known.contains(backend)) {
            known.add(backend);
        }
    }

    /** Counts of dropped entries so far. */
    RecordResult.Drops drops() {
        return new RecordResult.Drops(droppedOnBoth, droppedOnlyRecorded, droppedOnlyPlayed);
    }

    /** Requests that were not played so far, by reason. */
    Map<String, Long> notPlayed() {
        return notPlayed;
    }

    /** Plays a request; the requests of a batch when the last one is there. */
    void play(PlayedUnit unit, RecordLine.Request line) {
        if (line instanceof RecordLine.Ioctl ioctl) {
            List<RecordLine.Ioctl> batch = unit.batch();
            boolean goesOn = batch.isEmpty()
                    || (batch.get(0).of() == ioctl.of() && batch.get(0).container() == ioctl.container());
            if (ioctl.index() != batch.size() || !goesOn) {
                throw reader.reject("index", "does not go on with the batch before it");
            }
            unit.add(ioctl);
            if (batch.size() < ioctl.of()) {
                return;
            }
            if (isPlayed(unit, ioctl)) {
                ioctls(unit, batch);
            }
            unit.endBatch();
        } else if (line instanceof RecordLine.Opened opened) {
            if (opened.offer().model() != unit.unit().model() || isPlayed(unit, opened)) {
                open(unit, opened);
            }
        } else if (isPlayed(unit, line)) {
            simple(unit, line);
        }
        unit.forgetRecordedEffect();
    }

    private boolean isPlayed(PlayedUnit unit, RecordLine.Request line) {
        if (line.answer().turnedAway()) {
            leave("turned away by the recorded core: no backend came in time, or too many waited");
            return false;
        }
        if (!(line instanceof RecordLine.Opened) && !unit.clients().containsKey(line.container())) {
            leave("their container could not be opened");
            return false;
        }
        return true;
    }

    private void leave(String why) {
        notPlayed.merge(why, 1L, Long::sum);
    }

    private void open(PlayedUnit unit, RecordLine.Opened line) {
        if (unit.clients().containsKey(line.container())) {
            throw reader.reject("container", "is " + line.container() + ", which is open already");
        }
        Container[] made = new Container[1];
        Completion completion = new Completion().begin();
        Turn turn = new Turn(unit, line, "open " + line.offer(), List.of());
        PlayedUnit.Effect effect = unit.effectOf(() -> {
            try {
                made[0] = unit.unit()
                        .openContainer(new ContainerConfig(
                                line.abi(),
                                line.offer(),
                                ContainerConfig.DEFAULT_WAIT_NANOS,
                                ContainerConfig.DEFAULT_MAX_PARKED));
                completion.done(Fidelity.EXACT);
            } catch (BackendException e) {
                completion.fail(e.errno(), String.valueOf(e.getMessage()));
            }
        });
        compare(turn, line.answer(), completion);
        compare(turn, effect);
        if (made[0] != null) {
            unit.clients().put(line.container(), new PlayedUnit.Client(made[0], line.abi()));
            if (line.agreement() != null) {
                Agreement agreement = made[0].agreement();
                compare(
                        turn,
                        Kind.AGREEMENT,
                        agreed(line.agreement(), line.clientSubVersion(), line.hostSubVersion()),
                        agreed(agreement.kind(), agreement.clientSubVersion(), agreement.hostSubVersion()));
            }
        }
    }

    private static String agreed(Agreement.Kind kind, int client, int host) {
        return kind + " 0x" + Integer.toHexString(client) + " to 0x" + Integer.toHexString(host);
    }

    private void simple(PlayedUnit unit, RecordLine.Request line) {
        Container container = unit.clients().get(line.container()).container();
        Completion completion = new Completion().begin();
        if (line instanceof RecordLine.Attached attached) {
            Turn turn = new Turn(unit, line, "attach of " + device(attached.requester()), List.of());
            PlayedUnit.Effect effect = unit.effectOf(
                    () -> container.attach(attached.requester(), attached.table(), attached.levels(), completion));
            compare(turn, line.answer(), completion);
            compare(turn, effect);
        } else if (line instanceof RecordLine.Detached detached) {
            Turn turn = new Turn(unit, line, "detach of " + device(detached.requester()), List.of());
            PlayedUnit.Effect effect = unit.effectOf(() -> container.detach(detached.requester(), completion));
            compare(turn, line.answer(), completion);
            compare(turn, effect);
        } else {
            compare(new Turn(unit, line, "close", List.of()), unit.effectOf(container::close));
            unit.clients().remove(line.container());
        }
    }

    private static String device(int requester) {
        return "0x" + Integer.toHexString(requester);
    }

    private void ioctls(PlayedUnit unit, List<RecordLine.Ioctl> lines) {
        RecordLine.Ioctl first = lines.get(0);
        if (lines.stream().anyMatch(line -> line.hex() != null && line.readable() > RecordLine.MAX_REQUEST)) {
            leave("longer than " + RecordLine.MAX_REQUEST + " bytes: not all of it was recorded");
            return;
        }
        Container container = unit.clients().get(first.container()).container();
        RequestBatch batch = new RequestBatch(lines.size());
        PlayedUnit.Effect effect;
        if (first.of() == 1) {
            byte[] bytes = bytes(first);
            effect = unit.effectOf(() -> container.ioctl(
                    image(unit, first), first.request(), bytes, 0, first.readable(), batch.completion(0)));
        } else {
            lines.forEach(line -> batch.add(bytes(line), 0, line.readable()));
            effect = unit.effectOf(() -> container.submit(batch));
        }
        for (int i = 0; i < lines.size(); i++) {
            compare(turn(unit, lines.get(i)), lines.get(i).answer(), batch.completion(i));
        }
        compare(turn(unit, first), effect);
    }

    private Turn turn(PlayedUnit unit, RecordLine.Ioctl line) {
        StringBuilder what = new StringBuilder(line.request() == Uapi.VFIO_IOMMU_OP ? "VFIO_IOMMU_OP" : "ioctl 0x")
                .append(line.request() == Uapi.VFIO_IOMMU_OP ? "" : Long.toHexString(line.request()))
                .append(" of ")
                .append(line.readable())
                .append(" bytes");
        if (line.of() != 1) {
            what.append(", ").append(line.index() + 1).append(" of a batch of ").append(line.of());
        }
        String hint =
                ExplainHints.request(image(unit, line), unit.unit().model(), clientSubVersion(unit, line), bytes(line));
        return new Turn(unit, line, what.toString(), ExplainHints.list(hint));
    }

    private static int clientSubVersion(PlayedUnit unit, RecordLine.Ioctl line) {
        return unit.clients().get(line.container()).container().agreement().clientSubVersion();
    }

    private static Abi image(PlayedUnit unit, RecordLine.Ioctl line) {
        return line.abi() != null
                ? line.abi()
                : unit.clients().get(line.container()).abi();
    }

    private static byte[] bytes(RecordLine.Ioctl line) {
        return line.hex() == null ? null : HexFormat.of().parseHex(line.hex());
    }

    private void compare(Turn turn, Answer expected, Completion got) {
        Answer answer = Answer.of(got, true);
        compare(turn, Kind.ERRNO, text(expected), text(answer), expected.errno() == answer.errno());
        if (expected.errno() != answer.errno()) {
            return;
        }
        if (expected.errno() == Errno.OK) {
            boolean equal = expected.fidelity() == answer.fidelity() && expected.handled() == answer.handled();
            compare(turn, Kind.FIDELITY, text(expected), text(answer), equal);
        } else {
            boolean equal =
                    expected.rule().equals(answer.rule()) && expected.field().equals(answer.field());
            compare(turn, Kind.RULE, text(expected), text(answer), equal);
        }
    }

    private static String text(Answer answer) {
        StringBuilder text = new StringBuilder();
        if (answer.errno() == Errno.OK) {
            text.append(answer.handled()).append(" handled, ").append(answer.fidelity());
        } else {
            text.append(answer.errno());
            text.append(answer.rule().isEmpty() ? "" : " " + answer.rule());
            text.append(answer.field().isEmpty() ? "" : " " + answer.field());
        }
        return text.append(answer.reason().isEmpty() ? "" : ": " + answer.reason())
                .toString();
    }

    private void compare(Turn turn, Kind kind, String expected, String got) {
        compare(turn, kind, expected, got, expected.equals(got));
    }

    private void compare(Turn turn, Kind kind, String expected, String got, boolean equal) {
        if (findings.count(kind, equal)) {
            keep(turn, kind, expected, got, turn.explain());
        }
    }

    private void keep(Turn turn, Kind kind, String expected, String got, List<String> explain) {
        findings.keep(new Difference(
                kind,
                reader.line(),
                turn.unit().number(),
                turn.line().container(),
                turn.what(),
                expected,
                got,
                explain));
    }

    private void compare(Turn turn, PlayedUnit.Effect got) {
        if (got == null || !turn.line().answer().known()) {
            findings.leave(Kind.NATIVE);
            findings.leave(Kind.CACHE);
            return;
        }
        PlayedUnit.Effect recorded = turn.unit().recordedEffect();
        compareCommands(turn, meaning(turn, recorded.commands()), meaning(turn, got.commands()));
        compareDrops(turn, recorded, got);
    }

    /** The commands that do more than await the others. */
    private List<String> meaning(Turn turn, List<String> commands) {
        IommuModel model = turn.unit().unit().model();
        return commands.stream()
                .filter(command -> !onlyAwaits(model, HexFormat.of().parseHex(command)))
                .toList();
    }

    private boolean onlyAwaits(IommuModel model, byte[] command) {
        for (Backend backend : tellers.getOrDefault(model, List.of())) {
            if (backend.formats().isCompletion(command)) {
                return true;
            }
        }
        return false;
    }

    private void compareCommands(Turn turn, List<String> expected, List<String> got) {
        if (!findings.count(Kind.NATIVE, expected.equals(got))) {
            return;
        }
        int at = 0;
        while (at < expected.size() && at < got.size() && expected.get(at).equals(got.get(at))) {
            at++;
        }
        List<String> explain = new ArrayList<>(turn.explain());
        for (List<String> side : List.of(expected, got)) {
            if (at < side.size()) {
                explain.addAll(ExplainHints.list(hint(turn, side.get(at))));
            }
        }
        keep(turn, Kind.NATIVE, command(expected, at), command(got, at), explain);
    }

    private String hint(Turn turn, String command) {
        return tellers.getOrDefault(turn.unit().unit().model(), List.of()).stream()
                .map(backend -> ExplainHints.of(backend).command(HexFormat.of().parseHex(command)))
                .filter(hint -> !hint.isEmpty())
                .findFirst()
                .orElse("");
    }

    private static String command(List<String> commands, int at) {
        return at < commands.size()
                ? "command " + (at + 1) + " of " + commands.size() + ": " + commands.get(at)
                : "only " + commands.size() + " commands";
    }

    private void compareDrops(Turn turn, PlayedUnit.Effect recorded, PlayedUnit.Effect got) {
        Set<CacheEntry> due = common(recorded.dropped(), got.before());
        Set<CacheEntry> done = common(got.dropped(), recorded.before());
        droppedOnlyRecorded += recorded.dropped().size() - due.size();
        droppedOnlyPlayed += got.dropped().size() - done.size();
        droppedOnBoth += common(due, done).size();
        if (findings.count(Kind.CACHE, due.equals(done))) {
            keep(turn, Kind.CACHE, dropped(due, done), dropped(done, due), turn.explain());
        }
    }

    private static Set<CacheEntry> common(Set<CacheEntry> some, Set<CacheEntry> others) {
        Set<CacheEntry> both = new HashSet<>(some);
        both.retainAll(others);
        return both;
    }

    /** The number of entries that one side dropped, and the first that the other side did not. */
    private static String dropped(Set<CacheEntry> all, Set<CacheEntry> others) {
        List<String> more = all.stream()
                .filter(entry -> !others.contains(entry))
                .map(CacheEntry::text)
                .sorted()
                .toList();
        return all.size() + " entries dropped"
                + (more.isEmpty() ? "" : ", " + more.size() + " of them here only, the first: " + more.get(0));
    }
}
