package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.table.ConfigurationRules;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.arm.table.ContextLevel1;
import org.iommu4j.arm.table.ContextTable;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.arm.table.WalkFault;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.KeyedCache;
import org.iommu4j.simulation.memory.PageCursor;

/**
 * How the stream of an access is translated: its stream table entry and context descriptor, from the caches or from memory, IHI
 * 0070 3.3 and 5. What was selected last stands in its accessors.
 */
final class StreamConfiguration {
    private static final int STE_WORDS = StreamTableEntry.WORDS;
    private static final int CD_WORDS = ContextDescriptor.WORDS;

    /** Entries have as many words in the caches, and one that says whether they are legal. */
    static final int STRUCTURE_WORDS = Math.max(STE_WORDS, CD_WORDS);

    private static final int LEGAL = STRUCTURE_WORDS;

    private final StreamTable table;
    private final ConfigurationRules rules;
    private final ConfigurationCaches caches;
    private final PhysicalMemory guestTables;

    /** Ways to the tables of the host and of guests: the entries in use are mostly those of a few devices. */
    private final PageCursor streams;

    private final PageCursor streamsLevel1;
    private final PageCursor contextsOfHost;
    private final PageCursor contextsOfGuests;
    private final long lastAddress;
    private final AccessWatch watch;

    private final long[] ste = new long[STRUCTURE_WORDS + 1];
    private final long[] cd = new long[STRUCTURE_WORDS + 1];
    private final long[] word = new long[1];

    /**
     * A configuration of nothing.
     *
     * @param memory where the stream table is, and context descriptors of the host
     * @param guestTables where context descriptors of guests are
     * @param outputBits size of a physical address
     */
    StreamConfiguration(
            StreamTable table,
            ConfigurationRules rules,
            ConfigurationCaches caches,
            PhysicalMemory memory,
            PhysicalMemory guestTables,
            int outputBits,
            AccessWatch watch) {
        this.table = table;
        this.rules = rules;
        this.caches = caches;
        this.guestTables = guestTables;
        streams = new PageCursor(memory);
        streamsLevel1 = new PageCursor(memory);
        contextsOfHost = new PageCursor(memory);
        contextsOfGuests = new PageCursor(guestTables);
        lastAddress = (1L << outputBits) - 1;
        this.watch = watch;
    }

    /** Words of the stream table entry. */
    long[] ste() {
        return ste;
    }

    /** Words of the context descriptor. */
    long[] cd() {
        return cd;
    }

    /**
     * Selects the stream table entry of a stream, IHI 0070 3.3.1.
     *
     * @param fault is told what is wrong
     * @return true if there is a legal entry
     */
    boolean selectStream(int streamId, WalkFault fault, WalkListener listener) {
        int entry = caches.streams.lookup(ConfigurationCaches.key(streamId));
        if (entry != KeyedCache.MISS) {
            load(caches.streams, entry, ste);
            watch.streamHit(streamId);
        } else {
            watch.streamMissed(streamId);
            if (!fetchStream(streamId, fault, listener)) {
                return false;
            }
        }
        if (ste[LEGAL] == 0) {
            fault.configuration(EventType.C_BAD_STE);
            return false;
        }
        return true;
    }

    private boolean fetchStream(int streamId, WalkFault fault, WalkListener listener) {
        if (!table.contains(streamId)) {
            fault.configuration(EventType.C_BAD_STREAMID);
            return false;
        }
        long at = table.hasTwoLevels() ? entryThroughLevel1(streamId, fault, listener) : table.entryAddress(streamId);
        if (at == StreamTable.NONE) {
            return false;
        }
        try {
            for (int index = 0; index < STE_WORDS; index++) {
                ste[index] = streams.readLongLe(at + (long) index * Long.BYTES);
            }
        } catch (BusErrorException e) {
            fault.fetch(EventType.F_STE_FETCH, at);
            return false;
        }
        if (listener != null) {
            listener.step("STE", at, ste[0]);
        }
        ste[LEGAL] = rules.isLegalStream(ste) ? 1 : 0;
        // Without substreams S1CDMax is ignored, IHI 0070 5.2.
        ste[0] = StreamTableEntry.S1_CD_MAX.set(ste[0], rules.contextBits(ste[0]));
        caches.streams.insert(ConfigurationCaches.key(streamId), 0, ste);
        int config = StreamTableEntry.CONFIG.getInt(ste[0]);
        watch.streamFilled(
                streamId,
                StreamTableEntry.hasStage1(config)
                        ? StreamTableEntry.S1_CONTEXT_PTR.get(ste)
                        : StreamTableEntry.S2_TTB.get(ste));
        return true;
    }

    private long entryThroughLevel1(int streamId, WalkFault fault, WalkListener listener) {
        long key = ConfigurationCaches.key(streamId) >>> table.split();
        int entry = caches.streamLevel1.lookup(key);
        if (entry != KeyedCache.MISS) {
            word[0] = caches.streamLevel1.word(entry, 0);
        } else {
            long at = table.level1Address(streamId);
            try {
                word[0] = streamsLevel1.readLongLe(at);
            } catch (BusErrorException e) {
                fault.fetch(EventType.F_STE_FETCH, at);
                return StreamTable.NONE;
            }
            if (listener != null) {
                listener.step("L1STD", at, word[0]);
            }
            caches.streamLevel1.insert(key, 0, word);
        }
        long at = table.entryAddress(streamId, word[0]);
        if (at == StreamTable.NONE) {
            fault.configuration(EventType.C_BAD_STREAMID);
        }
        return at;
    }

    /**
     * Selects a context descriptor of the stream, IHI 0070 3.3.2; with two stages its address is an intermediate one.
     *
     * @param index SubstreamID, or 0
     * @param stage2 translates addresses of descriptors; null for a stream with stage 1 only
     * @param fault is told what is wrong
     * @return true if there is a legal descriptor
     */
    boolean selectContext(
            int streamId,
            int index,
            boolean el2WithoutE2h,
            Stage2Translation stage2,
            WalkFault fault,
            WalkListener listener) {
        int entry = caches.contexts.lookup(ConfigurationCaches.key(streamId, index));
        if (entry != KeyedCache.MISS) {
            load(caches.contexts, entry, cd);
            watch.contextHit(streamId, index);
        } else {
            watch.contextMissed(streamId, index);
            if (!fetchContext(streamId, index, el2WithoutE2h, stage2, fault, listener)) {
                return false;
            }
        }
        if (cd[LEGAL] == 0) {
            fault.configuration(EventType.C_BAD_CD);
            return false;
        }
        return true;
    }

    private boolean fetchContext(
            int streamId,
            int index,
            boolean el2WithoutE2h,
            Stage2Translation stage2,
            WalkFault fault,
            WalkListener listener) {
        long at = ContextTable.leafBits(ste[0]) == 0
                ? ContextTable.entryAddress(ste[0], index)
                : entryThroughLevel1(streamId, index, stage2, fault, listener);
        if (at == StreamTable.NONE) {
            return false;
        }
        long pa = stage2 == null ? at : stage2.locateContext(at);
        if (pa == Stage2Translation.NONE) {
            return false;
        }
        PageCursor contexts = contexts(stage2, pa);
        try {
            for (int i = 0; i < CD_WORDS; i++) {
                cd[i] = contexts.readLongLe(pa + (long) i * Long.BYTES);
            }
        } catch (BusErrorException e) {
            fault.fetch(EventType.F_CD_FETCH, pa);
            return false;
        }
        if (listener != null) {
            listener.step("CD", pa, cd[0]);
        }
        cd[LEGAL] = rules.isLegalContext(ste, cd, el2WithoutE2h) ? 1 : 0;
        caches.contexts.insert(ConfigurationCaches.key(streamId, index), ConfigurationCaches.key(streamId), cd);
        watch.contextFilled(streamId, index, ContextDescriptor.TTB0.get(cd));
        return true;
    }

    /**
     * Where a context descriptor of the selected stream is read. A pointer into a page of the host is a table of the host: no
     * guest's table is bound there, and below a guest's own stage 2 nothing is the host's. What a guest's own table leads to is read
     * where guests have tables only.
     *
     * @param pa where the descriptor is
     */
    private PageCursor contexts(Stage2Translation stage2, long pa) {
        boolean ownStage2 = stage2 != null && guestTables.contains(StreamTableEntry.S2_TTB.get(ste), Long.BYTES);
        if (ownStage2 || guestTables.contains(pa, ContextDescriptor.BYTES)) {
            return contextsOfGuests;
        }
        long pointer = StreamTableEntry.S1_CONTEXT_PTR.get(ste);
        long root = stage2 == null ? pointer : stage2.locateContext(pointer);
        boolean ofHost = root != Stage2Translation.NONE && !guestTables.contains(root, ContextDescriptor.BYTES);
        return ofHost ? contextsOfHost : contextsOfGuests;
    }

    private long entryThroughLevel1(
            int streamId, int index, Stage2Translation stage2, WalkFault fault, WalkListener listener) {
        long key = ConfigurationCaches.key(streamId, index >>> ContextTable.leafBits(ste[0]));
        int entry = caches.contextLevel1.lookup(key);
        if (entry != KeyedCache.MISS) {
            word[0] = caches.contextLevel1.word(entry, 0);
        } else {
            long at = ContextTable.level1Address(ste[0], index);
            long pa = stage2 == null ? at : stage2.locateContext(at);
            if (pa == Stage2Translation.NONE) {
                return StreamTable.NONE;
            }
            try {
                word[0] = contexts(stage2, pa).readLongLe(pa);
            } catch (BusErrorException e) {
                fault.fetch(EventType.F_CD_FETCH, pa);
                return StreamTable.NONE;
            }
            if (listener != null) {
                listener.step("L1CD", pa, word[0]);
            }
            caches.contextLevel1.insert(key, ConfigurationCaches.key(streamId), word);
        }
        long leaf = ContextTable.leafTable(ste[0], word[0]);
        if (!ContextLevel1.V.isSet(word[0]) || Long.compareUnsigned(leaf, lastAddress) > 0) {
            fault.configuration(EventType.C_BAD_SUBSTREAMID);
            return StreamTable.NONE;
        }
        return ContextTable.entryInLeaf(ste[0], leaf, index);
    }

    private static void load(KeyedCache cache, int entry, long[] words) {
        for (int index = 0; index < words.length; index++) {
            words[index] = cache.word(entry, index);
        }
    }
}
