package org.iommu4j.core.containers;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.backends.Contained;

/**
 * What a chip has for guests: records of faults and events, and page requests of devices. Each record is kept for whoever calls {@link
 * org.iommu4j.core.service.Unit#takeEvents}; one that is about a device of a guest goes to that guest's virtual IOMMU besides, once.
 * They are taken out of the chip inside its gate and delivered outside of it, since a virtual IOMMU may call the unit. They stay here
 * over swaps, as do those that could not be delivered yet. Page requests stay where the driver keeps them; the virtual IOMMU is told that
 * there are some, and takes them itself.
 */
final class DeviceEvents {
    /** Most records that are kept while nobody calls takeEvents; the oldest go first. */
    static final int MOST_KEPT = 1024;

    /** Most devices whose guests are known. */
    private static final int MOST_DEVICES = 1 << 16;

    /** The guests of devices: who attached a device last, or said first that it is a guest's; empty while it is attached for no guest. */
    private final Map<Integer, Optional<CoreGuest>> guests = new ConcurrentHashMap<>();

    /** Bits of a requester that tell devices apart; keys of {@link #guests} have no others. */
    private volatile int deviceBits = -1;

    /** Records that nobody has taken; guarded by itself. */
    private final Deque<byte[]> kept = new ArrayDeque<>();

    /** Learns from a backend by which bits of a requester its devices are told apart. Inside the gate, under no lock. */
    void learnDevices(BackendEntry backend) {
        int bits = Contained.deviceBits(backend);
        if (bits != deviceBits) {
            deviceBits = bits;
            Map<Integer, Optional<CoreGuest>> before = new HashMap<>(guests);
            guests.clear();
            before.forEach((requester, guest) -> guests.put(requester & bits, guest));
        }
    }

    /** A device has been attached: by a guest's call, or, with null, by somebody who is none. */
    void attached(int requester, CoreGuest guest) {
        int device = requester & deviceBits;
        if (guests.containsKey(device) || guests.size() < MOST_DEVICES) {
            guests.put(device, Optional.ofNullable(guest));
        }
    }

    /** A device is attached no more: what was a guest's is the guest's still, which may only have taken its table away. */
    void detached(int requester) {
        guests.remove(requester & deviceBits, Optional.empty());
    }

    /** Whoever runs a guest says that a device is its. One that somebody else has attached stays that one's. */
    void claimed(int requester, CoreGuest guest) {
        int device = requester & deviceBits;
        if (!guests.containsKey(device) && guests.size() < MOST_DEVICES) {
            guests.putIfAbsent(device, Optional.of(guest));
        }
    }

    /** The guest of a device; null if it has none. */
    CoreGuest guestOf(int requester) {
        return guests.getOrDefault(requester & deviceBits, Optional.empty()).orElse(null);
    }

    /**
     * Takes the records out of a chip. Inside its gate.
     *
     * @param most how many are kept at most for takeEvents
     */
    void collect(Chip chip, int most) {
        List<byte[]> records = new ArrayList<>();
        chip.hardware().takeEvents(records::add);
        for (byte[] event : records) {
            OptionalInt requester = Contained.eventRequester(chip.backend(), event);
            CoreGuest guest = requester.isPresent() ? guestOf(requester.getAsInt()) : null;
            if (guest != null) {
                guest.notices().add((decoder, sink) -> decoder.deviceEvent(event, sink));
            }
        }
        synchronized (kept) {
            kept.addAll(records);
            while (kept.size() > most) {
                kept.remove();
            }
        }
    }

    /** A device has asked for pages, which wait in its container. */
    void asked(int requester) {
        CoreGuest guest = guestOf(requester);
        if (guest != null) {
            guest.notices().add((decoder, sink) -> decoder.pageRequests(requester, sink));
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
}
