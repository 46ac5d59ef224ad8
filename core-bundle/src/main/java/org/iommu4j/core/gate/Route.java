package org.iommu4j.core.gate;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The way of a gate's calls to their target: immutable but for its slot. A gate publishes one route at a time; a call claims the
 * route's slot with the route's epoch, and looks again whether the route is still published. So the slot says which epoch
 * a call is inside of, and only one call is inside at a time.
 *
 * @param <T> what the calls are made on
 */
public final class Route<T> {
    /** Tells a call that finds the route what it has to do. */
    enum Phase {
        /** Claim the slot and go on. */
        OPEN,
        /** Wait: a swap is under way. */
        MOVING,
        /** Wait: there is nothing to call. */
        ABSENT,
        /** Stand in line: calls that wait go in one after the other, in order, by {@link Route#next}; then that route opens. */
        RELEASING,
        /** Give up. */
        CLOSED
    }

    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /** The slot's words lie alone in their cache lines: 128 bytes to either side, as the prefetcher takes two lines. */
    private static final int SLOT_WORDS = 36;

    private static final int EPOCH = 17;
    private static final int OWNER = 18;

    final Phase phase;
    final boolean open;

    /** The object behind the gate; null unless {@link Phase#OPEN}. */
    public final T target;

    /** The route that opens after {@link Phase#RELEASING}; else null. */
    final Route<T> next;

    private final long epoch;
    private final long[] slot;

    private Route(Phase phase, T target, Route<T> next, long epoch, long[] slot) {
        this.phase = phase;
        this.open = phase == Phase.OPEN;
        this.target = target;
        this.next = next;
        this.epoch = epoch;
        this.slot = slot;
    }

    /** The first route of a gate. */
    static <T> Route<T> first(Phase phase, T target) {
        return new Route<>(phase, target, null, 1, new long[SLOT_WORDS]);
    }

    /** An open route of a later epoch; on a slot of its own if a call never came back from this one. */
    Route<T> opening(T newTarget, long newEpoch, boolean freshSlot) {
        return new Route<>(Phase.OPEN, newTarget, null, newEpoch, freshSlot ? new long[SLOT_WORDS] : slot);
    }

    /** A route in which calls wait or end. */
    Route<T> in(Phase newPhase) {
        return new Route<>(newPhase, null, null, 0, slot);
    }

    /** A route in which calls stand in line for this one, until it opens. */
    Route<T> releasing() {
        return new Route<>(Phase.RELEASING, null, this, 0, slot);
    }

    /** Announces the epoch; false if another call is inside. */
    boolean claim() {
        long caller = Thread.currentThread().getId();
        if (WORD.compareAndSet(slot, EPOCH, 0L, epoch)) {
            slot[OWNER] = caller;
            return true;
        }
        return false;
    }

    /** The call is over. */
    void leave() {
        slot[OWNER] = 0;
        WORD.setRelease(slot, EPOCH, 0L);
    }

    /** True if the calling thread is inside. Others may write the word meanwhile, but never this thread's id. */
    public boolean isInside() {
        return slot[OWNER] == Thread.currentThread().getId();
    }

    /** The thread that is inside, if it has not come out meanwhile; else null. */
    public Thread insider() {
        long id = (long) WORD.getVolatile(slot, OWNER);
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getId() == id) {
                return thread;
            }
        }
        return null;
    }

    /**
     * True if no call is inside that may have seen this route published. Volatile, so that it cannot be read before another
     * route was published: a call that claims later then sees that one.
     */
    boolean isQuiet() {
        return (long) WORD.getVolatile(slot, EPOCH) != epoch;
    }
}
