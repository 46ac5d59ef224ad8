package org.iommu4j.upgrade.replay;

import java.nio.ByteOrder;
import java.util.List;
import org.iommu4j.backend.PhysicalMemory;

/** Words that a guest wrote to its memory. */
final class GuestWords {
    private GuestWords() {}

    /**
     * Stores words one behind the other.
     *
     * @param order byte order of the model
     * @param pa where the first one goes, a multiple of 8
     */
    static void store(PhysicalMemory memory, ByteOrder order, long pa, List<Long> words) {
        for (int i = 0; i < words.size(); i++) {
            long at = pa + (long) i * Long.BYTES;
            if (order == ByteOrder.BIG_ENDIAN) {
                memory.writeLongBe(at, words.get(i));
            } else {
                memory.writeLongLe(at, words.get(i));
            }
        }
    }
}
