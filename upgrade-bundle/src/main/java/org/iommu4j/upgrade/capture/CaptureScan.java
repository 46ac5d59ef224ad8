package org.iommu4j.upgrade.capture;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.iommu4j.upgrade.CaptureException;

/**
 * What a replay must know of a capture before it begins: which chip it needs, and when the guest edited its structures.
 *
 * <p>A structure's words are known only when the hardware reads them. The guest wrote them earlier: before the invalidation
 * that published them. A virtual IOMMU reads the guest's structures at that invalidation, so the edit must stand in memory by
 * then. The scan places it there: before the last publication that covers the device, if that came after the last read of
 * the old words; else just before the read. Where a call reads the structures itself, it stands before the call.
 *
 * @param subVersion generation of the chip that the guest drove
 * @param about name of the generation for people
 * @param capabilities registers that say what the chip can do
 * @param fields capability fields by group and name, where no register says what the chip can do
 * @param options choices of the chip, by name
 * @param records number of records by kind
 * @param edits of structures, by the time of the record before which they are made
 * @param units names of the captured machine's units, if it has several; else empty
 * @param tablesUnknown true if devices were translated by tables in the guest's memory of which the capture has no read
 */
public record CaptureScan(
        int subVersion,
        String about,
        Map<String, Long> capabilities,
        Map<String, Map<String, Long>> fields,
        Map<String, String> options,
        Map<String, Long> records,
        List<Edit> edits,
        Set<Long> units,
        boolean tablesUnknown) {
    /** Most structure entries that are remembered; all contexts of all requesters, and the root entries. */
    private static final int MAX_ENTRIES = 1 << 17;

    /** Most edits; a capture of millions of records has fewer. */
    private static final int MAX_EDITS = 1 << 19;

    /** Most kinds of records that are counted by name. */
    private static final int MAX_KINDS = 64;

    private static final int REQUESTERS = 1 << 16;

    private static final int FUNCTIONS = 8;

    /** Copies the collections. */
    public CaptureScan {
        capabilities = Map.copyOf(capabilities);
        fields = Map.copyOf(fields);
        options = Map.copyOf(options);
        records = Map.copyOf(records);
        edits = List.copyOf(edits);
        units = Set.copyOf(units);
    }

    /**
     * Words that the guest wrote to a structure.
     *
     * @param before time of the record before which they must stand in memory
     * @param pa where
     * @param words what
     */
    public record Edit(long before, long pa, List<Long> words) {}

    /**
     * Reads a capture's timeline from its begin to its end.
     *
     * @throws CaptureException if it is cut or malformed, or nothing says what the chip can do
     */
    public static CaptureScan of(Capture capture) {
        return new Scanner(capture).scan();
    }

    private static final class Scanner {
        private final Capture capture;
        private final CaptureModel model;
        private final GuestRegisters registers;
        private final Map<String, Long> firstReads = new HashMap<>();
        private final Map<String, Long> records = new TreeMap<>();
        private final Map<Long, Entry> entries = new HashMap<>();
        private final List<CaptureScan.Edit> edits = new ArrayList<>();

        /** Structure reads whose device is not known yet: it is that of the translation that follows. */
        private final ArrayDeque<CaptureRecord.TableRead> reads = new ArrayDeque<>();

        private final long[] published = new long[REQUESTERS];
        private long publishedForAll = -1;
        private final Set<Long> units = new TreeSet<>();
        private boolean translated;
        private boolean tablesRead;

        /** What records told of the chip, by name; the first word counts, as with registers. */
        private final Map<String, Long> facts = new HashMap<>();

        /** The greatest that was told, by name. */
        private final Map<String, Long> greatest = new HashMap<>();

        private final Set<String> wantedFacts = new HashSet<>();

        /** Time of the call whose own reads follow it; negative if none do. */
        private long reader = -1;

        private Scanner(Capture capture) {
            this.capture = capture;
            this.model = capture.model();
            this.registers = new GuestRegisters(model);
            Arrays.fill(published, -1);
            model.generations().forEach(rule -> wantedFacts.add(rule.register()));
            model.calls().capabilities().forEach(capability -> wantedFacts.add(capability.fact()));
            model.calls().choices().forEach(choice -> wantedFacts.add(choice.fact()));
            wantedFacts.remove(null);
        }

        /** Words of a structure entry, and when they were last read. */
        private record Entry(List<Long> words, long lastRead) {}

        private CaptureScan scan() {
            try (Timeline timeline = capture.timeline()) {
                CaptureRecord next = timeline.next();
                if (next == null) {
                    throw new CaptureException(Timeline.FILE, 0, 0, "", "holds no record");
                }
                while (next != null) {
                    count(timeline.kind());
                    take(next);
                    next = timeline.next();
                }
                assign(-1);
            }
            edits.sort(Comparator.comparingLong(CaptureScan.Edit::before));
            Map<String, Long> capabilities = capabilities();
            CaptureModel.GenerationRule generation = generation(capabilities);
            boolean inMemory = model.calls().bringUp().pages();
            return new CaptureScan(
                    generation.subVersion(),
                    generation.about(),
                    capabilities,
                    fields(),
                    options(),
                    records,
                    edits,
                    units.size() > 1 ? units : Set.of(),
                    inMemory && translated && !tablesRead);
        }

        private void count(String kind) {
            String known = records.containsKey(kind) || records.size() < MAX_KINDS ? kind : "further kinds";
            records.merge(known, 1L, Long::sum);
        }

        private void take(CaptureRecord next) {
            if (next instanceof CaptureRecord.TableRead read) {
                tablesRead = true;
                if (model.structures().contains(read.what())) {
                    reads.add(read);
                }
            } else if (next instanceof CaptureRecord.Call call) {
                assign(-1);
                learn(call.facts());
                reader = model.calls().readers().contains(call.kind()) ? call.t() : -1;
            } else if (next instanceof CaptureRecord.Translation translation) {
                assign(translation.requester() & REQUESTERS - 1);
                if (translation.isRefused()) {
                    learn(Map.of(CallRecords.REFUSED_ACCESS, 1L));
                }
                translated |= !translation.isRefused() && translation.target() != translation.iova();
                reader = -1;
            } else if (next instanceof CaptureRecord.RegisterWrite write) {
                assign(-1);
                String name = registers.write(write);
                if (name != null) {
                    publish(name, registers.value(name), write.t());
                }
            } else if (next instanceof CaptureRecord.RegisterRead read) {
                firstReads.putIfAbsent(place(read), read.value());
            } else if (next instanceof CaptureRecord.Command command) {
                assign(-1);
                if (command.hex() != null) {
                    publish(null, firstWord(command.bytes()), command.t());
                }
            } else if (next instanceof CaptureRecord.Other other) {
                learn(other.facts());
            }
        }

        private void learn(Map<String, Long> told) {
            told.forEach((name, value) -> {
                if (model.calls().same().contains(name) && units.size() < MAX_KINDS) {
                    units.add(value);
                }
                if (wantedFacts.contains(name)) {
                    facts.putIfAbsent(name, value);
                    greatest.merge(name, value, (one, other) -> Long.compareUnsigned(one, other) > 0 ? one : other);
                }
            });
        }

        private long firstWord(byte[] bytes) {
            return ByteBuffer.wrap(bytes).order(model.model().payloadOrder()).getLong();
        }

        private void publish(String register, long word, long t) {
            for (CaptureModel.Publication publication : model.publications()) {
                if (!Objects.equals(publication.register(), register) || !publication.matches(word)) {
                    continue;
                }
                if (publication.coversAll(word)) {
                    publishedForAll = t;
                    continue;
                }
                int device = publication.requester(word) & ~(FUNCTIONS - 1);
                for (int requester = device; requester < device + FUNCTIONS; requester++) {
                    if (publication.covers(word, requester)) {
                        published[requester] = t;
                    }
                }
            }
        }

        private void assign(int requester) {
            for (CaptureRecord.TableRead read = reads.poll(); read != null; read = reads.poll()) {
                Entry entry = entries.get(read.pa());
                if (entry == null && entries.size() == MAX_ENTRIES) {
                    edit(read.t(), read);
                    continue;
                }
                if (entry == null || !entry.words().equals(read.words())) {
                    long publication = reader >= 0 ? reader : published(requester);
                    long lastRead = entry == null ? -1 : entry.lastRead();
                    long before = publication > lastRead ? publication : read.t();
                    edit(before, read);
                }
                entries.put(read.pa(), new Entry(read.words(), read.t()));
            }
        }

        private void edit(long before, CaptureRecord.TableRead read) {
            if (edits.size() == MAX_EDITS) {
                throw new CaptureException(
                        Timeline.FILE,
                        0,
                        0,
                        "",
                        "changes structures more than " + MAX_EDITS + " times, by t=" + read.t());
            }
            edits.add(new CaptureScan.Edit(before, read.pa(), read.words()));
        }

        private long published(int requester) {
            return requester < 0 ? -1 : Math.max(publishedForAll, published[requester]);
        }

        private String place(CaptureRecord.RegisterRead read) {
            for (String name : model.capabilities()) {
                CaptureModel.RegisterPlace place = model.registers().get(name);
                if (place.offset() == read.offset() && place.sizeBytes() == read.sizeBytes()) {
                    return name;
                }
            }
            return "";
        }

        private Map<String, Long> capabilities() {
            Map<String, Long> capabilities = new HashMap<>();
            for (String name : model.capabilities()) {
                Long value = firstReads.get(name);
                if (value == null) {
                    value = capture.frozen().registers().get(name);
                }
                if (value == null) {
                    throw new CaptureException(
                            FrozenImage.REGISTERS, 0, 0, name, "is missing, and the guest did not read it");
                }
                capabilities.put(name, value);
            }
            return capabilities;
        }

        private Map<String, Map<String, Long>> fields() {
            Map<String, Map<String, Long>> fields = new HashMap<>();
            for (CallRecords.Choice choice : model.calls().choices()) {
                if (choice.group() != null && shows(choice)) {
                    fields.computeIfAbsent(choice.group(), group -> new HashMap<>())
                            .put(choice.name(), Long.decode(choice.value()));
                }
            }
            for (CallRecords.Capability capability : model.calls().capabilities()) {
                Long bits = (capability.greatest() ? greatest : facts).get(capability.fact());
                if (bits != null) {
                    fields.computeIfAbsent(capability.group(), group -> new HashMap<>())
                            .put(capability.field(), capability.valueOf(bits));
                }
            }
            return fields;
        }

        private Map<String, String> options() {
            Map<String, String> options = new HashMap<>();
            for (CallRecords.Choice choice : model.calls().choices()) {
                if (choice.group() == null && shows(choice)) {
                    options.put(choice.name(), choice.value());
                }
            }
            return options;
        }

        private boolean shows(CallRecords.Choice choice) {
            return greatest.getOrDefault(choice.fact(), 0L) != 0;
        }

        private CaptureModel.GenerationRule generation(Map<String, Long> capabilities) {
            for (CaptureModel.GenerationRule rule : model.generations()) {
                if (rule.register() == null || (fact(rule.register(), capabilities) & rule.mask()) == rule.value()) {
                    return rule;
                }
            }
            throw new IllegalStateException(model.arch() + " has no rule that always holds");
        }

        private long fact(String name, Map<String, Long> capabilities) {
            if (capabilities.containsKey(name)) {
                return capabilities.get(name);
            }
            if (facts.containsKey(name)) {
                return facts.get(name);
            }
            return registers.written(name)
                    ? registers.value(name)
                    : capture.frozen().registers().getOrDefault(name, 0L);
        }
    }
}
