package org.iommu4j.simulation.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

final class CacheAllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int ROUNDS = 200;
    private static final int TIMES = 5;

    private final TranslationCache translations = new TranslationCache(1000);
    private final KeyedCache keyed = new KeyedCache(100, 2);
    private final long[] words = new long[2];
    private int dropped;

    @Test
    void shouldNotAllocateOnceWarm() {
        for (int round = 0; round < ROUNDS; round++) {
            work(round);
        }

        // The least of a few times: what the virtual machine allocates for itself while it compiles is no round's.
        long bytes = Long.MAX_VALUE;
        for (int time = 0; time < TIMES; time++) {
            long before = THREADS.getCurrentThreadAllocatedBytes();
            for (int round = 0; round < ROUNDS; round++) {
                work(round);
            }
            bytes = Math.min(bytes, THREADS.getCurrentThreadAllocatedBytes() - before);
        }

        assertEquals(0, bytes / ROUNDS, "bytes a round");
        assertTrue(dropped > 0);
    }

    /** Everything that a chip does, at full caches. */
    private void work(int round) {
        for (int i = 0; i < 1500; i++) {
            long iova = ((long) i * 7 + round % 3) << 12;
            translations.insert(i & 3, i & 1, iova, (i & 15) == 0 ? 21 : 12, i, 3);
            translations.lookup(i & 3, 0, iova);
            keyed.insert(i, i & 3, words);
        }
        dropped += translations.invalidatePage(1, 1, 7L << 12);
        dropped += translations.invalidateBlock(2, 0, 0, 21);
        dropped += translations.invalidateRangeAnyPasid(3, 0, 0xFFFFFF);
        dropped += translations.invalidateSpace(1, 1);
        dropped += translations.invalidatePasids(2);
        dropped += translations.invalidateDomain(round & 3);
        dropped += keyed.invalidateMatching(7, round & 7, 0, 0);
        if (round % 10 == 0) {
            dropped += translations.invalidateAll();
            dropped += keyed.invalidateAll();
        }
    }
}
