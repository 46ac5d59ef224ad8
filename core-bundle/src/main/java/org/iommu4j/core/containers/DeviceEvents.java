package org.iommu4j.core.containers;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.backends.Contained;

/**
 * What a chip has for guests: records of faults and events, and page requests of devices. Each record is kept for whoever calls {@link org.iommu4j.core.service.Unit#takeEvents}; one that
 * is about a device of a guest goes to that guest's virtual IOMMU besides, once. They are taken out of the chip inside its gate and
 * delivered outside of it, since a virtual IOMMU may call the unit. They stay here over swaps, as do those that could not be delivered yet. Page requests stay where the driver keeps them; the virtual IOMMU is told that there are some, and
 * takes them itself.
 */
final class DeviceEvents {
    /** Most records that are kept while nobody calls takeEvents; the oldest go first. */
    static final int MOST_KEPT = 1024;

    /** Most devices of guests that are known without being attached. */
    private static final int MOST_DEVICES = 1 << 16;

    /** The guests of devices: who attached a device last, or said first that it is a guest's. */
    private final Map<Integer, CoreGuest> guests = new ConcurrentHashMap<>();

    /** Records that nobody has taken; guarded by itself. */
    private final Deque<byte[]> kept = new ArrayDeque<>();

    /** What is on its way to guests; guarded by {@link #kept}. */
    private final Deque<Delivery> underWay = new ArrayDeque<>();

    /** True while something is on its way. */
    private volatile boolean waits;

    private final ReentrantLock delivering = new ReentrantLock();

    private record Delivery(CoreGuest guest, CoreGuest.Notice notice) {}

    /** A device has been attached: by a guest's call, or, with null, by somebody who is none. */
    void attached(int requester, CoreGuest guest) {
        if (guest == null) {
            guests.remove(requester);
        } else {
            guests.put(requester, guest);
        }
    }

    /** Whoever runs a guest says that a device is its. One that another guest has attached stays that one's. */
    void claimed(int requester, CoreGuest guest) {
        if (!guests.containsKey(requester) && guests.size() < MOST_DEVICES) {
            guests.putIfAbsent(requester, guest);
        }
    }

    /**
     * Takes the records out of a chip. Inside its gate.
     *
     * @param most how many are kept at most for takeEvents
     */
    void collect(Chip chip, int most) {
        List<byte[]> records = new ArrayList<>();
        chip.hardware().takeEvents(records::add);
        synchronized (kept) {
            for (byte[] event : records) {
                OptionalInt requester = Contained.eventRequester(chip.backend(), event);
                CoreGuest guest = requester.isPresent() ? guests.get(requester.getAsInt()) : null;
                if (guest != null) {
                    send(guest, (decoder, sink) -> decoder.deviceEvent(event, sink));
                }
                kept.add(event);
            }
            while (kept.size() > most) {
                kept.remove();
            }
        }
    }

    /** A device has asked for pages, which wait in its container. */
    void asked(int requester) {
        CoreGuest guest = guests.get(requester);
        if (guest != null) {
            send(guest, (decoder, sink) -> decoder.pageRequests(requester, sink));
        }
    }

    private void send(CoreGuest guest, CoreGuest.Notice notice) {
        synchronized (kept) {
            underWay.add(new Delivery(guest, notice));
            waits = true;
        }
    }

    /** The records that nobody has taken; they are taken by this. */
    List<byte[]> take() {
        synchronized (kept) {
            List<byte[]> taken = List.copyOf(kept);
            kept.clear();
            return taken;
        }
    }

    /** True while something is on its way. */
    boolean areUnderWay() {
        return waits;
    }

    /**
     * Delivers what is on its way, in the order in which it was recorded. The caller is inside neither the unit nor a virtual IOMMU. Who
     * comes while another one delivers leaves it to that one. What a virtual IOMMU does not take now, as during a swap, stays for later.
     */
    void deliver() {
        boolean goesOn = true;
        while (goesOn && waits && delivering.tryLock()) {
            try {
                goesOn = deliverFirst();
            } finally {
                delivering.unlock();
            }
        }
    }

    private boolean deliverFirst() {
        Delivery next;
        synchronized (kept) {
            next = underWay.peek();
        }
        if (next == null || !next.guest().takes(next.notice())) {
            return false;
        }
        synchronized (kept) {
            underWay.remove();
            waits = !underWay.isEmpty();
        }
        return true;
    }
}
