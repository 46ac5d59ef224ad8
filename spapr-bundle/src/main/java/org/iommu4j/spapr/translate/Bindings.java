package org.iommu4j.spapr.translate;

import java.util.BitSet;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.driver.bind.BindRules;
import org.iommu4j.driver.bind.TableAddress;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainBooks;
import org.iommu4j.driver.domain.DomainPolicy;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.table.DmaWindow;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;

/** Endpoints of containers, the windows in them, and the requesters that reach them. */
final class Bindings implements DomainPolicy<Domain, Integer> {
    /** One more than the highest PE number of any platform. */
    static final int MAX_ENDPOINTS = 1 << 9;

    /** One more than the highest requester id; LIOBNs are negative. */
    static final int REQUESTERS = 1 << 16;

    private final ChipPort chip;
    private final SpaprCapabilities limits;
    private final BitSet endpoints = new BitSet();
    private final DomainBooks<Domain, Integer> books = new DomainBooks<>(this);

    /** Rules of every bind, about its domain. */
    private final BindRules<Domain> always;

    /** Further rules of a bind that binds. */
    private final BindRules<WindowRequest> binds = new BindRules<WindowRequest>()
            .row(
                    Rule.V35,
                    BindPgtable.BASE,
                    "the window overlaps another one",
                    (part, request) -> !request.isSlotOthers() || request.isFull())
            .row(
                    null,
                    Errno.ENOSPC,
                    BindPgtable.BASE,
                    "the endpoint has no room for another window",
                    (part, request) -> !request.isSlotOthers())
            .free(
                    BindPgtable.REQUESTER,
                    "the window is another device's, too",
                    (part, request) -> request.isThere() || request.bound() != null || !request.isOthers())
            .free(
                    BindPgtable.TABLE_ROOT,
                    "the window is another device's, too",
                    (part, request) -> request.isThere() || !request.isOthers());

    /** Further rules of a bind that unbinds. */
    private final BindRules<WindowRequest> unbinds = new BindRules<WindowRequest>()
            .row(
                    Rule.V35,
                    BindPgtable.TABLE_ROOT,
                    "something else is bound under that name",
                    (part, request) ->
                            request.bound() == null || request.bound().is(request.wanted()))
            .bound(
                    BindPgtable.REQUESTER,
                    "no window is bound under that name",
                    (part, request) -> request.bound() != null);

    Bindings(ChipPort chip, SpaprCapabilities limits) {
        this.chip = chip;
        this.limits = limits;
        always = new BindRules<Domain>();
        for (BitField field : BindPgtable.GEOMETRY) {
            always.row(
                    Rule.V34,
                    field,
                    "the generation has no such window",
                    (part, domain) -> !field.equals(wrongGeometry(part)));
        }
        always.row(
                        Rule.V34,
                        BindPgtable.TABLE_ROOT,
                        "not a page below the host address width",
                        (part, domain) -> isTable(part.get(BindPgtable.TABLE_ROOT)))
                .attached(
                        BindPgtable.REQUESTER,
                        (part, domain) -> domain.members().device(part.getInt(BindPgtable.REQUESTER)) != null);
    }

    /** The books that have this policy. */
    DomainBooks<Domain, Integer> books() {
        return books;
    }

    // ---- domains and devices

    @Override
    public Domain open(int number, Completion completion) {
        int pe = chip.defaultPe();
        if (endpoints.get(pe)) {
            pe = endpoints.nextClearBit(0);
        }
        if (pe != chip.defaultPe() && pe >= limits.pes()) {
            completion.fail(Errno.ENOSPC, "all endpoints of the platform are in use");
            return null;
        }
        endpoints.set(pe);
        return new Domain(number, pe);
    }

    @Override
    public int close(Domain domain, Completion completion) {
        Errno outcome = Errno.OK;
        for (int requester : domain.members().devices()) {
            outcome = worse(outcome, block(requester));
        }
        for (int slot = 0; slot < DomainWindows.SLOTS; slot++) {
            outcome = worse(outcome, removeWindow(domain, slot));
        }
        if (outcome == Errno.OK && domain.pe() == chip.defaultPe()) {
            outcome = restoreDefaultWindow();
        }
        if (outcome == Errno.OK) {
            // Otherwise the endpoint stays taken: something of this container may still be behind it.
            endpoints.clear(domain.pe());
        }
        return Answers.of(outcome, completion);
    }

    @Override
    public Integer device(Domain domain, int requester, Completion completion) {
        if (requester >= REQUESTERS) {
            Answers.refuseDevice(
                    requester, Errno.EINVAL, "neither a requester id, 0 to 65535, nor a LIOBN", completion);
            return null;
        }
        if (isBoundElsewhere(requester, domain)) {
            Answers.refuseDevice(requester, Errno.EBUSY, "the LIOBN is that of another container's window", completion);
            return null;
        }
        return requester;
    }

    @Override
    public int attach(Domain domain, Integer requester, long table, int levels, Completion completion) {
        Window wanted = null;
        if (table != BLOCKED) {
            wanted = new Window()
                    .place(0, chip.defaultBase(), SpaprCapabilities.DEFAULT_PAGE_SHIFT, chip.defaultWindowShift())
                    .table(Math.max(1, levels), 0, table);
            int wrong = checkTable(domain, requester, wanted, levels, completion);
            if (wrong != 0) {
                return wrong;
            }
        }
        Errno outcome = reach(domain, requester);
        if (outcome == Errno.OK && wanted != null) {
            outcome = shareOrPut(domain, wanted, requester);
            if (outcome != Errno.OK) {
                block(requester);
            }
        }
        return Answers.of(outcome, completion);
    }

    /** Whether a device may be attached to a table: 0, or a negative errno with {@code completion} filled. */
    private int checkTable(Domain target, int requester, Window wanted, int levels, Completion completion) {
        boolean possible = levels >= 1
                && levels <= limits.maxLevels()
                && TceTable.isPossible(
                        wanted.windowShift(), wanted.pageShift(), levels, wanted.levelShift() - Tce.SHIFT);
        if (!possible) {
            return completion.refuse(Errno.EINVAL, "levels", levels, "the platform has no tables of so many levels");
        }
        if (!isTable(wanted.root())) {
            return completion.refuse(Errno.EINVAL, "table", wanted.root(), "not a page below the host address width");
        }
        Window bound = target.window(DmaWindow.slotOf(wanted.base()));
        if (bound != null && !bound.is(wanted)) {
            return completion.refuse(
                    Errno.EBUSY, "table", wanted.root(), "the devices of a container share its windows");
        }
        if (bound == null && target.windowOf(requester) != null) {
            return completion.refuse(
                    Errno.EBUSY,
                    "requester",
                    Integer.toUnsignedLong(requester),
                    "the LIOBN is that of another device's window");
        }
        return 0;
    }

    private Errno shareOrPut(Domain target, Window wanted, int requester) {
        Window bound = target.window(DmaWindow.slotOf(wanted.base()));
        if (bound == null) {
            return putWindow(target, wanted, requester);
        }
        bound.names().add(requester);
        return Errno.OK;
    }

    @Override
    public int detach(Domain domain, Integer requester, Completion completion) {
        Errno outcome = block(requester);
        if (outcome == Errno.OK) {
            outcome = forgetName(domain, requester);
            if (outcome != Errno.OK) {
                reach(domain, requester);
            }
        }
        return Answers.of(outcome, completion);
    }

    // ---- bindings

    /** Binds or unbinds a window of a domain. */
    int bind(Domain domain, BindRequest request, Completion completion) {
        BindPart part = new BindPart(request, BindPgtable.LAYOUT);
        int refused = always.check(part, domain, completion);
        if (refused != 0) {
            return refused;
        }
        int requester = part.getInt(BindPgtable.REQUESTER);
        Window wanted = Window.of(part);
        int slot = domain.slotOf(requester);
        Window bound = slot < 0 ? null : domain.window(slot);
        WindowRequest asked =
                new WindowRequest(requester, domain, wanted, bound, domain.window(DmaWindow.slotOf(wanted.base())));
        refused = (part.unbinds() ? unbinds : binds).check(part, asked, completion);
        if (refused != 0) {
            return refused;
        }
        if (part.unbinds()) {
            return Answers.of(forgetName(domain, requester), completion);
        }
        return asked.isThere()
                ? completion.done(Fidelity.EXACT)
                : Answers.of(putWindow(domain, wanted, requester), completion);
    }

    /** The field that makes a window impossible on this generation, or null; docs/spec/spapr-tce.md 3.2 and 3.4. */
    private BitField wrongGeometry(BindPart part) {
        long pageShift = part.get(BindPgtable.PAGE_SHIFT);
        long windowShift = part.get(BindPgtable.WINDOW_SHIFT);
        long levels = part.get(BindPgtable.LEVELS);
        long levelShift = part.get(BindPgtable.LEVEL_SHIFT);
        long base = part.get(BindPgtable.BASE);
        if (pageShift >= Long.SIZE || !limits.hasPageShift((int) pageShift)) {
            return BindPgtable.PAGE_SHIFT;
        }
        if (windowShift < pageShift || windowShift > DmaWindow.SLOT_SHIFT) {
            return BindPgtable.WINDOW_SHIFT;
        }
        if (levels < 1 || levels > limits.maxLevels()) {
            return BindPgtable.LEVELS;
        }
        if (levelShift != 0
                && (levelShift < TceTable.MIN_LEVEL_BITS + Tce.SHIFT
                        || levelShift > TceTable.MAX_LEVEL_BITS + Tce.SHIFT)) {
            return BindPgtable.LEVEL_SHIFT;
        }
        int levelBits = levelShift == 0
                ? TceTable.defaultLevelBits((int) windowShift, (int) pageShift, (int) levels)
                : (int) levelShift - Tce.SHIFT;
        if (levelBits > TceTable.MAX_LEVEL_BITS) {
            return BindPgtable.WINDOW_SHIFT;
        }
        if (!TceTable.isPossible((int) windowShift, (int) pageShift, (int) levels, levelBits)) {
            return BindPgtable.LEVELS;
        }
        return isBase(base, 1L << windowShift, (1L << pageShift) - 1) ? null : BindPgtable.BASE;
    }

    /** From generation 3 on the slots start at 0 and 2^59; before, there is one window, below 4 GiB. */
    private boolean isBase(long base, long size, long pageMask) {
        if (SpaprGeneration.hasRegisters(limits.subVersion())) {
            return base == 0 || base == 1L << DmaWindow.SLOT_SHIFT;
        }
        return (base & pageMask) == 0 && base >= 0 && base < 1L << 32 && base + size <= 1L << 32;
    }

    // ---- windows

    /**
     * Puts a window on the platform under the name of one requester: in place of what that name had for itself, and of what
     * the platform has made there. That is one call, which changes all or nothing.
     */
    private Errno putWindow(Domain target, Window wanted, int requester) {
        int slot = DmaWindow.slotOf(wanted.base());
        int slotBefore = target.slotOf(requester);
        Window before = slotBefore < 0 ? null : target.window(slotBefore);
        boolean shared = before != null && before.names().size() > 1;
        int liobn = before != null && !shared ? before.liobn() : requester < 0 ? requester : freeLiobn(target, slot);
        wanted.place(liobn, wanted.base(), wanted.pageShift(), wanted.windowShift());
        Errno outcome = ChipPort.errno(chip.setTable(target.pe(), wanted));
        if (outcome != Errno.OK) {
            return outcome;
        }
        if (shared) {
            before.names().remove(requester);
        } else if (before != null) {
            target.window(slotBefore, null);
        }
        wanted.names().add(requester);
        target.window(slot, wanted);
        return Errno.OK;
    }

    private boolean isBoundElsewhere(int liobn, Domain target) {
        return liobn < 0 && target.windowOf(liobn) == null && isBound(liobn);
    }

    private boolean isBound(int liobn) {
        for (Domain domain : books.open()) {
            if (domain.windowOf(liobn) != null) {
                return true;
            }
        }
        return false;
    }

    /** A LIOBN that is neither a device nor a window; that of the default window belongs to its endpoint and its slot. */
    private int freeLiobn(Domain target, int slot) {
        boolean replacesDefault = target.pe() == chip.defaultPe() && slot == DmaWindow.slotOf(chip.defaultBase());
        int liobn = replacesDefault ? chip.defaultLiobn() : chip.defaultLiobn() + 1;
        while (books.ownerOf(liobn) != null || isBound(liobn)) {
            liobn++;
        }
        return liobn;
    }

    /** A requester no longer stands for a window; with its last name the window goes. */
    private Errno forgetName(Domain target, int requester) {
        int slot = target.slotOf(requester);
        if (slot < 0) {
            return Errno.OK;
        }
        Window window = target.window(slot);
        if (window.names().size() > 1) {
            window.names().remove(requester);
            return Errno.OK;
        }
        return removeWindow(target, slot);
    }

    private Errno removeWindow(Domain target, int slot) {
        Window window = target.window(slot);
        if (window == null) {
            return Errno.OK;
        }
        Errno outcome = ChipPort.errno(chip.removeTable(target.pe(), window.liobn()));
        if (outcome == Errno.OK) {
            target.window(slot, null);
        }
        return outcome;
    }

    /** The endpoint that is there from reset on looks as it did then: only the default window, empty. */
    private Errno restoreDefaultWindow() {
        Window present = new Window();
        for (int slot = 0; slot < DomainWindows.SLOTS; slot++) {
            if (chip.queryTable(chip.defaultPe(), slot, present)) {
                Errno removed = ChipPort.errno(chip.removeTable(chip.defaultPe(), present.liobn()));
                if (removed != Errno.OK) {
                    return removed;
                }
            }
        }
        if (isBound(chip.defaultLiobn())) {
            return Errno.OK;
        }
        Window fresh = new Window()
                .place(
                        chip.defaultLiobn(),
                        chip.defaultBase(),
                        SpaprCapabilities.DEFAULT_PAGE_SHIFT,
                        chip.defaultWindowShift())
                .table(1, 0, SpaprCall.HOST_TABLE);
        return ChipPort.errno(chip.setTable(chip.defaultPe(), fresh));
    }

    /** A requester id reaches the endpoint; a LIOBN is nothing but its window. */
    private Errno reach(Domain target, int requester) {
        return requester < 0 ? Errno.OK : ChipPort.errno(chip.setRequester(requester, target.pe()));
    }

    /** A requester id reaches no endpoint any more; a LIOBN is nothing but its window. */
    private Errno block(int requester) {
        return requester < 0 ? Errno.OK : ChipPort.errno(chip.setRequester(requester, SpaprCall.NO_PE));
    }

    private boolean isTable(long address) {
        return TableAddress.isPage(address, chip.port().platform());
    }

    private static Errno worse(Errno first, Errno second) {
        return first != Errno.OK ? first : second;
    }

    // ---- state

    /** Writes endpoints and domains. */
    void save(SnapshotWriter out) {
        books.save(out.putLongs(endpoints.toLongArray()));
    }

    /** Reads what {@link #save} wrote. */
    void load(SnapshotReader in) {
        endpoints.or(BitSet.valueOf(in.getLongs()));
        if (endpoints.length() > MAX_ENDPOINTS) {
            throw in.invalid("PE " + (endpoints.length() - 1));
        }
        books.load(in);
    }

    @Override
    public void saveDomain(Domain domain, SnapshotWriter out) {
        out.putInt(domain.pe());
        out.putInt((domain.window(0) == null ? 0 : 1) + (domain.window(1) == null ? 0 : 1));
        for (int slot = 0; slot < DomainWindows.SLOTS; slot++) {
            if (domain.window(slot) != null) {
                domain.window(slot).save(out);
            }
        }
    }

    @Override
    public Domain loadDomain(int number, SnapshotReader in) {
        Domain domain = new Domain(number, in.getIndex(MAX_ENDPOINTS, "PE"));
        if (!endpoints.get(domain.pe())) {
            throw in.invalid("PE " + domain.pe() + " of a domain, which is not in use");
        }
        int bound = in.getCount(DomainWindows.SLOTS);
        for (int each = 0; each < bound; each++) {
            Window window = Window.load(in);
            domain.window(DmaWindow.slotOf(window.base()), window);
        }
        return domain;
    }

    @Override
    public void saveDevice(Domain domain, Integer requester, SnapshotWriter out) {
        // A device has no state besides its requester id.
    }

    @Override
    public Integer loadDevice(Domain domain, int requester, SnapshotReader in) {
        if (requester >= REQUESTERS) {
            throw in.invalid("requester " + requester);
        }
        return requester;
    }
}
