package org.iommu4j.upgrade.run;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.iommu4j.backend.NativeCommandListener;

/**
 * Checks the native commands of a unit against the requests that were sent: each request's address must show as often as it
 * did when nothing was swapped, in the order in which the requests were sent. Independent of every counter on the way.
 *
 * <p>A command shows an address if one of its 64-bit words is the address but for its low 12 bits, in either byte order: so
 * all models write it.
 */
final class TapCheck implements NativeCommandListener {
    private static final long PAGE = 0xfff;

    private final Map<Long, Integer> slotOf = new HashMap<>();
    private final int[] commandsOf;
    private int[] expected = new int[0];
    private int expectedCount;
    private int position;
    private int shownOfPosition;
    private int seen;
    private boolean learning;
    private long doubled;
    private long reordered;

    /** A check of requests for that many slots. */
    TapCheck(int slots) {
        commandsOf = new int[slots];
    }

    /** Adds an address to look for. */
    synchronized void watch(long iova, int slot) {
        slotOf.put(iova, slot);
    }

    /** Begins to learn how many commands a request for a slot needs: with device TLBs more than one. */
    synchronized void learn() {
        learning = true;
        seen = 0;
    }

    /**
     * Ends {@link #learn}: the request was for this slot.
     *
     * @return how many commands showed its address
     */
    synchronized int learned(int slot) {
        learning = false;
        commandsOf[slot] = seen;
        return seen;
    }

    /** Requests for these slots are about to be sent, in this order. */
    synchronized void expect(int[] slots, int count) {
        expected = slots;
        expectedCount = count;
        position = 0;
        shownOfPosition = 0;
    }

    @Override
    public synchronized void command(byte[] bytes) {
        Integer slot = shown(bytes);
        if (slot == null) {
            return;
        }
        seen++;
        if (learning) {
            return;
        }
        if (position == expectedCount) {
            doubled++;
            return;
        }
        if (expected[position] != slot) {
            reordered++;
        }
        shownOfPosition++;
        if (shownOfPosition == commandsOf[expected[position]]) {
            position++;
            shownOfPosition = 0;
        }
    }

    private Integer shown(byte[] bytes) {
        ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at + Long.BYTES <= bytes.length; at += Long.BYTES) {
            long word = words.getLong(at);
            Integer slot = slotOf.get(word & ~PAGE);
            if (slot == null) {
                slot = slotOf.get(Long.reverseBytes(word) & ~PAGE);
            }
            if (slot != null) {
                return slot;
            }
        }
        return null;
    }

    /** The requests have been answered: how many of them did not show all their commands. */
    synchronized int missing() {
        return expectedCount - position;
    }

    /** Commands that no request had asked for. */
    synchronized long doubled() {
        return doubled;
    }

    /** Commands that came out of order. */
    synchronized long reordered() {
        return reordered;
    }
}
