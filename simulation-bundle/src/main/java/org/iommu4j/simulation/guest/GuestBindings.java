package org.iommu4j.simulation.guest;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiPredicate;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The devices of a guest as its tables last said: each is a member of the container that serves its guest domain and bound to
 * its guest tables there. A device's entry is read when the guest invalidates it and, while the device is not bound, when the
 * device accesses memory; so an entry stays in force until it is invalidated, as in a chip's cache.
 *
 * @param <B> a device's binding; equal bindings are the same
 */
public final class GuestBindings<B> {
    private final int requesters;
    private final GuestTables<B> tables;
    private final TreeMap<Integer, B> bound = new TreeMap<>();
    private final Map<Integer, B> readable = Collections.unmodifiableMap(bound);

    /**
     * No device is bound.
     *
     * @param requesters one more than the highest requester id
     */
    public GuestBindings(int requesters, GuestTables<B> tables) {
        this.requesters = requesters;
        this.tables = tables;
    }

    /** The bindings, by requester id; changes with them. */
    public Map<Integer, B> bound() {
        return readable;
    }

    /** A device is about to access memory: its entry may have become valid without an invalidation. */
    public void access(int requester, GuestRequests sink) {
        if (!bound.containsKey(requester)) {
            update(requester, sink);
        }
    }

    /** Reads the entries of bound devices again, by requester id. */
    public void updateBound(IntPredicate requester, GuestRequests sink) {
        updateBound((id, binding) -> requester.test(id), sink);
    }

    /** Reads the entries of bound devices again, by their bindings. */
    public void updateBoundTo(Predicate<B> binding, GuestRequests sink) {
        updateBound((id, bindingOfId) -> binding.test(bindingOfId), sink);
    }

    private void updateBound(BiPredicate<Integer, B> selected, GuestRequests sink) {
        new TreeMap<>(bound).forEach((requester, binding) -> {
            if (selected.test(requester, binding)) {
                update(requester, sink);
            }
        });
    }

    /** Reads the entry of a device again, bound or not. */
    public void update(int requester, GuestRequests sink) {
        if (requester < 0 || requester >= requesters) {
            return;
        }
        B before = bound.get(requester);
        B after = tables.read(requester, sink);
        if (after == null ? before == null : after.equals(before)) {
            return;
        }
        bound.remove(requester);
        if (after == null) {
            tables.unbind(requester, before, sink);
        } else if (tables.bind(requester, before, after, sink)) {
            bound.put(requester, after);
        } else {
            // The device is blocked: better than going on with a binding that the guest has replaced.
            sink.move(requester, -1);
        }
    }

    /** Writes int count, then of each device int requester id and its binding. */
    public void save(SnapshotWriter out) {
        out.putInt(bound.size());
        bound.forEach((requester, binding) -> tables.save(binding, out.putInt(requester)));
    }

    /**
     * Reads what {@link #save} wrote; sends nothing.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} for a requester id that there is not
     */
    public void load(SnapshotReader in) {
        int count = in.getCount(requesters);
        for (int i = 0; i < count; i++) {
            int requester = in.getIndex(requesters, "requester");
            bound.put(requester, tables.load(requester, in));
        }
    }
}
