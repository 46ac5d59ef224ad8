package org.iommu4j.upgrade.replay;

import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.ReplayResult.RequestTally;

/**
 * The containers of one guest, by the guest's own domain ids; opened when the guest first names the domain. Used by one
 * thread.
 */
public final class GuestContainers implements GuestRequests {
    private final Unit unit;
    private final int subVersion;
    private final Map<Integer, Container> containers = new TreeMap<>();
    private final Map<Integer, Container> containerOf = new HashMap<>();
    private final Map<String, Long> refusals = new TreeMap<>();
    /** Each reason with how to explain the first request that was refused for it, so that equal reasons stay equal. */
    private final Map<String, String> explainable = new HashMap<>();

    private final Completion completion = new Completion();
    private final Completion one = new Completion();
    private Consumer<String> refusalListener = reason -> {};
    private final AtomicLong sent = new AtomicLong();
    private long completed;
    private long widened;
    private long handled;

    /**
     * The containers of a guest in front of a unit.
     *
     * @param subVersion the generation that the guest sees
     */
    public GuestContainers(Unit unit, int subVersion) {
        this.unit = unit;
        this.subVersion = subVersion;
    }

    @Override
    public Completion request(int guestDomain, byte[] bytes) {
        if (guestDomain >= 0) {
            send(container(guestDomain), bytes, completion);
            return completion;
        }
        // A request for all domains has nothing to do while there is none.
        completion.begin().done(Fidelity.EXACT);
        for (Container container : containers.values()) {
            send(container, bytes, one);
            if (one.errno() != Errno.OK) {
                completion.copy(one);
            } else if (one.fidelity() == Fidelity.WIDENED && completion.errno() == Errno.OK) {
                completion.copy(one);
            }
        }
        return completion;
    }

    private void send(Container container, byte[] bytes, Completion answer) {
        sent.incrementAndGet();
        container.ioctl(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, answer);
        if (answer.errno() == Errno.OK) {
            completed++;
            if (answer.fidelity() == Fidelity.WIDENED) {
                widened++;
            }
            return;
        }
        String rule =
                answer.rule() == null ? answer.errno().name() : answer.rule().name();
        refusals.merge(rule, 1L, Long::sum);
        refusalListener.accept(explainable.computeIfAbsent(
                answer.toString(),
                reason ->
                        reason + "; the first: " + ExplainHints.request(Abi.LP64_LE, unit.model(), subVersion, bytes)));
    }

    @Override
    public void handled(String why) {
        handled++;
    }

    @Override
    public void refused(String reason) {
        refusalListener.accept(reason);
    }

    @Override
    public void move(int requester, int guestDomain) {
        Container target = guestDomain < 0 ? null : container(guestDomain);
        Container present = containerOf.get(requester);
        if (target == present) {
            return;
        }
        if (present != null) {
            if (present.detach(requester, one) != 0) {
                refusalListener.accept("detach of 0x" + Integer.toHexString(requester) + ": " + one);
                return;
            }
            containerOf.remove(requester);
        }
        if (target != null) {
            if (target.attach(requester, one) != 0) {
                refusalListener.accept("attach of 0x" + Integer.toHexString(requester) + ": " + one);
                return;
            }
            containerOf.put(requester, target);
        }
    }

    @Override
    public int takePageRequests(int guestDomain, List<PageRequest> taken) {
        return container(guestDomain).takePageRequests(taken, one);
    }

    @Override
    public int respond(int guestDomain, PageRequest last, PageResponse response) {
        return container(guestDomain).respond(last, response, one);
    }

    private Container container(int guestDomain) {
        return containers.computeIfAbsent(
                guestDomain, domain -> unit.openContainer(ContainerConfig.of(Offer.exactly(unit.model(), subVersion))));
    }

    /** Sets the listener for refused requests, refused commands and failed moves; one sentence each. */
    void onRefusal(Consumer<String> listener) {
        refusalListener = listener;
    }

    /** The container that a device is in, or null. */
    public Container containerOf(int requester) {
        return containerOf.get(requester);
    }

    /** All containers. */
    public Collection<Container> containers() {
        return Collections.unmodifiableCollection(containers.values());
    }

    /** Counts of requests and answers so far. */
    public RequestTally requests() {
        return new RequestTally(sent.get(), completed, widened, refusals);
    }

    /** Requests sent so far; for other threads too. */
    long sent() {
        return sent.get();
    }

    /** Commands that needed no request so far. */
    long handled() {
        return handled;
    }

    /** Requests that waited for a backend or a swap. */
    public long parked() {
        long parked = 0;
        for (Container container : containers.values()) {
            parked += container.counters().parked();
        }
        return parked;
    }

    /** The same as the containers themselves counted it: independent of what their callers saw. */
    public RequestTally counted() {
        RequestTally all = RequestTally.NONE;
        for (Container container : containers.values()) {
            var counters = container.counters();
            all = all.plus(new RequestTally(
                    counters.received(), counters.completed(), counters.widened(), counters.refused()));
        }
        return all;
    }
}
