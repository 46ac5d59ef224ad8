package org.iommu4j.core.containers;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.backends.Contained;
import org.iommu4j.core.gate.Gate;
import org.iommu4j.core.gate.ParkingBound;
import org.iommu4j.core.gate.Route;
import org.iommu4j.core.gate.Verdict;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.ContainerCounters;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.layout.BitField;

/**
 * A client's domain. Everything that is not final is touched inside the unit's gate, or while the gate is held and quiet;
 * what is read outside is volatile.
 *
 * <p>The class is long because a request's way, from its bytes to the answer, stays in one class: it is the hot path, alone,
 * in a batch and in pieces, and the three share their steps.
 */
public final class CoreContainer implements Container {
    private static final long BLOCKED = -1;
    private static final String KEPT_PAGE = "the page is the host's: no table of a guest is there";

    private static final String GUEST_HELD = "the backend of the virtual IOMMU leaves: send the request again";

    /** Requests of a batch after which other calls that wait may come in. */
    private static final int PIECE = 64;

    /** The reason that a call is given which was inside when its backend was given up. */
    static final String GIVEN_UP = "the backend was given up while the call was inside";

    private final CoreUnit unit;
    private final Gate<Chip> gate;
    private final ContainerConfig config;
    private final ParkingBound parking;
    private final RequestCounters counters = new RequestCounters();

    /** Requests that never came through the gate, or never came out of it in time; guarded by itself. */
    private final RequestCounters turnedAway = new RequestCounters();

    private final BindLog binds = new BindLog();
    private final MemoryMap memory = new MemoryMap();
    private final MemoryRequests memoryRequests;
    private final Map<Integer, Attachment> attachments = new LinkedHashMap<>();
    private volatile List<Integer> devices = List.of();
    private volatile Agreement agreement;
    private volatile Session session;

    /** True once the client has closed it: the session refuses everything, for good. */
    private volatile boolean closing;

    /** True once the domain is gone; its number may be another container's then. */
    private volatile boolean ended;

    /** Why the chip did not close the domain; empty if it did, or has not been asked yet. */
    private volatile String unclosed = "";

    private final Container clientView;
    private int id = -1;
    private int agreedSubVersion;

    /** The capabilities that were chosen when the first device was attached; null before. */
    private volatile Set<String> features;

    /** A device's host table. */
    public record Attachment(long table, int levels) {}

    /** A container that has no number yet. */
    CoreContainer(CoreUnit unit, Gate<Chip> gate, ContainerConfig config) {
        this.unit = unit;
        this.gate = gate;
        this.config = config;
        this.parking = new ParkingBound(config.maxParked());
        this.memoryRequests = new MemoryRequests(this, unit, gate, memory);
        this.clientView = config.bounded() ? new BoundedContainer(this) : this;
    }

    /** Inside the gate: the container has become a domain. */
    void opened(int domain, Session first) {
        id = domain;
        agreedSubVersion = first.agreement().clientSubVersion();
        become(first);
    }

    /** From now on requests go by this session; unless the client has closed the container, which is for good. */
    public synchronized void become(Session next) {
        if (!closing) {
            agreement = next.agreement();
            session = next;
        }
    }

    /** While the gate is held: lets go of what belongs to a backend. */
    public synchronized void forgetBackend() {
        if (session != null && !session.isStale()) {
            session = null;
        }
    }

    /**
     * The client's offer after a swap: the generation that it encodes, no other. From the first attached device on, all that was
     * chosen then is required.
     */
    public Offer renewedOffer() {
        Offer offer = config.offer();
        Set<String> chosen = features;
        return chosen == null
                ? offer.narrowed(agreedSubVersion, offer.required()).withOptional(offer.optional())
                : offer.narrowed(agreedSubVersion, chosen);
    }

    /** The container as its client sees it: this one, or one in front that bounds the time of calls. */
    Container clientView() {
        return clientView;
    }

    /** The client's image, offer and limits. */
    public ContainerConfig config() {
        return config;
    }

    /** The session; null while no backend serves. */
    public Session session() {
        return session;
    }

    /** True once the client has closed it: it refuses everything. */
    public boolean isClosing() {
        return closing;
    }

    /** The virtual IOMMU that the caller is inside; null if there is none. */
    CoreGuest guestOfCaller() {
        return unit.guestOfCaller();
    }

    /** Blocks the devices of the container, whatever the chip would allow. */
    public void blockDevices() {
        unit.block(devices);
    }

    /** The attached devices, in order. */
    public Map<Integer, Attachment> attachments() {
        return attachments;
    }

    /** The binds that are in force, in order. */
    public BindLog binds() {
        return binds;
    }

    /** The book of its memory. */
    public MemoryMap memory() {
        return memory;
    }

    /** True if a device translates, or would, through a table that a client named. */
    boolean hasTables() {
        return !binds.isEmpty() || attachments.values().stream().anyMatch(attachment -> attachment.table() != BLOCKED);
    }

    @Override
    public List<Mapping> memoryMap() {
        return memory.mappings();
    }

    @Override
    public int id() {
        return id;
    }

    @Override
    public Agreement agreement() {
        return agreement;
    }

    @Override
    public List<Integer> devices() {
        return devices;
    }

    @Override
    public int attach(int requester, Completion completion) {
        return attach(requester, BLOCKED, 0, completion);
    }

    @Override
    public int attach(int requester, long table, int levels, Completion completion) {
        return patiently(chip -> attachInside(chip, requester, table, levels, completion), completion);
    }

    private void attachInside(Chip chip, int requester, long table, int levels, Completion completion) {
        Session current = session;
        if (current == null || current.refuses()) {
            refuse(current, completion);
            return;
        }
        CoreContainer owner = unit.ownerOf(requester);
        if (owner != null) {
            completion.refuse(
                    null,
                    owner == this ? Errno.EEXIST : Errno.EBUSY,
                    "requester",
                    -1,
                    Integer.toUnsignedLong(requester),
                    "the device is in container " + owner.id);
            return;
        }
        if (table != BLOCKED && unit.isKept(table)) {
            completion.refuse(null, Errno.EPERM, "table", -1, table, KEPT_PAGE);
            return;
        }
        if (table != BLOCKED && memory.isBegun()) {
            completion.refuse(Errno.EBUSY, "table", table, "the container has a memory map, which is its table");
            return;
        }
        CoreGuest guest = unit.guestOfCaller();
        unit.events().learnDevices(chip.backend());
        if (chip.translator().attach(id, requester, table, levels, completion) == 0) {
            book(chip, completion, () -> {
                attachments.put(requester, new Attachment(table, levels));
                unit.events().attached(requester, guest);
                if (features == null) {
                    features = current.agreement().features();
                }
                devices = List.copyOf(attachments.keySet());
                unit.letThrough(requester);
            });
        }
    }

    @Override
    public int detach(int requester, Completion completion) {
        return patiently(chip -> detachInside(chip, requester, completion), completion);
    }

    private void detachInside(Chip chip, int requester, Completion completion) {
        if (closing) {
            session.refuse(completion);
            return;
        }
        if (!attachments.containsKey(requester)) {
            completion.refuse(
                    null,
                    Errno.ENODEV,
                    "requester",
                    -1,
                    Integer.toUnsignedLong(requester),
                    "the device is not in container " + id);
            return;
        }
        if (chip.translator().detach(id, requester, completion) == 0) {
            book(chip, completion, () -> {
                attachments.remove(requester);
                unit.events().detached(requester);
                devices = List.copyOf(attachments.keySet());
                binds.forget(requester);
            });
        }
    }

    /** Notes a change, unless the chip was given up and another backend was made from the notes meanwhile. */
    private static void book(Chip chip, Completion completion, Runnable change) {
        chip.book(change);
        failIfGivenUp(chip, completion);
    }

    /** Fails a call that came out of a chip which was given up meanwhile: nobody knows what it did. */
    private static void failIfGivenUp(Chip chip, Completion completion) {
        if (chip.isGivenUp()) {
            chip.cameOut();
            completion.fail(Errno.EIO, GIVEN_UP);
        }
    }

    /** Carries out an attachment or a detachment, which the counters of requests leave out. */
    private int patiently(Gate.Operation<Chip> operation, Completion completion) {
        completion.begin();
        if (closing) {
            return session.refuse(completion);
        }
        unit.standAside();
        return answer(gate.run(operation, config.waitNanos(), parking, 1), completion);
    }

    @Override
    public int takePageRequests(List<PageRequest> taken, Completion completion) {
        List<PageRequest> found = new ArrayList<>();
        int code = patiently(chip -> chip.translator().takePageRequests(id, found, completion), completion);
        taken.addAll(found);
        return code;
    }

    @Override
    public int respond(PageRequest last, PageResponse response, Completion completion) {
        return patiently(chip -> chip.translator().respond(id, last, response, completion), completion);
    }

    @Override
    public int ioctl(long request, byte[] bytes, int offset, int readable, Completion completion) {
        return ioctl(config.abi(), request, bytes, offset, readable, completion);
    }

    @Override
    public int ioctl(Abi image, long request, byte[] bytes, int offset, int readable, Completion completion) {
        if (image == null) {
            return completion.begin().fail(Errno.EINVAL, "the request has no image");
        }
        // Nothing is written before the gate: its barrier would wait for it.
        Route<Chip> route = gate.enter();
        long progress = 0;
        if (route != null) {
            try {
                progress = execute(route.target, image, request, bytes, offset, readable, 0, completion);
            } finally {
                gate.leave(route);
            }
            if (progress <= 0) {
                return (int) progress;
            }
        }
        return ioctlPatiently(image, request, bytes, offset, readable, progress, completion);
    }

    private int ioctlPatiently(
            Abi image, long request, byte[] bytes, int offset, int readable, long begun, Completion completion) {
        RequestPosition position = new RequestPosition();
        position.progress = begun;
        do {
            if (closing) {
                session.refuse(completion.begin());
                abandonMap(request, position.progress);
                countTurnedAway(completion);
                return completion.errno().code();
            }
            if (unit.standAside() && position.progress > 0) {
                // The rest of the guest's command is code of the backend that goes, and in no saved state.
                completion.begin().fail(Errno.EBUSY, GUEST_HELD);
                abandonMap(request, position.progress);
                countTurnedAway(completion);
                return completion.errno().code();
            }
            // A request that has begun is in the line already, as far as the client's bound goes.
            Verdict verdict = gate.run(
                    chip -> position.progress =
                            execute(chip, image, request, bytes, offset, readable, position.progress, completion),
                    config.waitNanos(),
                    position.progress == 0 ? parking : null,
                    1);
            if (verdict != Verdict.RAN) {
                answer(verdict, completion.begin());
                abandonMap(request, position.progress);
                countTurnedAway(completion);
                return completion.errno().code();
            }
        } while (position.progress > 0);
        return completion.errno().code();
    }

    /** A request does not go on. If it was a map, what it has mapped is taken back, a part of it before each call that gets to the chip. */
    private void abandonMap(long request, long progress) {
        if (progress > 0 && changesMap(request)) {
            gate.post(this::abandonMapInside);
        }
    }

    /** True if a request whose number is known is a map or an unmap. */
    private static boolean changesMap(long request) {
        return request != Uapi.VFIO_IOMMU_OP && request != Uapi.VFIO_IOMMU_OP_POWERPC;
    }

    private void abandonMapInside(Chip chip) {
        if (!ended) {
            memoryRequests.abandon(chip);
        }
    }

    /** True if the domain is in a chip, and a driver is there for it. */
    boolean isServedBy(Chip chip) {
        return !ended && chip.translator() != null;
    }

    /**
     * One stay of a request.
     *
     * @param progress where it goes on; 0 if it begins
     * @return 0 or a negative errno; positive if it goes on from there in another stay, because others wait
     */
    private long execute(
            Chip chip,
            Abi image,
            long request,
            byte[] bytes,
            int offset,
            int readable,
            long progress,
            Completion completion) {
        Session current = session;
        String widened = progress > 0 && completion.fidelity() == Fidelity.WIDENED ? completion.reason() : null;
        completion.begin();
        if (current == null) {
            return completion.fail(Errno.EIO, GIVEN_UP);
        }
        if (progress > 0 && changesMap(request)) {
            return changeMap(chip, image, bytes, offset, goOnWithMap(chip, current, completion), completion);
        }
        RequestReader reader = current.reader(image);
        int operation = read(chip, current, reader, request, bytes, offset, readable, completion);
        if (operation > Uapi.FLAG_MASK) {
            int outcome = memoryRequests.begin(chip, operation, reader, completion);
            return changeMap(chip, image, bytes, offset, outcome, completion);
        }
        if (operation < 0 && changesMap(request)) {
            memoryRequests.refused(chip, request, completion);
        }
        if (operation == Uapi.INVAL_IOTLB) {
            if (widened != null) {
                completion.widened(widened);
            }
            long outcome = invalidate(chip, current, reader, progress, completion);
            if (outcome >= 0 && chip.translator().finish(completion) == 0 && outcome > 0 && !chip.isGivenUp()) {
                return outcome;
            }
        } else if (operation > 0) {
            bind(chip, current, reader, completion);
        }
        return answered(chip, completion);
    }

    /** A request has been answered, unless the chip was given up while it was inside. */
    private int answered(Chip chip, Completion completion) {
        failIfGivenUp(chip, completion);
        count(chip, completion);
        return completion.errno().code();
    }

    /** The next stay of a map or an unmap. The client's bytes count as they were in the first. */
    private int goOnWithMap(Chip chip, Session current, Completion completion) {
        if (!current.refuses()) {
            return memoryRequests.goOn(chip, completion);
        }
        memoryRequests.abandon(chip);
        return current.refuse(completion);
    }

    /**
     * The end of a stay of a map or an unmap.
     *
     * @param outcome 0, a negative errno, or positive if it goes on in another stay
     * @return the same
     */
    private long changeMap(Chip chip, Abi image, byte[] bytes, int offset, int outcome, Completion completion) {
        if (chip.isGivenUp()) {
            gate.post(this::abandonMapInside);
        } else if (outcome > 0) {
            return outcome;
        } else if (outcome == 0) {
            memoryRequests.finish(chip, image, bytes, offset);
        }
        return answered(chip, completion);
    }

    @Override
    public int submit(RequestBatch batch) {
        Route<Chip> route = gate.enter();
        RequestPosition position;
        if (route != null) {
            try {
                Session current = session;
                position = current == null
                        ? new RequestPosition()
                        : current.position().begin();
                execute(route.target, current, batch, position);
                if (position.next == batch.count()) {
                    return position.done;
                }
                position = position.copy();
            } finally {
                gate.leave(route);
            }
        } else {
            position = new RequestPosition();
        }
        return submitPatiently(batch, position);
    }

    private int submitPatiently(RequestBatch batch, RequestPosition position) {
        while (position.next < batch.count()) {
            if (closing) {
                Completion refusal = new Completion();
                session.refuse(refusal);
                turnAway(batch, position, refusal);
                return position.done;
            }
            boolean begun = position.next > 0 || position.progress > 0;
            unit.standAside();
            Verdict verdict = gate.run(
                    chip -> execute(chip, session, batch, position),
                    config.waitNanos(),
                    begun ? null : parking,
                    batch.count());
            if (verdict != Verdict.RAN) {
                Completion refusal = new Completion();
                answer(verdict, refusal);
                turnAway(batch, position, refusal);
            }
        }
        return position.done;
    }

    private void turnAway(RequestBatch batch, RequestPosition position, Completion refusal) {
        for (; position.next < batch.count(); position.next++) {
            batch.completion(position.next).copy(refusal);
            countTurnedAway(refusal);
        }
    }

    /** Carries out the rest of a batch, or, if others wait, at least {@link #PIECE} requests of it. */
    private void execute(Chip chip, Session current, RequestBatch batch, RequestPosition position) {
        int count = batch.count();
        int first = position.next;
        int unfinished = first;
        int exact = 0;
        boolean written = false;
        int i = first;
        for (; i < count && current != null && !chip.isGivenUp(); i++) {
            if (i - first >= PIECE && gate.isWanted()) {
                break;
            }
            RequestReader reader = current.reader(config.abi());
            Completion completion = batch.completion(i).begin();
            int operation = read(
                    chip,
                    current,
                    reader,
                    Uapi.VFIO_IOMMU_OP,
                    batch.bytes(i),
                    batch.offset(i),
                    batch.readable(i),
                    completion);
            if (operation == Uapi.INVAL_IOTLB) {
                long outcome = invalidate(chip, current, reader, position.progress, completion);
                position.progress = 0;
                if (outcome > 0) {
                    // The piece of the request is completed by itself, so that a failure is of this request alone.
                    position.done += finish(chip, current, batch, unfinished, i, exact, written);
                    position.next = i;
                    if (chip.translator().finish(completion) == 0) {
                        position.progress = outcome;
                    } else {
                        count(chip, completion);
                        position.next++;
                    }
                    return;
                }
                if (outcome == 0) {
                    written = true;
                    exact += completion.fidelity() == Fidelity.EXACT ? 1 : 0;
                }
            } else if (operation > 0) {
                // A bind is done when it returns, so that what was asked before it has to be done before.
                position.done += finish(chip, current, batch, unfinished, i, exact, written);
                bind(chip, current, reader, completion);
                count(chip, completion);
                position.done += completion.errno() == Errno.OK ? 1 : 0;
                unfinished = i + 1;
                exact = 0;
                written = false;
            }
        }
        position.next = i;
        if (current == null) {
            Completion refusal = new Completion();
            refusal.fail(Errno.EIO, GIVEN_UP);
            turnAway(batch, position, refusal);
            return;
        }
        position.done += finish(chip, current, batch, unfinished, i, exact, written);
    }

    /**
     * Completes and counts the requests of a batch from one index to another; returns how many were carried out.
     *
     * @param exact how many of them were written to be carried out exactly
     * @param written true if any were written
     */
    private int finish(Chip chip, Session current, RequestBatch batch, int from, int to, int exact, boolean written) {
        Completion finished = current.finished().begin();
        if (written) {
            chip.translator().finish(finished);
        }
        failIfGivenUp(chip, finished);
        boolean failed = finished.errno() != Errno.OK;
        if (!failed && finished.fidelity() == Fidelity.EXACT && exact == to - from) {
            counters.countExact(exact);
            return exact;
        }
        return complete(chip, batch, from, to, finished);
    }

    /** As {@link #finish}, when the answers differ, or what the wait said has to be told to each request that it hit. */
    private int complete(Chip chip, RequestBatch batch, int from, int to, Completion finished) {
        int done = 0;
        for (int i = from; i < to; i++) {
            Completion completion = batch.completion(i);
            if (completion.errno() == Errno.OK && finished.errno() != Errno.OK) {
                completion.copy(finished);
            } else if (completion.errno() == Errno.OK && finished.fidelity() == Fidelity.WIDENED) {
                completion.widened(finished.reason());
            }
            count(chip, completion);
            done += completion.errno() == Errno.OK ? 1 : 0;
        }
        return done;
    }

    private int read(
            Chip chip,
            Session current,
            RequestReader reader,
            long request,
            byte[] bytes,
            int offset,
            int readable,
            Completion completion) {
        if (current.refuses()) {
            return current.refuse(completion);
        }
        if (bytes == null || (offset | readable) < 0 || readable > bytes.length - offset) {
            return completion.refuse(Rule.V2, "argsz", 0, readable, "the argument is not in the caller's memory");
        }
        return Contained.read(reader, chip.backend(), request, bytes, offset, readable, completion);
    }

    /**
     * Carries an invalidation out, or as much of it as fits in while nobody waits.
     *
     * @return 0 or a negative errno; positive if it has come that far and others wait
     */
    private long invalidate(Chip chip, Session current, RequestReader reader, long progress, Completion completion) {
        InvalidateRequest request = reader.invalidate();
        int code = current.rewrite(request, completion);
        if (code == 0) {
            request.progress(progress);
            code = chip.translator().invalidate(id, request, completion);
            long done = progress;
            while (code == Translator.UNFINISHED) {
                long further = request.progress();
                if (further <= done) {
                    code = completion.fail(Errno.EIO, "the backend does not come any further with the request");
                } else if (gate.isWanted() || chip.isGivenUp() || unit.isGuestHeldByCaller()) {
                    return further;
                } else {
                    done = further;
                    code = chip.translator().invalidate(id, request, completion);
                }
            }
        }
        return code;
    }

    /**
     * Refuses a bind whose table is in a page that is kept from guests, or not in the memory of the container, whatever the backend would
     * accept. A zero may say that there is no table.
     */
    private int checkTable(BindFormat format, BindRequest request, Completion completion) {
        BitField table = format == null || request.unbinds() ? null : format.table();
        if (table == null) {
            return 0;
        }
        long address = table.get(format.layout().word(request.payload(), request.payloadOffset(), table.word()));
        if (memory.isBegun()) {
            return address == 0 || memory.at(address) != null
                    ? 0
                    : completion.refuse(
                            Rule.V50, table.name(), format.layout().byteOffset(table), address, Rule.V50.text());
        }
        return unit.isKept(address)
                ? completion.refuse(Rule.V36, table.name(), format.layout().byteOffset(table), address, KEPT_PAGE)
                : 0;
    }

    private void bind(Chip chip, Session current, RequestReader reader, Completion completion) {
        BindRequest request = reader.bind();
        if (!request.unbinds() && !binds.hasRoom()) {
            completion.fail(Errno.ENOSPC, "the container has " + BindLog.MOST + " bindings");
            return;
        }
        int code = current.rewrite(request, completion);
        BindFormat format = current.bindFormat(request.operation(), request.subVersion());
        if (code == 0) {
            code = checkTable(format, request, completion);
        }
        if (code == 0) {
            code = chip.translator().bind(id, request, completion);
        }
        if (code == 0) {
            book(chip, completion, () -> {
                binds.note(request, format);
                takeTableAway(request, format);
            });
        }
    }

    /** A bind that takes the place of the table with which its device was attached: that table does not come back with an unbind. */
    private void takeTableAway(BindRequest request, BindFormat format) {
        long requester = BindTarget.of(request, format).requester();
        if (requester != BindTarget.NONE && (format.replaces() & BindFormat.ATTACHED_TABLE) != 0) {
            attachments.computeIfPresent((int) requester, (device, before) -> new Attachment(BLOCKED, 0));
        }
    }

    private static int answer(Verdict verdict, Completion completion) {
        return verdict == Verdict.RAN ? completion.errno().code() : completion.fail(verdict.errno(), verdict.reason());
    }

    private static void refuse(Session current, Completion completion) {
        if (current == null) {
            completion.fail(Errno.EIO, GIVEN_UP);
        } else {
            current.refuse(completion);
        }
    }

    /** Counts a request. Inside the gate; a call that was left behind uses the counters that several threads may use. */
    private void count(Chip chip, Completion completion) {
        if (chip.isGivenUp()) {
            countTurnedAway(completion);
            return;
        }
        counters.count(completion);
        if (completion.errno() == Errno.EIO) {
            // The chip may have recorded why, and it is the guest's to know before it goes on.
            unit.collectEvents(chip);
        }
    }

    private void countTurnedAway(Completion completion) {
        synchronized (turnedAway) {
            turnedAway.count(completion);
        }
    }

    @Override
    public ContainerCounters counters() {
        long parked = gate.read(parking, ParkingBound::total);
        synchronized (turnedAway) {
            return RequestCounters.sum(counters, turnedAway, parked);
        }
    }

    @Override
    public void close() {
        close(new Completion());
    }

    @Override
    public int close(Completion completion) {
        completion.begin();
        refuseFromNowOn();
        if (!ended) {
            // The next call inside carries out what was posted, before its own work. Without a backend there is nothing
            // to wait for.
            unit.standAside();
            Verdict verdict = gate.run(chip -> {}, gate.isAbsent() ? 0 : config.waitNanos(), null, 0);
            if (!ended && verdict != Verdict.RAN && verdict != Verdict.CLOSED) {
                return completion.fail(
                        verdict.errno(), verdict.reason() + "; the next one who is inside closes the container");
            }
        }
        return unclosed.isEmpty() ? completion.done(Fidelity.EXACT) : completion.fail(Errno.EIO, unclosed);
    }

    /** Begins to close: requests are refused, devices are blocked, and the next call inside closes the domain. */
    void refuseFromNowOn() {
        if (beginClosing()) {
            gate.post(this::closeInside);
        }
    }

    private synchronized boolean beginClosing() {
        boolean begins = !closing;
        if (begins) {
            session = Session.stale(agreement, "the container is closed");
            closing = true;
            blockDevices();
        }
        return begins;
    }

    /** Closes the domain in the chip, unless that was done: its number may be another container's then. */
    private void closeInside(Chip chip) {
        if (ended || chip.translator() == null) {
            return;
        }
        Completion answer = new Completion();
        chip.translator().closeDomain(id, answer);
        chip.book(() -> end(answer));
    }

    /** True if a chip that was asked to close a domain has nothing left of it: also if it never had it. */
    public static boolean isGone(Completion answer) {
        return answer.errno() == Errno.OK || answer.errno() == Errno.ENOENT;
    }

    /**
     * Inside the gate, or while it is held: the container has no domain any more.
     *
     * @param answer of the chip to the closing. If it failed, the number stays taken and the devices blocked, since the chip
     *     may still hold something under it; a domain that it does not have is as good as closed
     */
    public synchronized void end(Completion answer) {
        if (ended) {
            return;
        }
        boolean gone = isGone(answer);
        List<Integer> left = devices;
        ended = true;
        unclosed = gone ? "" : "the chip did not close the domain: " + answer;
        attachments.clear();
        devices = List.of();
        unit.ended(this, gone, left);
    }

    @Override
    public String toString() {
        return "unit " + unit.id() + " container " + id;
    }
}
