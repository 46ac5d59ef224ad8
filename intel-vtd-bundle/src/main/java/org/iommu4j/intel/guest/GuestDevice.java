package org.iommu4j.intel.guest;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * A device as a guest's tables say it.
 *
 * @param home the guest domain that names the container of which the device is a member; {@link #NOWHERE} if nothing is bound
 * @param deviceTlb true if the device may have a TLB of its own
 * @param byPasid its tables by PASID; {@link #NO_PASID} is that of requests without one
 */
record GuestDevice(int home, boolean deviceTlb, SortedMap<Integer, GuestTable> byPasid) {
    /** A device that is in no container. */
    static final int NOWHERE = -1;

    /** Stands for requests without PASID, as in the contract: virtual units with PASIDs have no RID_PASID but 0. */
    static final int NO_PASID = 0;

    /** A device while the guest's translation is off. */
    static final GuestDevice UNTRANSLATED =
            withoutPasids(GuestTable.passThrough(GuestTable.UNTRANSLATED_DOMAIN), false);

    /** Takes over the map. */
    GuestDevice {
        byPasid = Collections.unmodifiableSortedMap(byPasid);
    }

    /** A device without PASIDs, in the container of its domain. */
    static GuestDevice withoutPasids(GuestTable table, boolean deviceTlb) {
        SortedMap<Integer, GuestTable> only = new TreeMap<>();
        only.put(NO_PASID, table);
        return new GuestDevice(table.domain(), deviceTlb, only);
    }

    /** The same device as a member of another container. */
    GuestDevice in(int otherHome) {
        return new GuestDevice(otherHome, deviceTlb, byPasid);
    }

    /** True if any table, of those PASIDs for which a test is true, meets a condition. */
    boolean has(Predicate<Integer> pasid, Predicate<GuestTable> table) {
        return byPasid.entrySet().stream()
                .anyMatch(entry -> pasid.test(entry.getKey()) && table.test(entry.getValue()));
    }

    /** True if any table meets a condition. */
    boolean has(Predicate<GuestTable> table) {
        return has(pasid -> true, table);
    }

    /** Bits of the widest address that its tables translate; 0 if requests pass untranslated, or nothing is bound. */
    int widthBits() {
        return has(GuestTable::passes)
                ? 0
                : byPasid.values().stream()
                        .mapToInt(GuestTable::widthBits)
                        .max()
                        .orElse(0);
    }
}
