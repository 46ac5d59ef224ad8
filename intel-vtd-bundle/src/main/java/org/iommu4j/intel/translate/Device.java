package org.iommu4j.intel.translate;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.intel.command.BindPgtable;

/** A device in a domain, and how its requests are bound: those without PASID, which are those of {@link #NO_PASID}, and of each PASID. */
final class Device {
    /** The PASID that stands for requests without one. */
    static final int NO_PASID = 0;

    /** Stands for every PASID, and for requests without one. */
    static final int EVERY_PASID = -1;

    private final int requester;
    private final Map<Integer, Bound> bound = new TreeMap<>();

    /** Keys of {@link #bound}, so that looking one up allocates nothing. */
    private int[] pasids = {};

    /** Those of {@link BindPgtable#DEVICE_FLAGS} with which it is bound. */
    private int flags;

    /**
     * What requests of one PASID translate through.
     *
     * @param guestDomainId the guest's name for the domain that it bound them in
     */
    record Bound(Stage stage, int guestDomainId) {}

    /** A blocked device. */
    Device(int requester) {
        this.requester = requester;
    }

    int requester() {
        return requester;
    }

    /** How requests of a PASID are bound; null if they are blocked. */
    Bound bound(int pasid) {
        return bound.get(pasid);
    }

    /** The stage that requests of a PASID are bound to, or null if they are blocked. */
    Stage stage(int pasid) {
        Bound found = bound.get(pasid);
        return found == null ? null : found.stage();
    }

    /** True if requests of a PASID are bound. */
    boolean isBound(int pasid) {
        return Arrays.binarySearch(pasids, pasid) >= 0;
    }

    /** All bindings by PASID. */
    Map<Integer, Bound> byPasid() {
        return Collections.unmodifiableMap(bound);
    }

    /** The stages that it is bound to, each once. */
    Set<Stage> stages() {
        Set<Stage> stages = new LinkedHashSet<>();
        bound.values().forEach(binding -> stages.add(binding.stage()));
        return stages;
    }

    /** True if nothing is bound. */
    boolean isBlocked() {
        return bound.isEmpty();
    }

    /** True if any PASID is bound beside {@link #NO_PASID}. */
    boolean hasPasids() {
        return pasids.length > 1 || (pasids.length == 1 && pasids[0] != NO_PASID);
    }

    /** True if it has a TLB of its own that invalidations must reach. */
    boolean deviceTlb() {
        return BindPgtable.FLAG_DEVICE_TLB.isSet(flags);
    }

    /** True if it may ask for pages. */
    boolean pageRequests() {
        return BindPgtable.FLAG_PAGE_REQUESTS.isSet(flags);
    }

    /** Those of {@link BindPgtable#DEVICE_FLAGS} with which it is bound. */
    int flags() {
        return flags;
    }

    void bind(int pasid, Stage stage, int withFlags, int inGuestDomain) {
        bound.put(pasid, new Bound(stage, inGuestDomain));
        flags = withFlags;
        keysChanged();
    }

    void unbind(int pasid) {
        bound.remove(pasid);
        flags = bound.isEmpty() ? 0 : flags;
        keysChanged();
    }

    /** The PASID whose binding a request for a page is about. */
    static int pasidOf(PageRequest request) {
        return request.pasid() == DmaAccess.NO_PASID ? NO_PASID : request.pasid();
    }

    private void keysChanged() {
        pasids = bound.keySet().stream().mapToInt(Integer::intValue).toArray();
    }
}
