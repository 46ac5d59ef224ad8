package org.iommu4j.amd.hardware;

import org.iommu4j.amd.table.DeviceEntry;
import org.iommu4j.amd.table.DeviceEntryCheck;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.simulation.cache.KeyedCache;
import org.iommu4j.simulation.cache.KeyedVisitor;

/**
 * The cache of device table entries, tagged with the DeviceID alone; entries with V=0 are kept, too. One entry is selected at a
 * time and stands taken apart and checked in {@link #entry}, so that a device's next access need not do it again.
 */
final class DeviceCache {
    private static final int DEFAULT_ENTRIES = 4096;
    private static final int NOBODY = -1;
    private static final int FAULT_LOGGED = DeviceTableEntry.BYTES / Long.BYTES;
    private static final int OF_HOST = FAULT_LOGGED + 1;

    private final KeyedCache entries;
    private final long[] words = new long[OF_HOST + 1];
    private final DeviceEntry entry;
    private int selected = NOBODY;
    private boolean kept;

    DeviceCache(CacheConfig config, DeviceEntryCheck check) {
        entry = new DeviceEntry(check);
        entries = KeyedCache.of(config, DEFAULT_ENTRIES, words.length);
    }

    /** Selects the entry of a device; false if it is not cached. */
    boolean select(int deviceId) {
        return deviceId == selected || selectOther(deviceId);
    }

    /**
     * Selects an entry that was just read, and keeps it if there is room.
     *
     * @param ofHost true if the host made the host table that it leads to
     */
    void fill(int deviceId, long word0, long word1, long word2, long word3, boolean ofHost) {
        words[0] = word0;
        words[1] = word1;
        words[2] = word2;
        words[3] = word3;
        words[FAULT_LOGGED] = 0;
        words[OF_HOST] = ofHost ? 1 : 0;
        entry.set(word0, word1, word2, word3);
        entry.ofHost(ofHost);
        keep(deviceId);
    }

    /** The selected entry. */
    DeviceEntry entry() {
        return entry;
    }

    /** True if page faults of the selected entry are not logged, 48882 2.5.3: SA, or SE after the first one. */
    boolean faultsSuppressed() {
        long word1 = entry.word(DeviceTableEntry.SA.word());
        return DeviceTableEntry.SA.isSet(word1) || (DeviceTableEntry.SE.isSet(word1) && words[FAULT_LOGGED] != 0);
    }

    /** A page fault of the selected entry was logged, the first since it was read. */
    void faultLogged(int deviceId) {
        if (words[FAULT_LOGGED] == 0 && DeviceTableEntry.SE.isSet(entry.word(DeviceTableEntry.SE.word()))) {
            words[FAULT_LOGGED] = 1;
            if (kept) {
                keep(deviceId);
            }
        }
    }

    /** Drops everything; returns how many. */
    int invalidateAll() {
        selected = NOBODY;
        return entries.invalidateAll();
    }

    /** Drops the entry of a device; returns how many. */
    int invalidate(int deviceId) {
        selected = NOBODY;
        return entries.invalidate(deviceId);
    }

    void visit(KeyedVisitor visitor) {
        entries.visit(visitor);
    }

    /** DeviceID of an entry that is visited. */
    int deviceId(int visited) {
        return (int) entries.key(visited);
    }

    /** Host root of an entry that is visited. */
    long hostRoot(int visited) {
        return DeviceTableEntry.HOST_ROOT.get(entries.word(visited, DeviceTableEntry.HOST_ROOT.word()));
    }

    private void keep(int deviceId) {
        kept = entries.capacity() > 0;
        selected = NOBODY;
        if (kept) {
            entries.insert(deviceId, entry.domain(), words);
            selected = deviceId;
        }
    }

    private boolean selectOther(int deviceId) {
        int found = entries.lookup(deviceId);
        if (found == KeyedCache.MISS) {
            return false;
        }
        for (int word = 0; word < words.length; word++) {
            words[word] = entries.word(found, word);
        }
        entry.set(words[0], words[1], words[2], words[3]);
        entry.ofHost(words[OF_HOST] != 0);
        kept = true;
        selected = deviceId;
        return true;
    }
}
