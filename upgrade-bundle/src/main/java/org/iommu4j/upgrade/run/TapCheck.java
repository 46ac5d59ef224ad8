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
 * <p>A command shows an address if one of its 64-bit words is the address but for its low 12 bits and its high 4 bits, which
 * a register may need for other things, in either byte order: so all models write it. Words are counted from the end, for
 * an instruction stands before its registers. Where a model only drops whole address spaces, no command shows an address:
 * then there must be a command at all, and more is not known.
 */
final class TapCheck implements NativeCommandListener {
    private static final long ADDRESS = 0x0fff_ffff_ffff_f000L;

    private final Map<Long, Integer> slotOf = new HashMap<>();
    private final int[] commandsOf;
    private int[] expected = new int[0];
    private int expectedCount;
    private int position;
    private int shownOfPosition;
    private int seen;
    private int written;
    private boolean learning;
    private long doubled;
    private long reordered;

    /** A check of requests for that many slots. */
    TapCheck(int slots) {
        commandsOf = new int[slots];
    }

    /** Adds an address to look for. */
    synchronized void watch(long iova, int slot) {
        slotOf.put(iova & ADDRESS, slot);
    }

    /** Begins to learn how many commands a request for a slot needs: with device TLBs more than one. */
    synchronized void learn() {
        learning = true;
        seen = 0;
        written = 0;
    }

    /**
     * Ends {@link #learn}: the request was for this slot.
     *
     * @return how many commands there were, whether they showed its address or not
     */
    synchronized int learned(int slot) {
        learning = false;
        commandsOf[slot] = seen;
        return written;
    }

    /** Requests for these slots are about to be sent, in this order. */
    synchronized void expect(int[] slots, int count) {
        expected = slots;
        expectedCount = count;
        position = 0;
        shownOfPosition = 0;
        written = 0;
    }

    @Override
    public synchronized void command(byte[] bytes) {
        written++;
        Integer slot = shown(bytes);
        if (slot == null) {
            return;
        }
        seen++;
        if (learning) {
            return;
        }
        while (position < expectedCount && commandsOf[expected[position]] == 0) {
            position++;
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
        for (int at = bytes.length % Long.BYTES; at < bytes.length; at += Long.BYTES) {
            long word = words.getLong(at);
            Integer slot = slotOf.get(word & ADDRESS);
            if (slot == null) {
                slot = slotOf.get(Long.reverseBytes(word) & ADDRESS);
            }
            if (slot != null) {
                return slot;
            }
        }
        return null;
    }

    /** The requests have been answered: how many of them did not show all their commands. */
    synchronized int missing() {
        int missing = 0;
        for (int i = 0; i < expectedCount; i++) {
            boolean shows = commandsOf[expected[i]] > 0;
            if (shows ? i >= position : written == 0) {
                missing++;
            }
        }
        return missing;
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
