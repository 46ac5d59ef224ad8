package org.iommu4j.core.gate;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.ToLongFunction;

/**
 * The gate in front of one unit or one virtual IOMMU: lets one call at a time through, and can be held while what stands
 * behind it is exchanged. A call that meets an open gate pays one compare-and-set and three volatile reads.
 *
 * <p>Calls that meet another call inside try for a while; whoever has tried for {@link #PATIENCE_NANOS} stands in line, and
 * while anybody does, newcomers stand behind. So nobody is passed over for longer. A call that meets a held gate stands in
 * line at once; after the exchange those that waited go in before any newcomer. The line is first come, first served. Every
 * call runs in its caller's thread, so that what it throws, and whether it hangs, concerns nobody else.
 *
 * <p>An {@linkplain #post errand} is left for whoever is inside next: nobody gets to what stands behind the
 * gate before it is done. One that is long is {@linkplain #postInPieces done in pieces}, one in each stay, so that it holds
 * nobody up for longer.
 *
 * <p>Holding: {@link #hold} publishes a route on which calls wait; {@link #drained} tells whether no call is inside that
 * saw the route before; then {@link #release} opens. Those three are called by one thread at a time.
 *
 * <p>The class is long because entering, waiting and holding are one protocol on the same few words: that no call is lost
 * and none is let in twice can only be checked with all of it in view.
 *
 * @param <T> what stands behind the gate
 */
public final class Gate<T> {
    /** How long in nanoseconds a call may be passed over before newcomers have to stand behind it. */
    static final long PATIENCE_NANOS = 1_000_000;

    private static final int SPINS = 200;
    private static final long PARK_NANOS = 20_000;

    private static final int WAITING = 0;
    private static final int IN = 1;
    private static final int SENT_BACK = 2;
    private static final int TURNED_AWAY = 3;

    /** Guards the line, the errands and every change of the route. */
    private final ReentrantLock lock = new ReentrantLock();

    private final ArrayDeque<Waiter> line = new ArrayDeque<>();
    private final ArrayDeque<Errand<T>> errands = new ArrayDeque<>();

    /** The first in line, or null; changes under the lock. */
    private volatile Waiter first;

    private volatile Route<T> route;
    private long epochs = 1;
    private long parkedTotal;

    /** A gate that is open on {@code target}, or without anything behind it if that is null. */
    public Gate(T target) {
        route = Route.first(target == null ? Route.Phase.ABSENT : Route.Phase.OPEN, target);
    }

    /** The work of a call behind the gate. */
    @FunctionalInterface
    public interface Operation<T> {
        /** Runs inside. */
        void run(T target);
    }

    /** Work that is left to whoever is inside next, and that may take several stays. */
    @FunctionalInterface
    public interface Errand<T> {
        /** Runs inside and does a piece; true if there is more to do in another stay. */
        boolean run(T target);
    }

    /**
     * Goes in, without allocating; the caller must {@link #leave} the route that it is given.
     *
     * @return null if the gate is not open, the caller is inside, or another call stays inside: then {@link #run} has
     *     patience
     */
    public Route<T> enter() {
        Route<T> seen = route;
        if (seen.open && seen.claim()) {
            if (seen == route) {
                return seen;
            }
            seen.leave();
        }
        return spin();
    }

    private Route<T> spin() {
        for (int round = 0; round < SPINS; round++) {
            Route<T> seen = route;
            if (!seen.open || seen.isInside()) {
                return null;
            }
            if (seen.claim()) {
                if (seen == route) {
                    return seen;
                }
                seen.leave();
            }
            Thread.onSpinWait();
        }
        return null;
    }

    /** Comes out again, and lets the next call that waits, or an errand, have its turn. */
    public void leave(Route<T> entered) {
        entered.leave();
        if (entered != route) {
            passOn(entered);
        }
    }

    /** Inside: true if somebody waits for the call to come out, or the gate is held. */
    public boolean isWanted() {
        return !route.open;
    }

    /**
     * Carries an operation out behind the gate, waiting if need be. What the operation throws comes out here.
     *
     * @param waitNanos longest wait in nanoseconds
     * @param bound room of the client while the gate is held, or null if one thread is bound enough
     * @param requests how much room the operation takes
     */
    public Verdict run(Operation<T> operation, long waitNanos, ParkingBound bound, int requests) {
        long start = System.nanoTime();
        long deadline = deadline(waitNanos);
        for (int round = 0; ; round++) {
            Route<T> seen = route;
            if (seen.phase == Route.Phase.CLOSED) {
                return Verdict.CLOSED;
            }
            if (seen.isInside()) {
                return Verdict.REENTERED;
            }
            if (seen.open) {
                Route<T> entered = enter();
                if (entered != null) {
                    runInside(operation, entered);
                    return Verdict.RAN;
                }
                long now = System.nanoTime();
                if (now - deadline >= 0 && route.open) {
                    return Verdict.BUSY;
                }
                if (now - start < PATIENCE_NANOS) {
                    backOff(SPINS + round);
                    continue;
                }
            }
            Verdict stood = standInLine(operation, new Waiter(start, deadline, bound, requests));
            if (stood != null) {
                return stood;
            }
        }
    }

    private void runInside(Operation<T> operation, Route<T> entered) {
        try {
            operation.run(entered.target);
        } finally {
            leave(entered);
        }
    }

    /**
     * Leaves something to be done to whoever is inside next, before anything else is. It must not throw. If the gate is
     * closed nothing is done.
     */
    public void post(Operation<T> errand) {
        postInPieces(target -> {
            errand.run(target);
            return false;
        });
    }

    /** The same for an errand that takes several stays: each call that comes in does a piece of it first. */
    public void postInPieces(Errand<T> errand) {
        lock.lock();
        try {
            if (route.phase != Route.Phase.CLOSED) {
                errands.addLast(errand);
                if (route.open) {
                    route = route.releasing();
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Reads something of a bound under the lock that guards it. */
    public long read(ParkingBound bound, ToLongFunction<ParkingBound> what) {
        lock.lock();
        try {
            return what.applyAsLong(bound);
        } finally {
            lock.unlock();
        }
    }

    /** Number of calls that ever had to wait for a held gate. */
    public long parkedTotal() {
        lock.lock();
        try {
            return parkedTotal;
        } finally {
            lock.unlock();
        }
    }

    /** True if nothing stands behind the gate and no exchange is under way. */
    public boolean isAbsent() {
        return route.phase == Route.Phase.ABSENT;
    }

    /** True if the caller is inside. */
    public boolean isInside() {
        return route.isInside();
    }

    /** True if the caller is inside, and an exchange waits for it to come out. */
    public boolean isHeldByCaller() {
        Route<T> seen = route;
        return seen.phase == Route.Phase.MOVING && seen.isInside();
    }

    /** True if a call that came now would wait in line. */
    public boolean waits() {
        Route<T> seen = route;
        return !seen.open && seen.phase != Route.Phase.CLOSED;
    }

    /** True if the gate has been closed for good. */
    public boolean isClosed() {
        return route.phase == Route.Phase.CLOSED;
    }

    /** The object behind the gate while it is open, else null. For looking at, not for calling. */
    public T target() {
        return route.target;
    }

    /**
     * From now on calls wait.
     *
     * @return the route that was open, or null if there was none
     */
    public Route<T> hold() {
        lock.lock();
        try {
            Route<T> seen = route;
            if (seen.phase == Route.Phase.CLOSED) {
                return null;
            }
            Route<T> before = seen.phase == Route.Phase.RELEASING ? seen.next : seen.open ? seen : null;
            route = seen.in(Route.Phase.MOVING);
            return before;
        } finally {
            lock.unlock();
        }
    }

    /** Waits until no call is inside that saw {@code before} published; false if one still is at the deadline. */
    public boolean drained(Route<T> before, long deadline) {
        return drained(before, deadline, () -> false);
    }

    /** The same; also false as soon as {@code enough} says that there is nothing more to wait for. */
    public boolean drained(Route<T> before, long deadline, BooleanSupplier enough) {
        for (int round = 0; !before.isQuiet(); round++) {
            if (enough.getAsBoolean() || (round > SPINS && System.nanoTime() - deadline >= 0)) {
                return false;
            }
            backOff(round);
        }
        return true;
    }

    /** Opens on what was there before. */
    public void release(Route<T> before) {
        publish(before);
    }

    /**
     * Opens on something new.
     *
     * @param abandoned true if a call of an earlier epoch never came out: its slot is left to it
     */
    public void release(T target, boolean abandoned) {
        lock.lock();
        try {
            epochs++;
            publish(route.opening(target, epochs, abandoned));
        } finally {
            lock.unlock();
        }
    }

    private void publish(Route<T> opening) {
        lock.lock();
        try {
            if (route.phase == Route.Phase.CLOSED) {
                return;
            }
            for (Waiter waiter : line) {
                waiter.before = true;
            }
            route = opening.releasing();
            advance();
        } finally {
            lock.unlock();
        }
    }

    /** Nothing stands behind the gate; calls go on waiting. */
    public void absent() {
        lock.lock();
        try {
            if (route.phase != Route.Phase.CLOSED) {
                route = route.in(Route.Phase.ABSENT);
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Turns everybody away, for good.
     *
     * @return the route that was open, or null if there was none
     */
    public Route<T> close() {
        lock.lock();
        try {
            Route<T> before = hold();
            route = route.in(Route.Phase.CLOSED);
            errands.clear();
            dismiss(TURNED_AWAY);
            return before;
        } finally {
            lock.unlock();
        }
    }

    /** Stands in line and goes in when its turn comes; null if the caller has to look at the gate again. */
    private Verdict standInLine(Operation<T> operation, Waiter waiter) {
        Verdict refused = join(waiter);
        if (refused != null || waiter.state == SENT_BACK) {
            return refused;
        }
        boolean interrupted = false;
        try {
            for (int round = 0; ; round++) {
                int state = waiter.state;
                if (state == SENT_BACK) {
                    return null;
                }
                if (state == TURNED_AWAY) {
                    return Verdict.CLOSED;
                }
                Route<T> seen = route;
                boolean next = first == waiter && seen.phase == Route.Phase.RELEASING;
                if (next && seen.next.claim()) {
                    if (takeTurn(waiter, seen)) {
                        runInside(operation, seen.next);
                        return Verdict.RAN;
                    }
                    // It has been held meanwhile.
                    seen.next.leave();
                    continue;
                }
                interrupted |= Thread.interrupted();
                long remaining = waiter.deadline - System.nanoTime();
                if (remaining <= 0 || (interrupted && seen.phase != Route.Phase.RELEASING)) {
                    Verdict gaveUp = giveUp(waiter, remaining <= 0);
                    if (gaveUp != null) {
                        return gaveUp;
                    }
                } else if (next) {
                    backOff(round);
                } else {
                    round = 0;
                    LockSupport.parkNanos(this, remaining);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Joins the line. An answer, or {@link #SENT_BACK}, if there is none to join. */
    private Verdict join(Waiter waiter) {
        lock.lock();
        try {
            Route<T> seen = route;
            if (seen.phase == Route.Phase.CLOSED) {
                return Verdict.CLOSED;
            }
            if (seen.open) {
                if (System.nanoTime() - waiter.start < PATIENCE_NANOS) {
                    waiter.state = SENT_BACK;
                    return null;
                }
                route = seen.releasing();
            } else if (seen.phase != Route.Phase.RELEASING) {
                if (!waiter.takeRoom()) {
                    return Verdict.FULL;
                }
                parkedTotal++;
            }
            line.addLast(waiter);
            first = line.peekFirst();
            return null;
        } finally {
            lock.unlock();
        }
    }

    /** The first in line is inside by {@code seen.next}: it leaves the line, and does the errands; false if it must not. */
    private boolean takeTurn(Waiter waiter, Route<T> seen) {
        lock.lock();
        try {
            if (route != seen || waiter.state != WAITING) {
                return false;
            }
            waiter.state = IN;
            remove(waiter);
        } finally {
            lock.unlock();
        }
        doErrands(seen);
        return true;
    }

    /**
     * Inside by {@code seen.next}: carries out the errands, a piece of each, then wakes the next waiter, or opens the gate.
     *
     * @return true if there is more to do of some
     */
    private boolean doErrands(Route<T> seen) {
        List<Errand<T>> more = new ArrayList<>(0);
        for (; ; ) {
            Errand<T> errand;
            lock.lock();
            try {
                errand = route == seen ? errands.pollFirst() : null;
                if (errand == null) {
                    if (route == seen) {
                        errands.addAll(more);
                        advance();
                    } else {
                        // Held or opened anew meanwhile.
                        more.forEach(this::postInPieces);
                    }
                    return !more.isEmpty();
                }
            } finally {
                lock.unlock();
            }
            if (errand.run(seen.next.target)) {
                more.add(errand);
            }
        }
    }

    /**
     * Under the lock, in line: the first is told that it is next, if it has waited long or before the gate opened; if
     * nobody has, and there is no errand, the gate opens and the others try again.
     */
    private void advance() {
        Waiter head = line.peekFirst();
        first = head;
        if (head != null && (head.before || System.nanoTime() - head.start >= PATIENCE_NANOS)) {
            LockSupport.unpark(head.thread);
        } else if (errands.isEmpty()) {
            route = route.next;
            dismiss(SENT_BACK);
        } else if (head != null) {
            LockSupport.unpark(head.thread);
        }
    }

    /** Empties the line. Under the lock. */
    private void dismiss(int state) {
        first = null;
        for (Iterator<Waiter> each = line.iterator(); each.hasNext(); ) {
            Waiter waiter = each.next();
            each.remove();
            waiter.giveRoom();
            waiter.state = state;
            LockSupport.unpark(waiter.thread);
        }
    }

    /** Leaves the line; null if the waiter is no longer in it. */
    private Verdict giveUp(Waiter waiter, boolean late) {
        lock.lock();
        try {
            if (waiter.state != WAITING) {
                return null;
            }
            remove(waiter);
            boolean releasing = route.phase == Route.Phase.RELEASING;
            if (releasing) {
                advance();
            }
            return releasing ? Verdict.BUSY : late ? Verdict.UNAVAILABLE : Verdict.INTERRUPTED;
        } finally {
            lock.unlock();
        }
    }

    /** Under the lock. */
    private void remove(Waiter waiter) {
        line.remove(waiter);
        first = line.peekFirst();
        waiter.giveRoom();
    }

    /**
     * Wakes the first waiter after a call came out by {@code left}. Errands without a waiter are carried out here; what is left of long
     * ones waits for the next call.
     */
    private void passOn(Route<T> left) {
        Route<T> seen = route;
        if (isNextWoken(seen, left) || !left.claim()) {
            return;
        }
        boolean more = false;
        try {
            more = doErrands(seen);
        } finally {
            if (more) {
                left.leave();
                isNextWoken(route, left);
            } else {
                leave(left);
            }
        }
    }

    /** Wakes the first in line; false if there is nobody, and errands are to be done. */
    private boolean isNextWoken(Route<T> seen, Route<T> left) {
        lock.lock();
        try {
            boolean releasing = seen == route && seen.phase == Route.Phase.RELEASING && seen.next == left;
            if (releasing && first != null) {
                LockSupport.unpark(first.thread);
            }
            return !releasing || first != null;
        } finally {
            lock.unlock();
        }
    }

    /**
     * A loser of a race first spins, then sleeps: whoever is inside may have been preempted. It does not yield, which on a busy
     * machine gives whole time slices away.
     */
    private static void backOff(int round) {
        if (round < SPINS) {
            Thread.onSpinWait();
        } else if (Thread.currentThread().isInterrupted()) {
            giveWay();
        } else {
            LockSupport.parkNanos(PARK_NANOS);
        }
    }

    /** Yields instead of sleeping: the thread is interrupted, so that a sleep would end at once. */
    @SuppressWarnings("ThreadPriorityCheck")
    private static void giveWay() {
        Thread.yield();
    }

    /** A deadline in nanoseconds of {@link System#nanoTime}; the sum never wraps. */
    public static long deadline(long waitNanos) {
        return System.nanoTime() + Math.min(waitNanos, TimeUnit.DAYS.toNanos(365));
    }

    /** A call that stands in line. What is not final changes under the lock. */
    private static final class Waiter {
        private final Thread thread = Thread.currentThread();
        private final long start;
        private final long deadline;
        private final ParkingBound bound;
        private final int requests;
        private volatile int state = WAITING;
        private boolean hasRoom;

        /** True if the call stood in line when the gate opened last. */
        private boolean before;

        private Waiter(long start, long deadline, ParkingBound bound, int requests) {
            this.start = start;
            this.deadline = deadline;
            this.bound = bound;
            this.requests = requests;
        }

        private boolean takeRoom() {
            hasRoom = bound != null && bound.take(requests);
            return bound == null || hasRoom;
        }

        private void giveRoom() {
            if (hasRoom) {
                bound.give(requests);
                hasRoom = false;
            }
        }
    }
}
