package org.iommu4j.spapr.hardware;

import java.util.Arrays;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.simulation.cache.KeyedCache;
import org.iommu4j.simulation.cache.ObservedCache;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.table.RttEntry;

/**
 * The endpoint of each requester id: the default one from reset on, until the host says otherwise, by calls or by a
 * requester translation table in memory, whose entries are cached (docs/spec/spapr-tce.md 4.1, RTC).
 */
final class Requesters {
    /** No endpoint: accesses are aborted. */
    static final int NONE = -1;

    /** No requester translation table. */
    static final long NO_TABLE = -1;

    private static final int COUNT = 1 << 16;
    private static final int DEFAULT_RTC_ENTRIES = 1024;
    private static final long WORD_MASK = ~7L;

    private final int home;
    private final int endpoints;

    /** Endpoint of the requesters that were not moved. */
    private int common;

    /** Endpoints by requester id; null as long as all requesters are in the same one. */
    private short[] moved;

    private final PhysicalMemory memory;
    private final KeyedCache cache;
    private final long[] cached = new long[1];

    /** Is told of the entries of the table that are read. */
    private final TranslationObserver observer;

    private final ObservedCache observed;

    private long table = NO_TABLE;

    /**
     * All in the default endpoint.
     *
     * @param defaultEndpoint which one
     * @param endpoints how many there are
     */
    Requesters(
            int defaultEndpoint,
            int endpoints,
            PhysicalMemory memory,
            CacheConfig cacheConfig,
            TranslationObserver observer) {
        home = defaultEndpoint;
        common = defaultEndpoint;
        this.endpoints = endpoints;
        this.memory = memory;
        this.observer = observer;
        observed = new ObservedCache(observer, CachedKind.CONTEXT);
        cache = KeyedCache.of(cacheConfig, DEFAULT_RTC_ENTRIES, cached.length);
    }

    /** Sets where the table is, or {@link #NO_TABLE}; what was cached is dropped. */
    void table(long address) {
        table = address;
        forgetAll();
    }

    /** Drops what is cached of every requester. */
    void forgetAll() {
        cache.invalidateAll();
    }

    /** Drops what is cached of a requester. */
    void forget(int requester) {
        cache.invalidate(requester);
    }

    /** The endpoint of a requester whose access begins: as the table says, if there is one; {@link #NONE} if it has none. */
    int accessedBy(int requester) {
        if (table == NO_TABLE) {
            return endpointOf(requester);
        }
        int entry = cache.lookup(requester);
        if (entry != KeyedCache.MISS) {
            int pe = (int) cache.word(entry, 0);
            observed.hit(pe, requester, 0);
            return pe;
        }
        observed.missed(TranslationObserver.ANY, requester);
        int pe = read(requester);
        observer.read(RttEntry.LAYOUT, addressOf(requester));
        if (pe == NONE) {
            return NONE;
        }
        cached[0] = pe;
        cache.insert(requester, pe, cached);
        observed.filled(pe, requester, 0, 0);
        return pe;
    }

    /**
     * The endpoint of a requester that a call names; what is cached does not count. One that the host has cut off is still
     * configured in the endpoint that it was in from reset on.
     */
    int named(int requester) {
        int pe = table == NO_TABLE ? endpointOf(requester) : read(requester);
        return pe == NONE ? home : pe;
    }

    /** Entry of the table: 16 bits, big endian. */
    private int read(int requester) {
        try {
            long at = addressOf(requester);
            long word = memory.readLongBe(at & WORD_MASK);
            int pe = (int) (word >>> (48 - 8 * (at & ~WORD_MASK))) & 0xffff;
            return pe < endpoints ? pe : NONE;
        } catch (BusErrorException e) {
            return NONE;
        }
    }

    /** Address of a requester's entry of the table. */
    private long addressOf(int requester) {
        return table + (long) RttEntry.BYTES * requester;
    }

    /** The endpoint of a requester id, 0 to 65535; {@link #NONE} if it has none. */
    int endpointOf(int requester) {
        return moved == null ? common : moved[requester];
    }

    /** True if a number is one of a requester. */
    static boolean isRequester(long value) {
        return value >= 0 && value < COUNT;
    }

    /** Moves every requester. */
    void moveAll(int pe) {
        common = pe;
        moved = null;
    }

    /** Moves a requester to an endpoint, or to {@link #NONE}. */
    void move(int requester, int pe) {
        if (moved == null) {
            moved = new short[COUNT];
            Arrays.fill(moved, (short) common);
        }
        moved[requester] = (short) pe;
    }

    void save(SnapshotWriter out) {
        int count = 0;
        for (int requester = 0; requester < COUNT; requester++) {
            count += endpointOf(requester) == common ? 0 : 1;
        }
        out.putInt(common).putInt(count);
        for (int requester = 0; requester < COUNT; requester++) {
            if (endpointOf(requester) != common) {
                out.putInt(requester).putInt(endpointOf(requester));
            }
        }
    }

    void load(SnapshotReader in) {
        common = in.getInt();
        if (common < NONE || common >= endpoints) {
            throw in.invalid("endpoint " + common);
        }
        int count = in.getCount(COUNT);
        for (int i = 0; i < count; i++) {
            int requester = in.getInt();
            int pe = in.getInt();
            if (!isRequester(requester) || pe < NONE || pe >= endpoints) {
                throw in.invalid("requester 0x" + Integer.toHexString(requester) + " in endpoint " + pe);
            }
            move(requester, pe);
        }
    }
}
