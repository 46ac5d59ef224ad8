package org.iommu4j.upgrade.capture;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.iommu4j.backend.capture.CallRecords;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.layout.Register;
import org.iommu4j.upgrade.CaptureException;

/**
 * Gathers from the records of one unit which chip it is and when the guest edited its structures.
 *
 * <p>A structure's words are known only when the hardware reads them. The guest wrote them earlier: before the invalidation
 * that published them. A virtual IOMMU reads the guest's structures at that invalidation, so the edit must stand in memory by
 * then. The scan places it there: before the last publication that covers the device, if that came after the last read of
 * the old words; else just before the read. Where a call reads the structures itself, it stands before the call.
 */
final class UnitScanner {
    /** Most structure entries that are remembered; all contexts of all requesters of 16 bits, and the root entries. */
    private static final int MAX_ENTRIES = 1 << 17;

    /** Most edits; a capture of millions of records has fewer. */
    private static final int MAX_EDITS = 1 << 19;

    private final CaptureFormat format;
    private final Map<String, Long> frozen;
    private final GuestRegisters registers;
    private final Publications publications;
    private final Map<String, Long> firstReads = new HashMap<>();
    private final Map<Long, Entry> entries = new HashMap<>();
    private final List<UnitScan.Edit> edits = new ArrayList<>();

    /** Structure reads whose device is not known yet: it is that of the translation that follows. */
    private final ArrayDeque<CaptureRecord.TableRead> reads = new ArrayDeque<>();

    private boolean translated;
    private boolean tablesRead;

    /** By device the address space of its last translation before the stop, or of the first one after it. */
    private final Map<Integer, String> domains = new HashMap<>();

    /** First time after the stop. */
    private final long stoppedAt;

    /** Facts of the chip in records, by name; the first record counts, as with registers. */
    private final Map<String, Long> facts = new HashMap<>();

    /** The greatest that was told, by name. */
    private final Map<String, Long> greatest = new HashMap<>();

    private final Set<String> wantedFacts = new HashSet<>();

    /** Time of the call whose own reads follow it; negative if none do. */
    private long reader = -1;

    /**
     * A scanner.
     *
     * @param frozen registers of the unit when the machine was stopped
     * @param stoppedAt first time after the stop
     */
    UnitScanner(CaptureFormat format, Map<String, Long> frozen, long stoppedAt) {
        this.stoppedAt = stoppedAt;
        this.format = format;
        this.frozen = frozen;
        registers = new GuestRegisters(format.registers());
        publications = new Publications(format.registers().publications());
        format.generations().forEach(rule -> wantedFacts.add(rule.source()));
        format.calls().capabilities().forEach(capability -> wantedFacts.add(capability.fact()));
        format.calls().choices().forEach(choice -> wantedFacts.add(choice.fact()));
        wantedFacts.remove(null);
    }

    /** Words of a structure entry, and when they were last read. */
    private record Entry(List<Long> words, long lastRead) {}

    /** Takes the next record of the unit. */
    void take(CaptureRecord next) {
        if (next instanceof CaptureRecord.TableRead read) {
            if (format.structures().contains(read.what())) {
                reads.add(read);
                // A format that does not say how entries of pages are written may count them among its structures.
                tablesRead |= format.gaps().entries().isEmpty();
            } else {
                tablesRead = true;
            }
        } else if (next instanceof CaptureRecord.Call call) {
            assign(OptionalInt.empty());
            learn(call.facts());
            reader = format.calls().readers().contains(call.kind()) ? call.t() : -1;
        } else if (next instanceof CaptureRecord.Translation translation) {
            assign(OptionalInt.of(translation.requester()));
            if (translation.isRefused()) {
                learn(Map.of(CallRecords.REFUSED_ACCESS, 1L));
            }
            translated |= !translation.isRefused() && translation.target() != translation.iova();
            learnDomain(translation);
            reader = -1;
        } else if (next instanceof CaptureRecord.RegisterWrite write) {
            assign(OptionalInt.empty());
            Register register = registers.write(write);
            if (register != null) {
                publications.written(register, registers.value(register), write.t());
            }
        } else if (next instanceof CaptureRecord.RegisterRead read) {
            for (Register register : format.registers().capabilities()) {
                if (register.offset() == read.offset() && register.widthBytes() == read.sizeBytes()) {
                    firstReads.putIfAbsent(register.name(), read.value());
                }
            }
        } else if (next instanceof CaptureRecord.Command command) {
            assign(OptionalInt.empty());
            if (command.hex() != null) {
                publications.fetched(command.bytes(), command.t());
            }
        } else if (next instanceof CaptureRecord.Other other) {
            learn(other.facts());
        }
    }

    private void learnDomain(CaptureRecord.Translation translation) {
        if (translation.domain() == null) {
            return;
        }
        if (translation.t() < stoppedAt) {
            domains.put(translation.requester(), translation.domain());
        } else {
            domains.putIfAbsent(translation.requester(), translation.domain());
        }
    }

    private void learn(Map<String, Long> told) {
        told.forEach((name, value) -> {
            if (wantedFacts.contains(name)) {
                facts.putIfAbsent(name, value);
                greatest.merge(name, value, (one, other) -> Long.compareUnsigned(one, other) > 0 ? one : other);
            }
        });
    }

    private void assign(OptionalInt requester) {
        for (CaptureRecord.TableRead read = reads.poll(); read != null; read = reads.poll()) {
            Entry entry = entries.get(read.pa());
            if (entry == null && entries.size() == MAX_ENTRIES) {
                edit(read.t(), read);
                continue;
            }
            if (entry == null || !entry.words().equals(read.words())) {
                OptionalInt owner = owner(read, requester);
                long published = owner.isPresent() ? publications.last(owner.getAsInt()) : -1;
                long publication = reader >= 0 ? reader : published;
                long lastRead = entry == null ? -1 : entry.lastRead();
                long before = publication > lastRead ? publication : read.t();
                edit(before, read);
            }
            entries.put(read.pa(), new Entry(read.words(), read.t()));
        }
    }

    /** The device whose entry was read: the one that its address tells, else the one whose translation follows. */
    private OptionalInt owner(CaptureRecord.TableRead read, OptionalInt following) {
        for (CaptureFormat.RequesterTable table : format.requesterTables()) {
            if (table.structure().equals(read.what())) {
                long owner = table.requesterAt(registers.value(table.register()), read.pa());
                return owner >= 0 && owner <= format.lastRequester() ? OptionalInt.of((int) owner) : following;
            }
        }
        return following;
    }

    private void edit(long before, CaptureRecord.TableRead read) {
        if (edits.size() == MAX_EDITS) {
            throw new CaptureException(
                    Timeline.FILE, 0, 0, "", "changes structures more than " + MAX_EDITS + " times, by t=" + read.t());
        }
        edits.add(new UnitScan.Edit(before, read.pa(), read.words()));
    }

    /**
     * The unit as all records describe it.
     *
     * @throws CaptureException if nothing says what the chip can do
     */
    UnitScan scan() {
        assign(OptionalInt.empty());
        edits.sort(Comparator.comparingLong(UnitScan.Edit::before));
        Map<String, Long> capabilities = capabilities();
        CaptureFormat.GenerationRule generation = generation(capabilities);
        return new UnitScan(
                generation.subVersion(),
                generation.about(),
                capabilities,
                fields(),
                options(),
                edits,
                format.calls().bringUp().pages() && translated && !tablesRead,
                domains);
    }

    private Map<String, Long> capabilities() {
        Map<String, Long> capabilities = new HashMap<>();
        for (Register register : format.registers().capabilities()) {
            String name = register.name();
            Long value = firstReads.getOrDefault(name, frozen.get(name));
            if (value == null) {
                throw new CaptureException(
                        FrozenImage.REGISTERS, 0, 0, name, "is missing, and the guest did not read it");
            }
            for (RegisterRecords.Lenient lenient : format.registers().lenient()) {
                value = lenient.register().equals(register) ? lenient.acted(value) : value;
            }
            capabilities.put(name, value);
        }
        return capabilities;
    }

    private Map<String, Map<String, Long>> fields() {
        Map<String, Map<String, Long>> fields = new HashMap<>();
        for (CallRecords.Choice choice : format.calls().choices()) {
            if (choice.group() != null && shows(choice)) {
                fields.computeIfAbsent(choice.group(), group -> new HashMap<>())
                        .put(choice.name(), Long.decode(choice.value()));
            }
        }
        for (CallRecords.Capability capability : format.calls().capabilities()) {
            Long told = (capability.greatest() ? greatest : facts).get(capability.fact());
            if (told != null) {
                fields.computeIfAbsent(capability.group(), group -> new HashMap<>())
                        .put(capability.field(), capability.valueOf(told));
            }
        }
        return fields;
    }

    private Map<String, String> options() {
        Map<String, String> options = new HashMap<>();
        for (CallRecords.Choice choice : format.calls().choices()) {
            if (choice.group() == null && shows(choice)) {
                options.put(choice.name(), choice.value());
            }
        }
        return options;
    }

    private boolean shows(CallRecords.Choice choice) {
        return greatest.getOrDefault(choice.fact(), 0L) != 0;
    }

    private CaptureFormat.GenerationRule generation(Map<String, Long> capabilities) {
        return format.generations().stream()
                .filter(rule ->
                        rule.source() == null || (fact(rule.source(), capabilities) & rule.mask()) == rule.value())
                .findFirst()
                .orElseThrow();
    }

    private long fact(String name, Map<String, Long> capabilities) {
        if (capabilities.containsKey(name)) {
            return capabilities.get(name);
        }
        if (facts.containsKey(name)) {
            return facts.get(name);
        }
        Long written = registers.written(name);
        return written != null ? written : frozen.getOrDefault(name, 0L);
    }
}
