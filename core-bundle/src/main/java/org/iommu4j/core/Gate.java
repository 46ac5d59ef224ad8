package org.iommu4j.core;

import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToLongFunction;

/**
 * The gate in front of one unit or one virtual IOMMU: lets one call at a time through, and can be held while what stands
 * behind it is exchanged. A call that meets an open gate pays one compare-and-set and two volatile reads. A call that
 * meets a held gate waits in the order of arrival; after the exchange those that waited are carried out before any
 * newcomer, by one of the waiting threads for all of them, so that the line clears without a thread switch for each.
 *
 * <p>Holding: {@link #hold} publishes a route on which calls wait; {@link #drained} tells whether no call is inside that
 * saw the route before; then {@link #release} opens. Those three are called by one thread at a time.
 *
 * @param <T> what stands behind the gate
 */
final class Gate<T> {
    private static final int SPINS = 200;
    private static final int YIELDS = 220;
    private static final long PARK_NANOS = 20_000;
    private static final long IMPATIENT_NANOS = 1_000_000;

    private static final int WAITING = 0;
    private static final int CLAIMED = 1;
    private static final int DONE = 2;
    private static final int TURNED_AWAY = 3;

    /** Guards the lot and every change of the route. */
    private final ReentrantLock lock = new ReentrantLock();

    private final ArrayDeque<Waiter<T>> lot = new ArrayDeque<>();
    private volatile Route<T> route;
    private long epochs = 1;
    private long parkedTotal;

    /** A gate that is open on {@code target}, or without anything behind it if that is null. */
    Gate(T target) {
        route = Route.first(target == null ? Route.Phase.ABSENT : Route.Phase.OPEN, target);
    }

    /** What a call does behind the gate. */
    @FunctionalInterface
    interface Operation<T> {
        /** Runs inside, perhaps in another thread than the caller's, which waits. */
        void run(T target);
    }

    /**
     * Goes in, without allocating; the caller must {@link Route#leave} the route that it is given.
     *
     * @return null if the gate is not open, the caller is inside, or another call stays inside for long: then
     *     {@link #run} has patience
     */
    Route<T> enter() {
        Route<T> seen = route;
        if (seen.open && seen.claim()) {
            if (seen == route) {
                return seen;
            }
            seen.leave();
        }
        return enter(IMPATIENT_NANOS);
    }

    private Route<T> enter(long waitNanos) {
        long start = System.nanoTime();
        for (int round = 0; ; round++) {
            Route<T> seen = route;
            if (!seen.open || seen.isInside()) {
                return null;
            }
            if (seen.claim()) {
                if (seen == route) {
                    return seen;
                }
                seen.leave();
                continue;
            }
            backOff(round);
            if (round > SPINS && System.nanoTime() - start > waitNanos) {
                return null;
            }
        }
    }

    /**
     * Carries an operation out behind the gate, waiting if need be. What the operation throws comes out here.
     *
     * @param waitNanos longest wait in nanoseconds
     * @param bound room of the client, or null if one thread is bound enough
     * @param requests how much room the operation takes
     */
    Verdict run(Operation<T> operation, long waitNanos, ParkingBound bound, int requests) {
        long deadline = deadline(waitNanos);
        for (; ; ) {
            Route<T> seen = route;
            if (seen.phase == Route.Phase.CLOSED) {
                return Verdict.CLOSED;
            }
            if (seen.isInside()) {
                return Verdict.REENTERED;
            }
            if (seen.open) {
                Route<T> entered = enter(Math.max(0, deadline - System.nanoTime()));
                if (entered != null) {
                    try {
                        operation.run(entered.target);
                    } finally {
                        entered.leave();
                    }
                    return Verdict.RAN;
                }
                if (route.open && System.nanoTime() - deadline >= 0) {
                    return Verdict.BUSY;
                }
            } else {
                Waiter<T> waiter = new Waiter<>(operation, deadline, bound, requests);
                Verdict parked = park(waiter);
                if (parked != null) {
                    return parked;
                }
            }
        }
    }

    /** Reads something of a bound under the lock that guards it. */
    long read(ParkingBound bound, ToLongFunction<ParkingBound> what) {
        lock.lock();
        try {
            return what.applyAsLong(bound);
        } finally {
            lock.unlock();
        }
    }

    /** Calls that ever had to wait. */
    long parkedTotal() {
        lock.lock();
        try {
            return parkedTotal;
        } finally {
            lock.unlock();
        }
    }

    /** True if nothing stands behind the gate and no exchange is under way. */
    boolean isAbsent() {
        return route.phase == Route.Phase.ABSENT;
    }

    /** True if a call that came now would wait in line. */
    boolean waits() {
        Route<T> seen = route;
        return !seen.open && seen.phase != Route.Phase.CLOSED;
    }

    /** True if the gate has been closed for good. */
    boolean isClosed() {
        return route.phase == Route.Phase.CLOSED;
    }

    /** What stands behind the gate while it is open, else null. For looking at, not for calling. */
    T target() {
        return route.target;
    }

    /**
     * From now on calls wait.
     *
     * @return the route that was open, or null if there was none
     */
    Route<T> hold() {
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
    boolean drained(Route<T> before, long deadline) {
        for (int round = 0; !before.isQuiet(); round++) {
            if (round > SPINS && System.nanoTime() - deadline >= 0) {
                return false;
            }
            backOff(round);
        }
        return true;
    }

    /** Opens on what was there before. */
    void release(Route<T> before) {
        publish(before);
    }

    /**
     * Opens on something new.
     *
     * @param abandoned true if a call of an earlier epoch never came out: its slot is left to it
     */
    void release(T target, boolean abandoned) {
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
            Waiter<T> head = lot.peekFirst();
            if (head == null) {
                route = opening;
            } else {
                route = opening.releasing();
                LockSupport.unpark(head.thread);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Nothing stands behind the gate; calls go on waiting. */
    void absent() {
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
    Route<T> close() {
        lock.lock();
        try {
            Route<T> before = hold();
            route = route.in(Route.Phase.CLOSED);
            for (Waiter<T> waiter = lot.pollFirst(); waiter != null; waiter = lot.pollFirst()) {
                waiter.giveRoom();
                waiter.state = TURNED_AWAY;
                LockSupport.unpark(waiter.thread);
            }
            return before;
        } finally {
            lock.unlock();
        }
    }

    /** Waits in line; null if the gate opened before the caller stood in line. */
    private Verdict park(Waiter<T> waiter) {
        lock.lock();
        try {
            Route<T> seen = route;
            if (seen.open || seen.phase == Route.Phase.CLOSED) {
                return null;
            }
            if (!waiter.takeRoom()) {
                return Verdict.FULL;
            }
            parkedTotal++;
            lot.addLast(waiter);
        } finally {
            lock.unlock();
        }
        boolean interrupted = false;
        try {
            for (; ; ) {
                int state = waiter.state;
                if (state == DONE) {
                    waiter.rethrow();
                    return Verdict.RAN;
                }
                if (state == TURNED_AWAY) {
                    return Verdict.CLOSED;
                }
                if (state == CLAIMED) {
                    // The thread that carries it out uses the caller's memory: nothing may cut this short.
                    LockSupport.park(this);
                    interrupted |= Thread.interrupted();
                    continue;
                }
                interrupted |= Thread.interrupted();
                long remaining = waiter.deadline - System.nanoTime();
                if (interrupted || remaining <= 0) {
                    if (abandon(waiter)) {
                        return interrupted
                                ? Verdict.INTERRUPTED
                                : route.phase == Route.Phase.RELEASING ? Verdict.BUSY : Verdict.UNAVAILABLE;
                    }
                    continue;
                }
                Route<T> seen = route;
                if (seen.phase == Route.Phase.RELEASING && mayCombine(seen)) {
                    combine(seen, waiter.deadline);
                } else if (seen == route && waiter.state == WAITING) {
                    // Looked at again: waiting for the lock may have swallowed the wake-up that came meanwhile.
                    LockSupport.parkNanos(this, remaining);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Leaves the line; false if the operation is being carried out or has been. */
    private boolean abandon(Waiter<T> waiter) {
        lock.lock();
        try {
            if (waiter.state != WAITING) {
                return false;
            }
            lot.remove(waiter);
            waiter.giveRoom();
            passOn();
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Wakes the next in line if nobody carries out what waits. Under the lock. */
    private void passOn() {
        Route<T> seen = route;
        if (seen.phase != Route.Phase.RELEASING || seen.combining) {
            return;
        }
        Waiter<T> head = lot.peekFirst();
        if (head == null) {
            route = seen.next;
        } else {
            LockSupport.unpark(head.thread);
        }
    }

    private boolean mayCombine(Route<T> releasing) {
        lock.lock();
        try {
            if (route != releasing || releasing.combining) {
                return false;
            }
            releasing.combining = true;
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Carries out everything in line, then opens the gate; stops if the gate is held again. */
    private void combine(Route<T> releasing, long deadline) {
        Route<T> opening = releasing.next;
        for (int round = 0; !opening.claim(); round++) {
            backOff(round);
            if (round > SPINS && System.nanoTime() - deadline >= 0) {
                stopCombining(releasing);
                return;
            }
        }
        try {
            for (Waiter<T> waiter = nextInLine(releasing); waiter != null; waiter = nextInLine(releasing)) {
                waiter.carryOut(opening.target);
                finish(waiter);
            }
        } finally {
            opening.leave();
        }
    }

    private void stopCombining(Route<T> releasing) {
        lock.lock();
        try {
            releasing.combining = false;
        } finally {
            lock.unlock();
        }
    }

    private Waiter<T> nextInLine(Route<T> releasing) {
        lock.lock();
        try {
            if (route != releasing) {
                releasing.combining = false;
                return null;
            }
            Waiter<T> head = lot.pollFirst();
            if (head == null) {
                releasing.combining = false;
                route = releasing.next;
            } else {
                head.state = CLAIMED;
            }
            return head;
        } finally {
            lock.unlock();
        }
    }

    private void finish(Waiter<T> waiter) {
        lock.lock();
        try {
            waiter.giveRoom();
        } finally {
            lock.unlock();
        }
        waiter.state = DONE;
        LockSupport.unpark(waiter.thread);
    }

    /** A loser of a race first spins, then yields, then sleeps: whoever is inside may have been preempted. */
    @SuppressWarnings("ThreadPriorityCheck")
    private static void backOff(int round) {
        if (round < SPINS) {
            Thread.onSpinWait();
        } else if (round < YIELDS || Thread.currentThread().isInterrupted()) {
            Thread.yield();
        } else {
            LockSupport.parkNanos(PARK_NANOS);
        }
    }

    /** A deadline in nanoseconds of {@link System#nanoTime}; the sum never wraps. */
    static long deadline(long waitNanos) {
        return System.nanoTime() + Math.min(waitNanos, TimeUnit.DAYS.toNanos(365));
    }

    /** A call that waits. */
    private static final class Waiter<T> {
        private final Operation<T> operation;
        private final long deadline;
        private final ParkingBound bound;
        private final int requests;
        private final Thread thread = Thread.currentThread();
        private volatile int state = WAITING;
        private Throwable thrown;

        private Waiter(Operation<T> operation, long deadline, ParkingBound bound, int requests) {
            this.operation = operation;
            this.deadline = deadline;
            this.bound = bound;
            this.requests = requests;
        }

        private boolean takeRoom() {
            return bound == null || bound.take(requests);
        }

        private void giveRoom() {
            if (bound != null) {
                bound.give(requests);
            }
        }

        /** Keeps what it throws for the thread that waits. */
        private void carryOut(T target) {
            try {
                operation.run(target);
            } catch (RuntimeException | Error e) {
                thrown = e;
            }
        }

        private void rethrow() {
            if (thrown instanceof Error error) {
                throw error;
            }
            if (thrown != null) {
                throw (RuntimeException) thrown;
            }
        }
    }
}
