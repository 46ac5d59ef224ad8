package org.iommu4j.core;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.CStruct;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
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
 */
final class CoreContainer implements Container {
    private static final long BLOCKED = -1;
    private static final String HOSTS_PAGE = "the page is the host's: no table of a guest is there";

    private final CoreUnit unit;
    private final Gate<Chip> gate;
    private final ContainerConfig config;
    private final ParkingBound parking;
    private final AtomicBoolean closing = new AtomicBoolean();
    private final RequestCounters counters = new RequestCounters();

    /** Requests that never came through the gate; guarded by itself. */
    private final RequestCounters turnedAway = new RequestCounters();

    private final Completion finished = new Completion();
    private final BindLog binds = new BindLog();
    private final Map<Integer, Attachment> attachments = new LinkedHashMap<>();
    private volatile List<Integer> devices = List.of();
    private volatile Agreement agreement;
    private volatile Session session;
    private int id = -1;
    private int agreedSubVersion;

    /** A device's host table. */
    record Attachment(long table, int levels) {}

    /** A container that has no number yet. */
    CoreContainer(CoreUnit unit, Gate<Chip> gate, ContainerConfig config) {
        this.unit = unit;
        this.gate = gate;
        this.config = config;
        this.parking = new ParkingBound(config.maxParked());
    }

    /** Inside the gate: the container has become a domain. */
    void opened(int domain, Session first) {
        id = domain;
        agreedSubVersion = first.agreement().clientSubVersion();
        become(first);
    }

    /** Inside the gate, or while it is held: from now on requests go by this session. */
    void become(Session next) {
        agreement = next.agreement();
        session = next;
    }

    /** While the gate is held: lets go of what belongs to a backend. */
    void forgetBackend() {
        if (session != null && !session.isStale()) {
            session = null;
        }
    }

    /** What the client can be offered after a swap: the generation that it encodes, no other. */
    Offer renewedOffer() {
        Offer offer = config.offer();
        return new Offer(offer.model(), agreedSubVersion, agreedSubVersion, offer.required());
    }

    /** How the client speaks. */
    ContainerConfig config() {
        return config;
    }

    /** The session; null while no backend serves. */
    Session session() {
        return session;
    }

    /** True once the client has closed it. */
    boolean isClosing() {
        return closing.get();
    }

    /** What is attached, in order. */
    Map<Integer, Attachment> attachments() {
        return attachments;
    }

    /** What is bound, in order. */
    BindLog binds() {
        return binds;
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
        completion.begin();
        Verdict verdict = gate.run(
                chip -> attachInside(chip.translator(), requester, table, levels, completion),
                config.waitNanos(),
                parking,
                1);
        return answer(verdict, completion);
    }

    private void attachInside(Translator translator, int requester, long table, int levels, Completion completion) {
        Session current = session;
        if (current.refuses()) {
            current.refuse(completion);
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
        if (table != BLOCKED && unit.isHosts(table)) {
            completion.refuse(null, Errno.EPERM, "table", -1, table, HOSTS_PAGE);
            return;
        }
        try {
            settle(translator.attach(id, requester, table, levels, completion), completion);
            failIfGivenUp(current, completion);
        } catch (RuntimeException | Error e) {
            contain(e, completion);
        }
        if (completion.errno() == Errno.OK) {
            attachments.put(requester, new Attachment(table, levels));
            devices = List.copyOf(attachments.keySet());
        }
    }

    @Override
    public int detach(int requester, Completion completion) {
        completion.begin();
        Verdict verdict = gate.run(
                chip -> detachInside(chip.translator(), requester, completion), config.waitNanos(), parking, 1);
        return answer(verdict, completion);
    }

    private void detachInside(Translator translator, int requester, Completion completion) {
        Session current = session;
        if (closing.get()) {
            completion.fail(Errno.ESTALE, "the container is closed");
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
        try {
            settle(translator.detach(id, requester, completion), completion);
            failIfGivenUp(current, completion);
        } catch (RuntimeException | Error e) {
            contain(e, completion);
        }
        if (completion.errno() == Errno.OK) {
            attachments.remove(requester);
            devices = List.copyOf(attachments.keySet());
            binds.forget(requester);
        }
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
        if (route != null) {
            try {
                return execute(route.target.translator(), image, request, bytes, offset, readable, completion);
            } finally {
                route.leave();
            }
        }
        return ioctlPatiently(image, request, bytes, offset, readable, completion);
    }

    private int ioctlPatiently(Abi image, long request, byte[] bytes, int offset, int readable, Completion completion) {
        Verdict verdict = gate.run(
                chip -> execute(chip.translator(), image, request, bytes, offset, readable, completion),
                config.waitNanos(),
                parking,
                1);
        if (verdict == Verdict.RAN) {
            return completion.errno().code();
        }
        answer(verdict, completion.begin());
        countTurnedAway(completion);
        return completion.errno().code();
    }

    private int execute(
            Translator translator,
            Abi image,
            long request,
            byte[] bytes,
            int offset,
            int readable,
            Completion completion) {
        Session current = session;
        RequestReader reader = current.reader(image);
        completion.begin();
        int operation = read(current, reader, request, bytes, offset, readable, completion);
        if (operation == Uapi.INVAL_IOTLB) {
            if (invalidate(translator, current, reader, completion) == 0) {
                finish(translator, completion);
            }
        } else if (operation > 0) {
            bind(translator, current, reader, completion);
        }
        counters.count(completion);
        return completion.errno().code();
    }

    @Override
    public int submit(RequestBatch batch) {
        Route<Chip> route = gate.enter();
        if (route != null) {
            try {
                return execute(route.target.translator(), batch);
            } finally {
                route.leave();
            }
        }
        return submitPatiently(batch);
    }

    private int submitPatiently(RequestBatch batch) {
        int[] done = new int[1];
        Verdict verdict = gate.run(
                chip -> done[0] = execute(chip.translator(), batch), config.waitNanos(), parking, batch.count());
        if (verdict != Verdict.RAN) {
            for (int i = 0; i < batch.count(); i++) {
                answer(verdict, batch.completion(i).begin());
                countTurnedAway(batch.completion(i));
            }
        }
        return done[0];
    }

    private int execute(Translator translator, RequestBatch batch) {
        Session current = session;
        RequestReader reader = current.reader(config.abi());
        int count = batch.count();
        int done = 0;
        int unfinished = 0;
        int exact = 0;
        boolean written = false;
        for (int i = 0; i < count; i++) {
            Completion completion = batch.completion(i).begin();
            int operation = read(
                    current,
                    reader,
                    Uapi.VFIO_IOMMU_OP,
                    batch.bytes(i),
                    batch.offset(i),
                    batch.readable(i),
                    completion);
            if (operation == Uapi.INVAL_IOTLB) {
                if (invalidate(translator, current, reader, completion) == 0) {
                    written = true;
                    exact += completion.fidelity() == Fidelity.EXACT ? 1 : 0;
                }
            } else if (operation > 0) {
                // A bind is done when it returns, so that what was asked before it has to be done before.
                done += finish(translator, batch, unfinished, i, exact, written);
                bind(translator, current, reader, completion);
                counters.count(completion);
                done += completion.errno() == Errno.OK ? 1 : 0;
                unfinished = i + 1;
                exact = 0;
                written = false;
            }
        }
        return done + finish(translator, batch, unfinished, count, exact, written);
    }

    /**
     * Completes and counts the requests of a batch from one index to another; returns how many were carried out.
     *
     * @param exact how many of them were written to be carried out exactly
     * @param written true if any were written
     */
    private int finish(Translator translator, RequestBatch batch, int from, int to, int exact, boolean written) {
        finished.begin();
        if (written) {
            finish(translator, finished);
        }
        boolean failed = finished.errno() != Errno.OK;
        if (!failed && exact == to - from) {
            counters.countExact(exact);
            return exact;
        }
        return complete(batch, from, to, failed);
    }

    /** As {@link #finish}, when the answers differ or a failure has to be told to each request that it hit. */
    private int complete(RequestBatch batch, int from, int to, boolean failed) {
        int exact = 0;
        int widened = 0;
        for (int i = from; i < to; i++) {
            Completion completion = batch.completion(i);
            if (failed && completion.errno() == Errno.OK) {
                completion.copy(finished);
            }
            if (completion.errno() == Errno.OK && completion.fidelity() == Fidelity.EXACT) {
                exact++;
            } else {
                counters.count(completion);
                widened += completion.errno() == Errno.OK ? 1 : 0;
            }
        }
        counters.countExact(exact);
        return exact + widened;
    }

    private static int read(
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
        try {
            int operation = reader.read(request, bytes, offset, readable, completion);
            return operation > 0 ? operation : settle(operation == 0 ? -1 : operation, completion);
        } catch (RuntimeException | Error e) {
            return contain(e, completion);
        }
    }

    private int invalidate(Translator translator, Session current, RequestReader reader, Completion completion) {
        try {
            int code = current.rewrite(reader.invalidate(), completion);
            if (code == 0) {
                code = translator.invalidate(id, reader.invalidate(), completion);
            }
            return settle(code, completion) == 0 ? 0 : located(Uapi.TLB_INVALIDATE, reader, completion);
        } catch (RuntimeException | Error e) {
            return contain(e, completion);
        }
    }

    private static int finish(Translator translator, Completion completion) {
        try {
            return settle(translator.finish(completion), completion);
        } catch (RuntimeException | Error e) {
            return contain(e, completion);
        }
    }

    private int bind(Translator translator, Session current, RequestReader reader, Completion completion) {
        try {
            BindRequest request = reader.bind();
            if (!request.unbinds() && !binds.hasRoom()) {
                return completion.fail(Errno.ENOSPC, "the container has " + BindLog.MOST + " bindings");
            }
            int code = current.rewrite(request, completion);
            BindFormat format = current.bindFormat(request.operation(), request.subVersion());
            if (code == 0) {
                code = checkTable(format, request, completion);
            }
            if (code == 0) {
                code = translator.bind(id, request, completion);
            }
            settle(code, completion);
            failIfGivenUp(current, completion);
            if (completion.errno() == Errno.OK) {
                binds.note(request, format);
                return 0;
            }
            return located(Uapi.BIND_HEADER, reader, completion);
        } catch (RuntimeException | Error e) {
            return contain(e, completion);
        }
    }

    /** A table of a guest is in no page of the host, whatever the backend would take. */
    private int checkTable(BindFormat format, BindRequest request, Completion completion) {
        BitField table = format == null || request.unbinds() ? null : format.table();
        if (table == null) {
            return 0;
        }
        long address = table.get(format.layout().word(request.payload(), request.payloadOffset(), table.word()));
        return unit.isHosts(address)
                ? completion.refuse(Rule.V36, table.name(), format.layout().byteOffset(table), address, HOSTS_PAGE)
                : 0;
    }

    /** Makes code and completion agree, whatever foreign code said: in doubt the request failed. */
    static int settle(int code, Completion completion) {
        if (completion.errno() != Errno.OK) {
            return completion.errno().code();
        }
        if (code == 0) {
            if (completion.handled() == 0) {
                completion.done(Fidelity.EXACT);
            }
            return 0;
        }
        return failed(code, completion);
    }

    private static int failed(int code, Completion completion) {
        for (Errno errno : Errno.values()) {
            if (errno != Errno.OK && errno.code() == code) {
                return completion.fail(errno, "");
            }
        }
        return completion.fail(Errno.EIO, "the backend answered " + code);
    }

    /**
     * A call that came back after its backend was given up with the call inside must not touch the books: another backend
     * goes by them now.
     */
    private void failIfGivenUp(Session current, Completion completion) {
        if (session != current) {
            completion.fail(Errno.EIO, "the backend was given up while the call was inside");
        }
    }

    /** Says where the offending field is: who refuses below the core knows its name, but not the request's image. */
    private static int located(CStruct structure, RequestReader reader, Completion completion) {
        if (completion.rule() != null && completion.offset() < 0) {
            for (CStruct.Field field : structure.fields()) {
                if (field.name().equals(completion.field())) {
                    return completion.refuse(
                            completion.rule(),
                            completion.errno(),
                            completion.field(),
                            field.argumentOffset(reader.terms().abi()),
                            completion.value(),
                            completion.reason());
                }
            }
        }
        return completion.errno().code();
    }

    private static int contain(Throwable thrown, Completion completion) {
        return completion.fail(Errno.EIO, "the backend failed: " + Reasons.of(thrown));
    }

    private static int answer(Verdict verdict, Completion completion) {
        return verdict == Verdict.RAN ? completion.errno().code() : completion.fail(verdict.errno(), verdict.reason());
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
        if (closing.compareAndSet(false, true)) {
            // Without a backend there is nothing to wait for: the next one finds the container closed.
            gate.run(this::closeInside, gate.isAbsent() ? 0 : config.waitNanos(), null, 0);
        }
    }

    private void closeInside(Chip chip) {
        Session current = session;
        boolean gone;
        try {
            gone = settle(chip.translator().closeDomain(id, finished.begin()), finished) == 0;
        } catch (RuntimeException | Error e) {
            // The number stays taken: what the backend still holds under it must not become another client's.
            gone = false;
        }
        if (session == current) {
            closed(gone);
        }
    }

    /** Inside the gate, or while it is held: the domain is closed, and its number is free unless that failed. */
    void closed(boolean numberIsFree) {
        become(Session.stale(agreement, "the container is closed"));
        attachments.clear();
        devices = List.of();
        unit.closed(this, numberIsFree);
    }

    @Override
    public String toString() {
        return "unit " + unit.id() + " container " + id;
    }
}
