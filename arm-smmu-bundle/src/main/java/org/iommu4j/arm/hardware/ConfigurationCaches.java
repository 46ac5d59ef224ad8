package org.iommu4j.arm.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.simulation.cache.KeyedCache;

/**
 * What a chip keeps of the structures that say how a stream is translated, IHI 0070 16.2, invalid and illegal ones too, and what
 * each command drops, IHI 0070 4.3:
 *
 * <table>
 * <caption>Removal</caption>
 * <tr><th>command</th><th>L1STD</th><th>STE</th><th>L1CD</th><th>CD</th></tr>
 * <tr><td>CFGI_STE, Leaf=0 / 1</td><td>of the StreamID / -</td><td>of the StreamID</td><td>all of it</td><td>all of it</td></tr>
 * <tr><td>CFGI_STE_RANGE</td><td>of the block</td><td>of the block</td><td>of the block</td><td>of the block</td></tr>
 * <tr><td>CFGI_CD, Leaf=0 / 1</td><td>-</td><td>-</td><td>of the SubstreamID / -</td><td>of the SubstreamID</td></tr>
 * <tr><td>CFGI_CD_ALL</td><td>-</td><td>-</td><td>of the StreamID</td><td>of the StreamID</td></tr>
 * </table>
 */
class ConfigurationCaches {
    private static final int DEFAULT_ENTRIES = 1 << 12;
    private static final int SUBSTREAM_BITS = 20;
    private static final long EVERY_BIT = -1L;

    /** By block of StreamIDs. */
    final KeyedCache streamLevel1;

    /** By StreamID: the words, then whether they are legal. */
    final KeyedCache streams;

    /** By StreamID and block of SubstreamIDs; the tag is the StreamID. */
    final KeyedCache contextLevel1;

    /** By StreamID and index: the words, then whether they are legal; the tag is the StreamID. */
    final KeyedCache contexts;

    private long dropped;

    ConfigurationCaches(CacheConfig config, int structureWords) {
        streamLevel1 = KeyedCache.of(config, DEFAULT_ENTRIES, 1);
        streams = KeyedCache.of(config, DEFAULT_ENTRIES, structureWords + 1);
        contextLevel1 = KeyedCache.of(config, DEFAULT_ENTRIES, 1);
        contexts = KeyedCache.of(config, DEFAULT_ENTRIES, structureWords + 1);
    }

    /** Key of a StreamID. */
    static long key(int streamId) {
        return Integer.toUnsignedLong(streamId);
    }

    /** Key of a context descriptor, or of a level-1 descriptor if the index is that of its block. */
    static long key(int streamId, int index) {
        return key(streamId) << SUBSTREAM_BITS | index;
    }

    /** Entries dropped since the chip was made. */
    long dropped() {
        return dropped;
    }

    /**
     * CFGI_STE.
     *
     * @param split StreamID bits below a level-1 descriptor
     */
    void invalidateStream(int streamId, boolean leafOnly, int split) {
        dropped += streams.invalidate(key(streamId));
        invalidateContexts(streamId);
        if (!leafOnly) {
            dropped += streamLevel1.invalidate(key(streamId) >>> split);
        }
    }

    /**
     * CFGI_STE_RANGE.
     *
     * @param bits log2 of the StreamIDs in the aligned block; 32 for all
     * @param split StreamID bits below a level-1 descriptor
     */
    void invalidateStreams(int streamId, int bits, int split) {
        long mask = EVERY_BIT << bits;
        dropped += streams.invalidateMatching(mask, key(streamId), 0, 0);
        dropped += contextLevel1.invalidateMatching(0, 0, mask, key(streamId));
        dropped += contexts.invalidateMatching(0, 0, mask, key(streamId));
        dropped +=
                streamLevel1.invalidateMatching(EVERY_BIT << Math.max(0, bits - split), key(streamId) >>> split, 0, 0);
    }

    /**
     * CFGI_CD.
     *
     * @param leafBits log2 of the context descriptors below a level-1 descriptor
     */
    void invalidateContext(int streamId, int index, boolean leafOnly, int leafBits) {
        dropped += contexts.invalidate(key(streamId, index));
        if (!leafOnly) {
            dropped += contextLevel1.invalidate(key(streamId, index >>> leafBits));
        }
    }

    /** CFGI_CD_ALL. */
    void invalidateContexts(int streamId) {
        dropped += contexts.invalidateMatching(0, 0, EVERY_BIT, key(streamId));
        dropped += contextLevel1.invalidateMatching(0, 0, EVERY_BIT, key(streamId));
    }
}
