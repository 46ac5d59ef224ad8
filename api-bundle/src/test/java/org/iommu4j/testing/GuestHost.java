package org.iommu4j.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntUnaryOperator;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;

/** The host side of a guest: containers by guest domain, and a log of what the decoder did. */
public final class GuestHost implements GuestRequests {
    private final BackendMachine machine;
    private final IntUnaryOperator deviceOf;
    private final Map<Integer, Integer> containers = new TreeMap<>();
    private final Map<Integer, Integer> members = new TreeMap<>();
    private final List<String> log = new ArrayList<>();
    private Errno failure = Errno.OK;

    /** A host whose devices keep their requester. */
    public GuestHost(BackendMachine machine) {
        this(machine, IntUnaryOperator.identity());
    }

    /**
     * A host whose devices may change their requester.
     *
     * @param deviceOf a requester's part that stays
     */
    public GuestHost(BackendMachine machine, IntUnaryOperator deviceOf) {
        this.machine = machine;
        this.deviceOf = deviceOf;
    }

    /** Requests fail with that from now on. */
    public void failWith(Errno errno) {
        failure = errno;
    }

    /** Takes the log since the last call. */
    public List<String> take() {
        List<String> taken = List.copyOf(log);
        log.clear();
        return taken;
    }

    @Override
    public Completion request(int guestDomain, byte[] bytes) {
        Completion completion = new Completion();
        if (failure != Errno.OK) {
            completion.fail(failure, "as the test wants");
            log.add("failed " + guestDomain);
            return completion;
        }
        if (guestDomain == -1) {
            for (int container : containers.values()) {
                completion = machine.submit(container, bytes);
            }
        } else {
            completion = machine.submit(container(guestDomain), bytes);
        }
        log.add((bytes[4] == 8 ? "invalidate " : (bytes[24] & 1) != 0 ? "unbind " : "bind ") + guestDomain + " "
                + completion.errno() + " " + completion.fidelity());
        return completion;
    }

    @Override
    public void handled(String why) {
        log.add("handled");
    }

    @Override
    public void refused(String reason) {
        log.add("refused: " + reason);
    }

    @Override
    public void move(int requester, int guestDomain) {
        log.add("move 0x" + Integer.toHexString(requester) + " " + guestDomain);
        int device = deviceOf.applyAsInt(requester);
        Integer old = members.remove(device);
        if (old != null) {
            check(machine.detach(old, requester));
        }
        if (guestDomain >= 0) {
            check(machine.attach(container(guestDomain), requester));
            members.put(device, container(guestDomain));
        }
    }

    @Override
    public int takePageRequests(int guestDomain, List<PageRequest> taken) {
        return machine.translator().takePageRequests(container(guestDomain), taken, new Completion());
    }

    @Override
    public int respond(int guestDomain, PageRequest last, PageResponse response) {
        Completion completion = new Completion();
        machine.translator().respond(container(guestDomain), last, response, completion);
        log.add("respond " + guestDomain + " " + completion.errno());
        return completion.errno().code();
    }

    private int container(int guestDomain) {
        return containers.computeIfAbsent(guestDomain, key -> {
            check(machine.open(containers.size()));
            return containers.size();
        });
    }

    private void check(Errno errno) {
        if (errno != Errno.OK) {
            throw new AssertionError(machine.last().toString());
        }
    }
}
