package org.iommu4j.simulation.sanitizer;

import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongPredicate;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Requester;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.layout.Layout;
import org.iommu4j.simulation.sanitizer.ShadowEntry.Suspicion;

/**
 * Judges each use of a kept entry by the words that it comes from. It keeps every entry that the architecture lets a chip
 * keep, until an invalidation that covers the entry is complete, whatever the chip at hand has room for:
 *
 * <ul>
 *   <li>Its words say what they said: right.
 *   <li>One of them was changed, and no covering invalidation has completed since the entry was read: old or new is legal as
 *       long as one follows. If none does, or the word was cleared and used anew before: a missing invalidation.
 *   <li>One of them was changed, and a covering invalidation has completed since the entry was read: the chip's fault.
 * </ul>
 *
 * The format of its entry decides the meaning of a word, see {@link Reading}. An entry is also wrong if the tables by which
 * the access came to it now lead to another table than the one at which its walk began. Guarded by itself: table words and
 * timeline change together.
 *
 * <p>The class is long because it judges every event of the chip (fills, uses, edits, commands, completions) by one timeline
 * under one lock. The data that it judges by stand apart: {@link ShadowEntry}, {@link ShadowSpace}, {@link TableWord},
 * {@link WalkPath}, {@link Reach}, {@link Invalidation}.
 */
public final class TranslationSanitizer implements Sanitizer {
    private static final long PAGE_BYTES = 4096;
    private static final int NONE = -1;
    private static final int MOST_OUTSTANDING = 1 << 16;

    /** Most parts of commands among which a near miss is looked for. */
    private static final int MOST_REACHES = 1 << 12;

    private final PhysicalMemory memory;
    private final boolean allWritesSeen;
    private final Map<Long, TableWord> words = new HashMap<>();
    private final Map<CachedKind, Map<Long, ShadowSpace>> spaces = new EnumMap<>(CachedKind.class);
    private final ArrayDeque<Invalidation> outstanding = new ArrayDeque<>();
    private final ArrayDeque<Reach> reaches = new ArrayDeque<>();

    /** Invalidations that the architecture demands of software next. */
    private final Set<Demand> demands = new HashSet<>();

    private final FindingLog log = new FindingLog();
    private Finding.Place place = Finding.Place.UNKNOWN;

    /** Pages that hold words of tables, by number. */
    private final Set<Long> tablePages = new HashSet<>();

    /** True if software wrote beside known words of tables since it waited last: the entry's purpose is unknown. */
    private boolean editedUnread;

    private InvalidationRules rules;
    private Invalidation command;

    private long clock;
    private long edits;
    private long fills;
    private long commands;
    private long accesses;

    /** The thread that is translating, or null. */
    private volatile Thread walker;

    private final WalkPath path = new WalkPath();
    private int requester;
    private int pasid;
    private long iova;
    private long origin;
    private ShadowEntry parent;

    /** A demand of the architecture: everything of a kind and a tag has to be invalidated. */
    private record Demand(CachedKind kind, long tag) {}

    /** An entry that had to be gone and was used for this access, or null. */
    private ShadowEntry misled;

    /**
     * A sanitizer of one machine.
     *
     * @param memory its memory, not watched
     * @param allWritesSeen false if software's writes come late, see {@link Sanitizer.Mode#CAPTURE}
     */
    public TranslationSanitizer(PhysicalMemory memory, boolean allWritesSeen) {
        this.memory = memory;
        this.allWritesSeen = allWritesSeen;
        for (CachedKind kind : CachedKind.values()) {
            spaces.put(kind, new HashMap<>());
        }
    }

    /** True if the calling thread is a chip's that is translating. */
    boolean isWalking() {
        return walker == Thread.currentThread();
    }

    /** The chip read a word. */
    void wordRead(long pa, ByteOrder order) {
        TableWord word = words.get(pa);
        if (word == null) {
            word = new TableWord(pa, memory.readLongLe(pa));
        }
        path.add(new Reading(word, ++clock, order));
    }

    /** Somebody wrote; the memory has it already. */
    void written(long pa, long length) {
        if (words.isEmpty()) {
            return;
        }
        for (long at = pa & -Long.BYTES; at < pa + length; at += Long.BYTES) {
            TableWord word = words.get(at);
            if (word == null) {
                editedUnread |= !isWalking() && tablePages.contains(at / PAGE_BYTES);
                continue;
            }
            long now = memory.readLongLe(at);
            if (isWalking()) {
                word.update(now);
            } else if (word.edit(clock + 1, now, place)) {
                clock++;
                edits++;
            }
        }
    }

    /** Pages were zeroed by their owner. */
    public synchronized void cleared(long pa, int pages) {
        written(pa, pages * PAGE_BYTES);
    }

    @Override
    public synchronized void at(Finding.Place where) {
        place = where;
    }

    @Override
    public synchronized void started(InvalidationRules ofModel) {
        rules = new ContainedRules(ofModel);
        reaches.clear();
        demands.clear();
        spaces.values().forEach(Map::clear);
        outstanding.clear();
        command = null;
        walker = null;
    }

    @Override
    public synchronized void begins(DmaAccess access, long root) {
        walker = Thread.currentThread();
        accesses++;
        clock++;
        requester = access.requester();
        pasid = access.pasid();
        iova = access.iova();
        origin = root;
        parent = null;
        misled = null;
        path.clear();
    }

    @Override
    public synchronized void ends() {
        walker = null;
    }

    @Override
    public synchronized void hit(CachedKind kind, long tag, int ofPasid, long first, long lengthBytes) {
        ShadowSpace space = spaces.get(kind).get(key(tag, ofPasid));
        ShadowEntry entry = space == null ? null : space.find(first, lengthBytes);
        if (entry == null) {
            path.clear();
            return;
        }
        judge(entry, true);
        path.clear();
        path.inherit(entry.path);
        follow(entry);
    }

    @Override
    public synchronized void missed(CachedKind kind, long tag, int ofPasid, long address) {
        forSpaces(kind, tag, ofPasid, space -> space.at(address, this::judgeAll));
    }

    @Override
    public synchronized void read(Layout layout, long pa) {
        path.isEntry(layout, pa);
    }

    @Override
    public synchronized void presented(long tag, int ofPasid, long target) {
        ShadowSpace space = spaces.get(CachedKind.DEVICE).get(key(tag, ofPasid));
        ShadowEntry newest = null;
        if (space != null) {
            for (ShadowEntry entry : space.leadingTo(target)) {
                if (!entry.isStale() && entry.origin == origin) {
                    // It may well use this one.
                    return;
                }
                newest = newest == null || entry.at > newest.at ? entry : newest;
            }
        }
        if (newest != null) {
            iova = newest.first + (target - newest.target);
            judge(newest, true);
        }
    }

    @Override
    public synchronized void filled(
            CachedKind kind, long tag, int ofPasid, long first, long lengthBytes, long target, int read) {
        fills++;
        path.forEachRead(word -> {
            words.putIfAbsent(word.pa, word);
            tablePages.add(word.pa / PAGE_BYTES);
        });
        ShadowEntry entry = new ShadowEntry(
                kind,
                tag,
                ofPasid,
                first,
                lengthBytes,
                target,
                origin,
                parent,
                path.first(read),
                ++clock,
                requester,
                place);
        entry.readBy = misled;
        ShadowEntry before = spaces.get(kind)
                .computeIfAbsent(key(tag, ofPasid), key -> new ShadowSpace(tag, ofPasid))
                .put(entry);
        if (before != null && before.readBy == null) {
            // A real chip may have both. Of several that are not the newest, the oldest says when it went wrong.
            if (before.older != null && before.older.gone) {
                before.older = null;
            }
            boolean same = before.origin == entry.origin && before.path.isSame(entry.path);
            entry.older = same || before.older != null ? before.older : before;
        }
        follow(entry);
    }

    @Override
    public synchronized void invalidates(CachedKind kind, long tag, int ofPasid, long first, long last) {
        Invalidation current = command();
        current.concerns(kind);
        Reach reach = new Reach(kind, tag, ofPasid, first, last, current);
        if (reaches.size() == MOST_REACHES) {
            reaches.removeFirst();
        }
        reaches.add(reach);
        if (reach.isWhole()
                && demands.removeIf(demand -> demand.kind() == kind && (tag == ANY || demand.tag() == tag))) {
            current.isDemanded();
        }
        forSpaces(
                kind,
                tag,
                ofPasid,
                space -> space.overlapping(first, last, entry -> {
                    for (ShadowEntry each = entry; each != null; each = each.older) {
                        if (each.dropper == null && reach.isOf(each.tag)) {
                            each.dropper = current;
                            current.due.add(each);
                        }
                    }
                }));
    }

    @Override
    public synchronized void spares(LongPredicate tags) {
        command().spares(tags);
    }

    @Override
    public synchronized void invalidated(String name, long word0, long word1, long dropped) {
        Invalidation current = endCommand(name, word0, word1, dropped);
        long right = current.due.stream().filter(entry -> !entry.isStale()).count();
        boolean superfluous = allWritesSeen
                ? right == current.due.size() && !editedUnread
                : current.due.isEmpty() && dropped == 0 && current.concernsChip();
        if (superfluous && !current.demanded()) {
            Finding.Command described = current.describe();
            log.add(
                    described.decoded(),
                    new Finding(
                            Finding.Kind.SUPERFLUOUS,
                            1,
                            right,
                            null,
                            null,
                            described,
                            current.at,
                            NONE,
                            NONE,
                            0,
                            null,
                            null,
                            current.text() + " dropped nothing that had changed",
                            place,
                            null));
        }
    }

    @Override
    public synchronized void implied(String name, long word0, long word1, long dropped) {
        endCommand(name, word0, word1, dropped);
    }

    private Invalidation endCommand(String name, long word0, long word1, long dropped) {
        Invalidation current = command();
        command = null;
        commands++;
        current.carriedOut(name, word0, word1, dropped, rules);
        await(current);
        return current;
    }

    @Override
    public synchronized void demands(CachedKind kind, long tag) {
        demands.add(new Demand(kind, tag));
    }

    @Override
    public synchronized void droppedAll(String cause, long value, long dropped) {
        for (CachedKind kind : CachedKind.values()) {
            if (kind != CachedKind.DEVICE) {
                invalidates(kind, ANY, ANY, 0, -1L);
            }
        }
        Invalidation current = command();
        command = null;
        current.carriedOut(cause, value, 0, dropped, rules);
        clock++;
        complete(current);
    }

    @Override
    public synchronized void completed() {
        clock++;
        outstanding.forEach(this::complete);
        outstanding.clear();
        editedUnread = false;
    }

    @Override
    public synchronized void freed(long pa, int pages) {
        clock++;
        for (CachedKind kind : List.of(CachedKind.CONTEXT, CachedKind.PASID, CachedKind.PAGING_STRUCTURE)) {
            forAll(kind, entry -> {
                if (!entry.gone
                        && entry.readBy == null
                        && entry.target >= pa
                        && entry.target < pa + pages * PAGE_BYTES) {
                    freedWhileReachable(entry);
                }
            });
        }
    }

    @Override
    public synchronized SanitizerReport report() {
        FindingLog all = new FindingLog(log);
        for (CachedKind kind : CachedKind.values()) {
            forAll(kind, entry -> {
                if (entry.suspicion != null && !entry.gone && !entry.reported) {
                    addMissing(all, entry);
                }
            });
        }
        return new SanitizerReport(edits, fills, commands, accesses, all.counts(), all.findings());
    }

    private static long key(long tag, int pasid) {
        return (tag << Integer.SIZE) | (pasid & 0xffff_ffffL);
    }

    private void forSpaces(CachedKind kind, long tag, int ofPasid, Consumer<ShadowSpace> sink) {
        if (tag != ANY && ofPasid != ANY) {
            ShadowSpace space = spaces.get(kind).get(key(tag, ofPasid));
            if (space != null) {
                sink.accept(space);
            }
            return;
        }
        for (ShadowSpace space : spaces.get(kind).values()) {
            if ((tag == ANY || space.tag == tag) && (ofPasid == ANY || space.pasid == ofPasid)) {
                sink.accept(space);
            }
        }
    }

    /** Forgets the oldest commands of software that never waits for completions. */
    private void await(Invalidation carriedOut) {
        if (outstanding.size() == MOST_OUTSTANDING) {
            outstanding.removeFirst();
        }
        outstanding.add(carriedOut);
    }

    private void complete(Invalidation done) {
        for (ShadowEntry entry : done.due) {
            entry.gone = true;
            ShadowSpace space = spaces.get(entry.kind).get(key(entry.tag, entry.pasid));
            if (space != null) {
                space.drop(entry);
            }
        }
        done.completed(clock);
    }

    private Invalidation command() {
        if (command == null) {
            command = new Invalidation(++clock, place);
        }
        return command;
    }

    /** From an entry that names a table, the access goes on there: later entries do not depend on its words. */
    private void follow(ShadowEntry entry) {
        if (entry.kind == CachedKind.CONTEXT || entry.kind == CachedKind.PASID) {
            origin = entry.target;
            parent = entry;
            path.clear();
        }
    }

    private void forAll(CachedKind kind, Consumer<ShadowEntry> sink) {
        for (ShadowSpace space : spaces.get(kind).values()) {
            space.all(entry -> {
                for (ShadowEntry each = entry; each != null; each = each.older) {
                    sink.accept(each);
                }
            });
        }
    }

    private void judgeAll(ShadowEntry newest) {
        for (ShadowEntry entry = newest; entry != null; entry = entry.older) {
            if (!entry.gone) {
                judge(entry, false);
            }
        }
    }

    /** Judges an entry that is used, or that another chip could have used for this access. */
    private void judge(ShadowEntry entry, boolean used) {
        Finding.Edit edit = entry.edit();
        if (edit == null) {
            if (entry.origin == origin) {
                return;
            }
            edit = parent == null ? entry.editOfParent() : parent.lastEdit();
        }
        ShadowEntry due = entry.gone ? entry : entry.readBy;
        if (due != null) {
            if (used) {
                addStale(due, edit);
                misled = due;
            }
            return;
        }
        if (entry.suspicion == null) {
            entry.suspicion = new Suspicion(edit, clock, place, requester, pasid, iova, used);
        }
        if (allWritesSeen && !entry.reported && entry.isReused()) {
            entry.reported = true;
            addMissing(log, entry);
        }
    }

    private void addStale(ShadowEntry entry, Finding.Edit edit) {
        String text = "requester " + Requester.both(requester) + " used " + read(entry)
                + " for iova 0x" + Long.toHexString(iova) + edited(edit) + "; " + entry.dropper.text()
                + " had to drop it and was complete";
        log.add(
                entry.dropper,
                finding(
                        Finding.Kind.STALE_AFTER_COMPLETION,
                        entry,
                        edit,
                        clock,
                        place,
                        requester,
                        pasid,
                        iova,
                        text,
                        null));
    }

    private void addMissing(FindingLog target, ShadowEntry entry) {
        Suspicion use = entry.suspicion;
        Finding.NearMiss nearMiss = entry.dropper == null ? nearMiss(entry) : null;
        String text = "requester " + Requester.both(use.requester())
                + (use.used() ? " used " : " could have used ") + read(entry)
                + " for iova 0x" + Long.toHexString(use.iova()) + edited(use.edit()) + "; "
                + (entry.dropper == null
                        ? "no invalidation covered it"
                        : entry.dropper.text() + " covered it, and software did not wait for it")
                + (nearMiss == null
                        ? ""
                        : "; " + nearMiss.command().decoded() + " at "
                                + nearMiss.command().place() + " " + nearMiss.text());
        target.add(
                new Due(use.edit() == null ? entry : use.edit(), entry.kind == CachedKind.DEVICE, entry.tag),
                finding(
                        Finding.Kind.MISSING_INVALIDATION,
                        entry,
                        use.edit(),
                        use.at(),
                        use.place(),
                        use.requester(),
                        use.pasid(),
                        use.iova(),
                        text,
                        nearMiss));
    }

    /** An invalidation that software forgot: one for each edit, each tag, and for devices apart from the chip. */
    private record Due(Object edit, boolean ofDevice, long tag) {}

    /**
     * The last command since an entry went wrong that missed it by one thing; one for entries of its own kind, if there is any.
     */
    private Finding.NearMiss nearMiss(ShadowEntry entry) {
        Finding.Edit edit = entry.suspicion.edit();
        long since = edit == null ? entry.at : edit.at();
        Finding.NearMiss ofOtherKind = null;
        for (Iterator<Reach> latest = reaches.descendingIterator(); latest.hasNext(); ) {
            Reach reach = latest.next();
            if (reach.command().at <= since) {
                break;
            }
            String missed = reach.missed(entry, rules);
            if (missed != null) {
                Finding.NearMiss miss = new Finding.NearMiss(reach.command().describe(), missed);
                if (reach.kind() == entry.kind) {
                    return miss;
                }
                ofOtherKind = ofOtherKind == null ? miss : ofOtherKind;
            }
        }
        return ofOtherKind;
    }

    private void freedWhileReachable(ShadowEntry entry) {
        String text = read(entry) + " leads to the table at 0x" + Long.toHexString(entry.target)
                + ", which was given back at " + place
                + (entry.dropper == null
                        ? " before an invalidation covered the entry"
                        : " before " + entry.dropper.text() + " was known to be complete");
        log.add(
                entry,
                finding(
                        Finding.Kind.USE_AFTER_FREE_OF_TABLE,
                        entry,
                        entry.edit(),
                        clock,
                        place,
                        entry.requester,
                        entry.pasid,
                        entry.kind == CachedKind.CONTEXT ? 0 : entry.first,
                        text,
                        null));
    }

    private Finding finding(
            Finding.Kind kind,
            ShadowEntry entry,
            Finding.Edit edit,
            long at,
            Finding.Place where,
            int byRequester,
            int withPasid,
            long atIova,
            String text,
            Finding.NearMiss nearMiss) {
        return new Finding(
                kind,
                1,
                0,
                edit,
                entry.describe(),
                entry.dropper == null ? null : entry.dropper.describe(),
                at,
                byRequester,
                withPasid,
                atIova,
                rules.covering(entry.kind, entry.tag, entry.pasid, entry.first, entry.lengthBytes),
                edit == null ? rules.rule(entry.kind) : rules.rule(entry.kind, edit),
                text,
                where,
                nearMiss);
    }

    private static String read(ShadowEntry entry) {
        return "a " + entry.kind.label() + " entry that was read at " + entry.place;
    }

    private static String edited(Finding.Edit edit) {
        return edit == null
                ? "; another table is in its place now"
                : ", and 0x" + Long.toHexString(edit.pa()) + " was changed from 0x" + Long.toHexString(edit.before())
                        + " to 0x" + Long.toHexString(edit.after()) + " at " + edit.place();
    }
}
