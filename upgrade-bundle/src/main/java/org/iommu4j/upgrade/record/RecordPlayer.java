package org.iommu4j.upgrade.record;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordResult.Difference;
import org.iommu4j.upgrade.RecordResult.Kind;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.bundles.BackendChoice;

/** Plays one record to units of its own, line by line, and compares what comes back. Used once, by one thread. */
final class RecordPlayer implements AutoCloseable {
    /** Most units of a record that are open at once. */
    private static final int MAX_UNITS = 256;

    /** Most containers of a record that are open at once. */
    private static final int MAX_CONTAINERS = 1 << 16;

    /** Most bytes of cached entries, native commands and incomplete batches that are held at once. */
    private static final long MAX_HELD = 1L << 26;

    private static final int MAX_NOTES = 8;
    private static final int MAX_NAMES = 16;

    private final IommuService service;
    private final BackendChoice choice;
    private final RecordReader reader;
    private final String file;
    private final Findings findings;
    private final RequestPlayer requests;
    private final Map<Integer, PlayedUnit> units = new HashMap<>();
    private final Set<String> recordedWith = new LinkedHashSet<>();
    private final Set<String> playedWith = new LinkedHashSet<>();
    private final Map<String, Long> lines = new TreeMap<>();
    private final List<String> notes = new ArrayList<>();
    private final DmaAccess access = new DmaAccess();

    /** Table entries that the chip read for the access. */
    private final List<Entry> walk = new ArrayList<>();

    private long swaps;
    private long readRequests;
    private long unequalRegisters;

    /** A table entry that the chip read. */
    private record Entry(String what, long pa, long word) {}

    /** Opens a record; the choice is the caller's to close. */
    RecordPlayer(IommuService service, BackendChoice choice, Path file, RecordOptions options) {
        this.service = service;
        this.choice = choice;
        this.file = file.toString();
        findings = new Findings(options.keptDifferences());
        reader = new RecordReader(file);
        requests = new RequestPlayer(reader, findings);
        access.explainTo((what, pa, word) -> walk.add(new Entry(what, pa, word)));
    }

    /** Plays it to its end; the progress is told of each line. */
    RecordResult play(Progress progress) {
        for (RecordLine line = reader.next(); line != null; line = reader.next()) {
            progress.begin((int) reader.line(), "line");
            lines.merge(reader.kind(), 1L, Long::sum);
            if (line instanceof RecordLine.UnitOpened opened) {
                open(opened);
            } else if (line instanceof RecordLine.OfUnit ofUnit) {
                PlayedUnit unit = units.get(ofUnit.unit());
                if (unit == null) {
                    throw reader.reject("unit", "is " + ofUnit.unit() + ", which is not open");
                }
                if (!unit.batch().isEmpty() && !(ofUnit instanceof RecordLine.Ioctl)) {
                    throw reader.reject("k", "stands within a batch of requests");
                }
                play(unit, ofUnit);
            }
        }
        notes.addAll(choice.notes());
        if (reader.cutLine() > 0) {
            notes.add("the record breaks off in line " + reader.cutLine() + ": " + playedRequests()
                    + " requests before it were played, what followed is not known");
        }
        if (swaps > 0) {
            notes.add(
                    swaps + " times the recorded units got another chip, with empty caches: entries that only one side"
                            + " holds are not compared, and of such a unit no accesses any more");
        }
        if (unequalRegisters > 0) {
            notes.add(unequalRegisters + " registers of fresh chips do not read as recorded");
        }
        return new RecordResult(
                file,
                List.copyOf(recordedWith),
                List.copyOf(playedWith),
                lines,
                findings.comparisons(),
                requests.drops(),
                requests.notPlayed(),
                findings.differences(),
                notes,
                reader.cutLine());
    }

    /** Those that were read but for incomplete batches. */
    private long playedRequests() {
        long waiting =
                units.values().stream().mapToLong(unit -> unit.batch().size()).sum();
        return readRequests - waiting;
    }

    private void open(RecordLine.UnitOpened line) {
        if (units.containsKey(line.unit())) {
            throw reader.reject("unit", "is " + line.unit() + ", which is open already");
        }
        if (units.size() == MAX_UNITS) {
            throw reader.reject("unit", "is one more than " + MAX_UNITS + " open units");
        }
        recordedWith(line.bundle(), line.version());
        // The backend that serves before the choice is asked too: an older bundle may not name its completion commands.
        requests.ask(line.model(), service.backend(line.model()));
        BackendStatus serving = choice.choose(line.model());
        requests.ask(line.model(), service.backend(line.model()));
        if (serving != null) {
            playedWith.add(serving.name() + " " + serving.version());
        }
        Unit unit;
        try {
            unit = service.openUnit(new UnitConfig(
                    line.model(),
                    line.hardware(),
                    false,
                    line.hostAddressWidth(),
                    line.ram(),
                    (address, data) -> {},
                    DevicePort.COMPLETING,
                    Sanitizer.Mode.OFF));
        } catch (BackendException e) {
            if (e.errno() == Errno.ENODEV) {
                throw e;
            }
            throw new ReplayRefusedException(
                    "line " + reader.line() + ": no such unit can be made: " + e.getMessage(), e);
        }
        units.put(line.unit(), new PlayedUnit(unit, line.unit()));
        compareRegisters(line, unit);
    }

    private void recordedWith(String bundle, String version) {
        if (recordedWith.size() < MAX_NAMES) {
            recordedWith.add(bundle + " " + version);
        }
    }

    private void compareRegisters(RecordLine.UnitOpened line, Unit unit) {
        Map<String, Long> played = Recorder.registers(service, unit);
        line.registers().forEach((name, value) -> {
            Long other = played.get(name);
            if (other != null && !other.equals(value)) {
                unequalRegisters++;
                if (notes.size() < MAX_NOTES) {
                    ExplainHints hints = ExplainHints.of(service, unit.model());
                    notes.add("line " + reader.line() + ", unit " + line.unit() + ": register " + name + " reads "
                            + hex(other) + ", recorded " + hex(value) + "; "
                            + String.join(
                                    "; ", ExplainHints.list(hints.register(name, other), hints.register(name, value))));
                }
            }
        });
    }

    private void play(PlayedUnit unit, RecordLine.OfUnit line) {
        if (line instanceof RecordLine.Request request) {
            readRequests++;
            requests.play(unit, request);
            expectRoom();
        } else if (line instanceof RecordLine.Caches caches) {
            unit.caches(caches);
            expectRoom();
        } else if (line instanceof RecordLine.Commands commands) {
            unit.commands(commands);
            expectRoom();
        } else if (line instanceof RecordLine.Memory memory) {
            write(unit, memory);
        } else if (line instanceof RecordLine.Access dma) {
            access(unit, dma);
        } else if (line instanceof RecordLine.Swapped swapped) {
            recordedWith(swapped.bundle(), swapped.version());
            unit.noteSwap();
            swaps++;
        } else if (line instanceof RecordLine.UnitClosed) {
            units.remove(unit.number()).close();
        } else {
            chip(unit, line);
        }
    }

    /** No record makes a player hold more than is sane. */
    private void expectRoom() {
        long held = 0;
        int open = 0;
        for (PlayedUnit unit : units.values()) {
            held += unit.heldBytes();
            open += unit.clients().size();
        }
        if (held > MAX_HELD) {
            throw reader.reject(
                    "k",
                    "is one line too many: more than " + MAX_HELD + " bytes of cached entries, commands and batches");
        }
        if (open > MAX_CONTAINERS) {
            throw reader.reject("container", "is one more than " + MAX_CONTAINERS + " open containers");
        }
    }

    private void write(PlayedUnit unit, RecordLine.Memory line) {
        byte[] bytes = HexFormat.of().parseHex(line.hex());
        try {
            unit.unit().platform().memory().write(line.pa(), bytes, 0, bytes.length);
        } catch (BusErrorException e) {
            throw reader.reject("pa", "is not in the unit's memory: " + e.getMessage());
        }
    }

    private void chip(PlayedUnit unit, RecordLine.OfUnit line) {
        unit.touched();
        Unit played = unit.unit();
        try {
            if (line instanceof RecordLine.RegisterWrite write) {
                played.writeRegister(write.offset(), write.sizeBytes(), write.value());
            } else if (line instanceof RecordLine.ChipCall call) {
                NativeCall made = new NativeCall().begin(call.function());
                for (int i = 0; i < call.words().size(); i++) {
                    made.word(i, call.words().get(i));
                }
                played.call(made);
            } else if (line instanceof RecordLine.Stepping stepping) {
                played.stepping(stepping.on());
            } else if (line instanceof RecordLine.Step step) {
                played.step(step.commands());
            } else if (line instanceof RecordLine.PagesTaken taken) {
                long pa = played.platform().allocatePages(taken.pages());
                if (pa != taken.pa()) {
                    throw new ReplayRefusedException("line " + reader.line() + ": the host gives pages at " + hex(pa)
                            + ", not at " + hex(taken.pa()) + " as recorded: what is written to them cannot be played");
                }
            } else if (line instanceof RecordLine.PagesGiven given) {
                played.platform().freePages(given.pa(), given.pages());
            }
        } catch (BackendException | IllegalArgumentException e) {
            throw new ReplayRefusedException("line " + reader.line() + " cannot be played: " + e.getMessage(), e);
        }
    }

    private void access(PlayedUnit unit, RecordLine.Access line) {
        access.begin(line.requester(), line.iova(), line.rights())
                .withPasid(line.pasid())
                .withLength(line.lengthBytes())
                .as(line.type());
        if (line.atomic()) {
            access.asAtomic();
        }
        if (line.privileged()) {
            access.asPrivileged();
        }
        walk.clear();
        unit.unit().dma(access);
        unit.touched();
        // A cache may hold what was legal when it was filled, and the caches of the two sides were filled at other
        // times.
        if (unit.swapped() || line.hit() || access.hit()) {
            findings.leave(Kind.ACCESS);
            return;
        }
        boolean equal = access.outcome() == line.outcome()
                && access.spa() == line.spa()
                && access.grantedRights() == line.granted()
                && access.faultCode() == line.faultCode();
        if (findings.count(Kind.ACCESS, equal)) {
            findings.keep(new Difference(
                    Kind.ACCESS,
                    reader.line(),
                    unit.number(),
                    -1,
                    "access of 0x" + Integer.toHexString(line.requester()) + " to " + hex(line.iova()),
                    outcome(line.outcome(), line.spa(), line.granted(), line.faultCode()),
                    outcome(access.outcome(), access.spa(), access.grantedRights(), access.faultCode()),
                    entries(unit.unit())));
        }
    }

    private List<String> entries(Unit unit) {
        ExplainHints hints = ExplainHints.of(service, unit.model());
        return walk.stream()
                .map(entry -> hints.entry(
                        entry.what(), entry.pa(), entry.word(), unit.platform().memory()))
                .filter(hint -> !hint.isEmpty())
                .distinct()
                .toList();
    }

    private static String outcome(DmaAccess.Outcome outcome, long spa, int granted, int fault) {
        return switch (outcome) {
            case TRANSLATED -> hex(spa) + " rights " + granted;
            case FAULT -> "fault 0x" + Integer.toHexString(fault);
            case BLOCKED -> "blocked";
            case BUS_ERROR -> "bus error at " + hex(spa);
        };
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    @Override
    public void close() {
        try {
            units.values().forEach(PlayedUnit::close);
        } finally {
            reader.close();
        }
    }
}
