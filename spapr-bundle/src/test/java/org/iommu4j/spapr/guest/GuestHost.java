package org.iommu4j.spapr.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.spapr.Machine;

/** The host side of a guest: containers by guest domain, and a log of what the decoder did. */
final class GuestHost implements GuestRequests {
    private final Machine machine;
    private final Map<Integer, Integer> containers = new TreeMap<>();
    private final Map<Integer, Integer> members = new TreeMap<>();
    private final List<String> log = new ArrayList<>();
    private Errno failure = Errno.OK;

    GuestHost(Machine machine) {
        this.machine = machine;
    }

    /** Requests fail with that from now on. */
    void failWith(Errno errno) {
        failure = errno;
    }

    /** Takes the log since the last call. */
    List<String> take() {
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
        completion = machine.submit(container(guestDomain), bytes);
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
        log.add("refused");
    }

    @Override
    public void move(int requester, int guestDomain) {
        log.add("move " + Integer.toHexString(requester) + " " + guestDomain);
        Integer old = members.remove(requester);
        if (old != null) {
            check(machine.detach(old, requester));
        }
        if (guestDomain >= 0) {
            check(machine.attach(container(guestDomain), requester));
            members.put(requester, container(guestDomain));
        }
    }

    private int container(int guestDomain) {
        return containers.computeIfAbsent(guestDomain, domain -> {
            check(machine.open(containers.size()));
            return containers.size();
        });
    }

    private static void check(Errno errno) {
        if (errno != Errno.OK) {
            throw new AssertionError(errno);
        }
    }
}
