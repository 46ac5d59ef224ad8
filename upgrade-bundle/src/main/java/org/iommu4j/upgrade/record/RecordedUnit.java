package org.iommu4j.upgrade.record;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.record.RecordLine.Caches;

/**
 * A unit as its clients have it while it is recorded: one call after the other, each with the native commands that the driver
 * writes for it and the cached entries that are gone after it. Memory that clients write is in the same order, so that a
 * player can bring the chip to see what it saw.
 *
 * <p>Nobody waits for a backend with the lock: while the unit waits, calls pass the lock by, and the unit itself puts them in
 * line and ends them at their limits. What such a call did is not known apart from what the others did.
 *
 * <p>The class is long because every call of {@link Unit} is recorded by the same steps, under one lock: taking its turn, the
 * call, a look at the caches, the lines of the record.
 */
final class RecordedUnit implements Unit {
    /** Longest wait in nanoseconds for a call that is inside; a chip that hangs ends the record, not its clients. */
    private static final long LOCK_NANOS = TimeUnit.SECONDS.toNanos(30);

    /** Longest wait in nanoseconds for the lock before the caller looks again whether the unit waits. */
    private static final long TURN_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    /** Longest wait in nanoseconds for a look at the caches, or for who is writing lines. */
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    /** Whether a call is recorded. */
    private enum Way {
        /** With the lock. */
        IN_ORDER,
        /** Recorded, without the lock, because the unit waits. */
        PASSING,
        /** Nothing is recorded any more. */
        UNRECORDED
    }

    private final Unit unit;
    private final int number;
    private final Recorder recorder;
    private final Platform platform;
    private final List<RecordedContainer> containers = new CopyOnWriteArrayList<>();

    /** One call at a time; what follows is guarded by it. */
    private final ReentrantLock lock = new ReentrantLock();

    private final CacheMirror mirror = new CacheMirror();
    private boolean mirrorIsOld = true;
    private int chips;

    /** {@link #passed} at the last look. */
    private long passedAtLook;

    private final AtomicInteger opened = new AtomicInteger();

    /** Calls that are passing the lock by. */
    private final AtomicInteger passing = new AtomicInteger();

    /** Beginnings and ends of calls that passed the lock by. */
    private final AtomicLong passed = new AtomicLong();

    /** Native commands of the call that is inside, guarded by itself: the core may carry it out in another thread. */
    private final List<String> commands = new ArrayList<>();

    private int characters;
    private volatile boolean collecting;
    private volatile NativeCommandListener clientTap;

    /** Records a unit under a number. */
    RecordedUnit(Unit unit, int number, Recorder recorder) {
        this.unit = unit;
        this.number = number;
        this.recorder = recorder;
        platform = new RecordedPlatform(unit.platform(), this);
        chips = unit.chips();
    }

    /** Begins to listen to the driver. */
    void listen() {
        unit.tap(this::command);
    }

    /** The record has ended: only the client listens to the driver. */
    void unlisten() {
        try {
            unit.tap(clientTap);
        } catch (BackendException e) {
            // A unit that is closed, or whose core has gone, has nobody to listen to.
            return;
        }
    }

    /** The unit's number in the record. */
    int number() {
        return number;
    }

    private void command(byte[] bytes) {
        if (collecting) {
            synchronized (commands) {
                commands.add(HexFormat.of().formatHex(bytes));
                characters += 2 * bytes.length;
                if (commands.size() == RecordLine.MAX_LIST || characters >= RecordLine.MAX_REQUEST) {
                    flushCommands();
                }
            }
        }
        NativeCommandListener listener = clientTap;
        if (listener != null) {
            listener.command(bytes);
        }
    }

    private void flushCommands() {
        if (!commands.isEmpty()) {
            recorder.write(new RecordLine.Commands(number, List.copyOf(commands)));
            commands.clear();
            characters = 0;
        }
    }

    /** Takes the lock, if the call goes that way. */
    private Way begin() {
        if (!recorder.isRecording()) {
            return Way.UNRECORDED;
        }
        long deadline = System.nanoTime() + LOCK_NANOS;
        try {
            while (!unit.waits()) {
                if (lock.tryLock(TURN_NANOS, TimeUnit.NANOSECONDS)) {
                    return Way.IN_ORDER;
                }
                if (System.nanoTime() - deadline > 0) {
                    recorder.fail("a call was inside unit " + number + " for "
                            + TimeUnit.NANOSECONDS.toSeconds(LOCK_NANOS) + " s");
                    return Way.UNRECORDED;
                }
            }
            return Way.PASSING;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            recorder.fail("a client of unit " + number + " was interrupted while it waited for the record");
            return Way.UNRECORDED;
        }
    }

    /**
     * Makes a call.
     *
     * @param lines its lines, none if it throws
     */
    private void through(Runnable call, Supplier<List<? extends RecordLine>> lines) {
        Way way = begin();
        if (way == Way.UNRECORDED) {
            call.run();
        } else if (way == Way.PASSING) {
            pass(call, lines);
        } else {
            try {
                call.run();
                noteSwap();
                recorder.write(lines.get());
            } finally {
                lock.unlock();
            }
        }
    }

    private void pass(Runnable call, Supplier<List<? extends RecordLine>> lines) {
        passing.incrementAndGet();
        passed.incrementAndGet();
        try {
            call.run();
        } finally {
            passed.incrementAndGet();
            passing.decrementAndGet();
        }
        // So that its lines do not come between those of a request that is being written.
        boolean ordered = lockForLines();
        try {
            if (ordered) {
                noteSwap();
            }
            recorder.write(lines.get());
        } finally {
            if (ordered) {
                lock.unlock();
            }
        }
    }

    private boolean lockForLines() {
        try {
            return lock.tryLock(LOOK_NANOS, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Makes a call whose line follows it; a call that throws has no line. */
    void inOrder(Runnable call, Supplier<RecordLine> line) {
        through(call, () -> {
            cachesChanged();
            return List.of(line.get());
        });
    }

    /** Writes memory. */
    void wrote(Runnable call, long pa, ByteBuffer bytes) {
        through(call, () -> {
            List<RecordLine> lines = new ArrayList<>();
            for (int at = 0; at < bytes.limit() - bytes.position(); at += RecordLine.MAX_MEMORY) {
                int length = Math.min(RecordLine.MAX_MEMORY, bytes.limit() - bytes.position() - at);
                int first = bytes.arrayOffset() + bytes.position() + at;
                lines.add(new RecordLine.Memory(
                        number, pa + at, HexFormat.of().formatHex(bytes.array(), first, first + length)));
            }
            return lines;
        });
    }

    /**
     * Makes a client's request.
     *
     * @param lines its lines, by whether its effect is known
     */
    void request(Runnable call, Function<Boolean, List<? extends RecordLine>> lines) {
        Way way = begin();
        if (way == Way.UNRECORDED) {
            call.run();
            return;
        }
        if (way == Way.PASSING) {
            pass(call, () -> counted(lines.apply(false)));
            return;
        }
        try {
            noteSwap();
            int before = chips;
            long passedBefore = passed.get();
            boolean known = passing.get() == 0 && look();
            collecting = true;
            try {
                call.run();
            } finally {
                collecting = false;
            }
            known &= unit.chips() == before;
            CacheMirror.Change effect = known ? change() : null;
            known &= effect != null && unit.chips() == before && passed.get() == passedBefore;
            synchronized (commands) {
                flushCommands();
            }
            if (known) {
                caches(Caches.What.DROP, effect.went());
            }
            recorder.write(counted(lines.apply(known)));
            if (effect != null) {
                if (!known) {
                    caches(Caches.What.GONE, effect.went());
                }
                caches(Caches.What.FILL, effect.came());
            }
            noteSwap();
        } finally {
            lock.unlock();
        }
    }

    /** The caches may hold something else now than at the last look. */
    private void cachesChanged() {
        if (lock.isHeldByCurrentThread()) {
            mirrorIsOld = true;
        }
    }

    private List<? extends RecordLine> counted(List<? extends RecordLine> lines) {
        recorder.count(lines.stream().filter(RecordLine.Ioctl.class::isInstance).count());
        return lines;
    }

    /** Brings the mirror to the present; false if nobody can be asked. */
    private boolean look() {
        if (!mirrorIsOld && passed.get() == passedAtLook) {
            return true;
        }
        CacheMirror.Change change = change();
        if (change == null) {
            return false;
        }
        caches(Caches.What.GONE, change.went());
        caches(Caches.What.FILL, change.came());
        return true;
    }

    /** Entries that came and went since the last look; null if no backend can be asked. */
    private CacheMirror.Change change() {
        mirrorIsOld = true;
        if (!recorder.isServed(model())) {
            return null;
        }
        passedAtLook = passed.get();
        try {
            CacheMirror.Change change = mirror.look(unit, LOOK_NANOS);
            mirrorIsOld = false;
            return change;
        } catch (BackendException e) {
            return null;
        }
    }

    private void caches(Caches.What what, Collection<CacheEntry> entries) {
        List<CacheEntry> some = new ArrayList<>();
        for (CacheEntry entry : entries) {
            some.add(entry);
            if (some.size() == RecordLine.MAX_LIST) {
                recorder.write(new Caches(number, what, List.copyOf(some)));
                some.clear();
            }
        }
        if (!some.isEmpty()) {
            recorder.write(new Caches(number, what, List.copyOf(some)));
        }
    }

    private void noteSwap() {
        int now = unit.chips();
        if (now != chips) {
            chips = now;
            mirrorIsOld = true;
            recorder.write(recorder.swapped(number, model()));
        }
    }

    @Override
    public int id() {
        return unit.id();
    }

    @Override
    public IommuModel model() {
        return unit.model();
    }

    @Override
    public int subVersion() {
        return unit.subVersion();
    }

    @Override
    public boolean bare() {
        return unit.bare();
    }

    @Override
    public Platform platform() {
        return platform;
    }

    @Override
    public Container openContainer(ContainerConfig config) {
        Container[] made = new Container[1];
        BackendException[] refusal = new BackendException[1];
        int[] container = new int[1];
        request(
                () -> {
                    try {
                        made[0] = unit.openContainer(config);
                    } catch (BackendException e) {
                        refusal[0] = e;
                    }
                },
                known -> {
                    container[0] = opened.getAndIncrement();
                    return config == null || config.abi() == null || config.offer() == null
                            ? List.of()
                            : List.of(opened(config, container[0], made[0], refusal[0], known));
                });
        if (refusal[0] != null) {
            throw refusal[0];
        }
        if (!recorder.isRecording()) {
            return made[0];
        }
        RecordedContainer recorded = new RecordedContainer(made[0], this, container[0]);
        containers.add(recorded);
        return recorded;
    }

    private RecordLine opened(
            ContainerConfig config, int container, Container made, BackendException refusal, boolean known) {
        Errno errno = refusal == null ? Errno.OK : refusal.errno();
        Answer answer = new Answer(
                errno,
                refusal == null ? 1 : 0,
                Fidelity.EXACT,
                "",
                "",
                -1,
                0,
                refusal == null ? "" : String.valueOf(refusal.getMessage()),
                known);
        Agreement agreement = made == null ? null : made.agreement();
        return new RecordLine.Opened(
                number,
                container,
                config.abi(),
                config.offer(),
                agreement == null ? null : agreement.kind(),
                agreement == null ? 0 : agreement.clientSubVersion(),
                agreement == null ? 0 : agreement.hostSubVersion(),
                answer);
    }

    /** A container is closed. */
    void closed(RecordedContainer container) {
        containers.remove(container);
    }

    @Override
    public List<Container> containers() {
        List<Container> shown = new ArrayList<>();
        for (Container container : unit.containers()) {
            shown.add(containers.stream()
                    .filter(recorded -> recorded.isOf(container))
                    .map(Container.class::cast)
                    .findFirst()
                    .orElse(container));
        }
        return shown;
    }

    @Override
    public Guest openGuest(HardwareConfig config, GuestRequests sink) {
        // Requests of the guest come through the containers of its sink, and its writes through the recorded memory.
        return unit.openGuest(config, sink);
    }

    @Override
    public void dma(DmaAccess access) {
        through(() -> unit.dma(access), () -> accessed(access));
    }

    /** Not recorded: a page request changes no translation, and the answer to it none either. */
    @Override
    public PageRequest.Outcome request(PageRequest request) {
        return unit.request(request);
    }

    /** The lines of an access; none if a cache answered, or if it was blocked before any table was read. */
    private List<RecordLine> accessed(DmaAccess access) {
        boolean untranslated = access.addressType() == DmaAccess.AddressType.UNTRANSLATED;
        if (access.outcome() == DmaAccess.Outcome.BLOCKED || (access.hit() && untranslated)) {
            return List.of();
        }
        cachesChanged();
        return List.of(new RecordLine.Access(
                number,
                access.requester(),
                access.pasid(),
                access.iova(),
                access.lengthBytes(),
                access.rights(),
                access.atomic(),
                access.privileged(),
                access.addressType(),
                access.outcome(),
                access.spa(),
                access.grantedRights(),
                access.hit(),
                access.faultCode()));
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return unit.readRegister(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        inOrder(
                () -> unit.writeRegister(offset, sizeBytes, value),
                () -> new RecordLine.RegisterWrite(number, offset, sizeBytes, value));
    }

    @Override
    public void call(NativeCall call) {
        List<Long> words = new ArrayList<>();
        for (int i = 0; i < NativeCall.WORDS; i++) {
            words.add(call.word(i));
        }
        int function = call.function();
        inOrder(() -> unit.call(call), () -> new RecordLine.ChipCall(number, function, words));
    }

    @Override
    public void stepping(boolean on) {
        inOrder(() -> unit.stepping(on), () -> new RecordLine.Stepping(number, on));
    }

    @Override
    public int step(int count) {
        int[] consumed = new int[1];
        inOrder(() -> consumed[0] = unit.step(count), () -> new RecordLine.Step(number, count));
        return consumed[0];
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        unit.takeEvents(sink);
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        unit.visitCache(visitor);
    }

    @Override
    public int chips() {
        return unit.chips();
    }

    @Override
    public HardwareCounters hardwareCounters() {
        return unit.hardwareCounters();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        clientTap = listener;
        if (!recorder.isRecording()) {
            unit.tap(listener);
        }
    }

    @Override
    public void close() {
        inOrder(unit::close, () -> new RecordLine.UnitClosed(number));
        recorder.closed(this);
    }

    @Override
    public String toString() {
        return unit.toString();
    }
}
