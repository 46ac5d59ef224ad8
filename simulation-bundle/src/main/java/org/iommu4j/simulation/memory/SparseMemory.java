package org.iommu4j.simulation.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Errno;

/**
 * Memory of 52 address bits that takes room only for the 4096-byte pages that were written. A hash table leads from a
 * page to its frame in a slab; one 64-bit word of it holds both numbers, and slabs keep neighbouring frames together, so
 * that an isolated page costs little and a lookup touches few cache lines.
 *
 * <p>Threads: any number may read and write at a time. New pages are added under a lock and never move or vanish, so no
 * thread's write is lost to another's new page. There is no other order than the callers' own: words of two threads are
 * ordered by whatever the threads synchronize on, and of two writes to one word either may win.
 */
public final class SparseMemory implements PhysicalMemory {
    /** Width of an address in bits. */
    public static final int ADDRESS_BITS = 52;

    /** Size of a page in bytes. */
    public static final int PAGE_BYTES = 4096;

    /** log2 of the size of a page in bytes. */
    public static final int PAGE_SHIFT = 12;

    /** Size of a pair of words in bytes. */
    static final int PAIR_BYTES = 2 * Long.BYTES;

    /** The bits of an address that say where in its page it is. */
    static final int IN_PAGE = PAGE_BYTES - 1;

    /** Frames of a slab. */
    private static final int SLAB_SHIFT = 6;

    private static final int SLAB_FRAMES = 1 << SLAB_SHIFT;

    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    /** Bits of a frame's number in a word of the directory; the rest holds the page's. */
    private static final int FRAME_BITS = Long.SIZE - (ADDRESS_BITS - PAGE_SHIFT);

    private static final int FRAME_MASK = (1 << FRAME_BITS) - 1;

    private static final int FIRST_WORDS = 128;

    private static final VarHandle LONG_LE =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG_BE = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle INT_LE = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private final long limitBytes;

    private final Object lock = new Object();

    /**
     * Leads from pages to frames: open addressing, at most half full. Changed and replaced under the lock; read without
     * it, as a plain field, because that is what makes an access cheap: a word, which a JVM of 64 bits reads whole, goes
     * from 0 to what it stays, and whoever finds 0, or has an old directory, looks again under the lock.
     */
    private long[] directory = new long[FIRST_WORDS];

    /** The frames. An element goes from null to what it stays, under the lock. */
    private final byte[][] slabs;

    /** First and last address of each range that is memory; replaced under the lock. */
    private volatile long[] ranges;

    /** Frames of pages that are memory only in part, so that each access to them is checked; guarded by the lock. */
    private final Map<Long, Integer> edgeFrames = new HashMap<>();

    /** Frames in use; frame 0 stands for "none". Guarded by the lock. */
    private int frames;

    /** Memory everywhere, with the default limit. */
    public SparseMemory() {
        this(List.of());
    }

    /**
     * Memory in some places, with the default limit.
     *
     * @param ram where there is memory; empty: everywhere
     */
    public SparseMemory(List<PlatformConfig.Range> ram) {
        this(ram, defaultLimitBytes());
    }

    /**
     * Memory in some places.
     *
     * @param ram where there is memory; empty: everywhere
     * @param limitBytes most bytes that written pages may take; beyond, writes are refused with {@code ENOMEM}
     */
    public SparseMemory(List<PlatformConfig.Range> ram, long limitBytes) {
        if (limitBytes < PAGE_BYTES) {
            throw new IllegalArgumentException("limitBytes=" + limitBytes + " is less than a page");
        }
        this.limitBytes = Math.min(limitBytes, (long) FRAME_MASK << PAGE_SHIFT);
        slabs = new byte[(int) (this.limitBytes >>> (PAGE_SHIFT + SLAB_SHIFT)) + 1][];
        long end = 1L << ADDRESS_BITS;
        List<long[]> places = new ArrayList<>();
        for (PlatformConfig.Range range : ram) {
            if (range.base() < end) {
                places.add(new long[] {range.base(), Math.min(end, range.base() + range.lengthBytes())});
            }
        }
        ranges = ram.isEmpty() ? new long[] {0, end} : merge(places);
    }

    /** The default limit: half of the heap, at most 1 GiB. */
    public static long defaultLimitBytes() {
        return Math.min(1L << 30, Runtime.getRuntime().maxMemory() / 2);
    }

    /** Most bytes that written pages may take. */
    public long limitBytes() {
        return limitBytes;
    }

    /** Bytes that written pages take now. */
    public long allocatedBytes() {
        synchronized (lock) {
            return (long) frames << PAGE_SHIFT;
        }
    }

    @Override
    public long readLongLe(long pa) {
        checkAligned(pa, Long.BYTES);
        int frame = frameToRead(pa, Long.BYTES);
        return frame == 0 ? 0 : (long) LONG_LE.get(slab(frame), offset(frame, pa));
    }

    @Override
    public long readLongBe(long pa) {
        checkAligned(pa, Long.BYTES);
        int frame = frameToRead(pa, Long.BYTES);
        return frame == 0 ? 0 : (long) LONG_BE.get(slab(frame), offset(frame, pa));
    }

    @Override
    public int readIntLe(long pa) {
        checkAligned(pa, Integer.BYTES);
        int frame = frameToRead(pa, Integer.BYTES);
        return frame == 0 ? 0 : (int) INT_LE.get(slab(frame), offset(frame, pa));
    }

    @Override
    public void writeLongLe(long pa, long value) {
        checkAligned(pa, Long.BYTES);
        int frame = frameToWrite(pa, Long.BYTES);
        LONG_LE.set(slab(frame), offset(frame, pa), value);
    }

    @Override
    public void writeLongBe(long pa, long value) {
        checkAligned(pa, Long.BYTES);
        int frame = frameToWrite(pa, Long.BYTES);
        LONG_BE.set(slab(frame), offset(frame, pa), value);
    }

    @Override
    public void writeIntLe(long pa, int value) {
        checkAligned(pa, Integer.BYTES);
        int frame = frameToWrite(pa, Integer.BYTES);
        INT_LE.set(slab(frame), offset(frame, pa), value);
    }

    @Override
    public void readPairLe(long pa, long[] target) {
        checkAligned(pa, PAIR_BYTES);
        int frame = frameToRead(pa, PAIR_BYTES);
        if (frame == 0) {
            target[0] = 0;
            target[1] = 0;
        } else {
            getPair(slab(frame), offset(frame, pa), target);
        }
    }

    @Override
    public void writePairLe(long pa, long first, long second) {
        checkAligned(pa, PAIR_BYTES);
        int frame = frameToWrite(pa, PAIR_BYTES);
        setPair(slab(frame), offset(frame, pa), first, second);
    }

    @Override
    public void read(long pa, byte[] target, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, target.length);
        check(pa, length);
        for (int done = 0; done < length; ) {
            long at = pa + done;
            int part = Math.min(length - done, PAGE_BYTES - ((int) at & IN_PAGE));
            int frame = frameToRead(at, part);
            if (frame == 0) {
                Arrays.fill(target, offset + done, offset + done + part, (byte) 0);
            } else {
                System.arraycopy(slab(frame), offset(frame, at), target, offset + done, part);
            }
            done += part;
        }
    }

    @Override
    public void write(long pa, byte[] source, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, source.length);
        check(pa, length);
        // All pages first: without room for one of them nothing is changed.
        for (long page = pa & -PAGE_BYTES; page < pa + length; page += PAGE_BYTES) {
            long at = Math.max(page, pa);
            frameToWrite(at, (int) Math.min(pa + length - at, PAGE_BYTES - ((int) at & IN_PAGE)));
        }
        for (int done = 0; done < length; ) {
            long at = pa + done;
            int part = Math.min(length - done, PAGE_BYTES - ((int) at & IN_PAGE));
            int frame = frameToWrite(at, part);
            System.arraycopy(source, offset + done, slab(frame), offset(frame, at), part);
            done += part;
        }
    }

    @Override
    public boolean contains(long pa, long length) {
        return length >= 0 && endOfMemory(pa) - pa >= length;
    }

    /** The first page at or above {@code floor}, at most {@code ceiling}, that lies above all memory; {@code floor} if memory
     * is everywhere. */
    long pageAbove(long floor, long ceiling) {
        long[] places = ranges;
        long end = places.length == 0 ? 0 : places[places.length - 1];
        if (end <= floor || (places[0] == 0 && end == 1L << ADDRESS_BITS)) {
            return floor;
        }
        return Math.min(ceiling, (end + IN_PAGE) & -PAGE_BYTES);
    }

    /** Makes a range memory that was none, or only in part. */
    void include(long base, long lengthBytes) {
        synchronized (lock) {
            long[] old = ranges;
            List<long[]> places = new ArrayList<>();
            for (int i = 0; i < old.length; i += 2) {
                places.add(new long[] {old[i], old[i + 1]});
            }
            places.add(new long[] {base, base + lengthBytes});
            ranges = merge(places);
        }
    }

    /** Zeroes whole pages; those that were never written stay so. */
    void clear(long pa, int pages) {
        for (int i = 0; i < pages; i++) {
            long at = pa + ((long) i << PAGE_SHIFT);
            int frame = frameToRead(at, PAGE_BYTES);
            if (frame != 0) {
                int from = offset(frame, at);
                Arrays.fill(slab(frame), from, from + PAGE_BYTES, (byte) 0);
            }
        }
    }

    private static void checkAligned(long pa, int bytes) {
        if ((pa & (bytes - 1)) != 0) {
            throw new IllegalArgumentException("0x" + Long.toHexString(pa) + " is not a multiple of " + bytes);
        }
    }

    /** Reads a pair of words out of a slab. */
    static void getPair(byte[] slab, int at, long[] target) {
        target[0] = (long) LONG_LE.get(slab, at);
        target[1] = (long) LONG_LE.get(slab, at + Long.BYTES);
    }

    /** Stores a pair of words into a slab. */
    static void setPair(byte[] slab, int at, long first, long second) {
        LONG_LE.set(slab, at, first);
        LONG_LE.set(slab, at + Long.BYTES, second);
    }

    /** Reads a little-endian word out of a slab. */
    static long getLongLe(byte[] slab, int at) {
        return (long) LONG_LE.get(slab, at);
    }

    /** Reads a big-endian word out of a slab. */
    static long getLongBe(byte[] slab, int at) {
        return (long) LONG_BE.get(slab, at);
    }

    /** Stores a big-endian word into a slab. */
    static void setLongBe(byte[] slab, int at, long value) {
        LONG_BE.set(slab, at, value);
    }

    /** The offset in a slab of an address of the frame's page. */
    static int offset(int frame, long pa) {
        return ((frame & (SLAB_FRAMES - 1)) << PAGE_SHIFT) | ((int) pa & IN_PAGE);
    }

    private static long[] merge(List<long[]> places) {
        places.sort(Comparator.comparingLong(place -> place[0]));
        List<long[]> merged = new ArrayList<>();
        for (long[] place : places) {
            long[] last = merged.isEmpty() ? null : merged.get(merged.size() - 1);
            if (last != null && place[0] <= last[1]) {
                last[1] = Math.max(last[1], place[1]);
            } else {
                merged.add(place);
            }
        }
        return merged.stream().flatMapToLong(Arrays::stream).toArray();
    }

    /** The end of the memory range that contains an address; the address itself if no range does. */
    private long endOfMemory(long pa) {
        if (pa >= 0 && pa < 1L << ADDRESS_BITS) {
            long[] places = ranges;
            for (int i = 0; i < places.length; i += 2) {
                if (pa >= places[i] && pa < places[i + 1]) {
                    return places[i + 1];
                }
            }
        }
        return pa;
    }

    private void check(long pa, int length) {
        if (length > 0) {
            long end = endOfMemory(pa);
            if (end - pa < length) {
                throw new BusErrorException(end);
            }
        }
    }

    /**
     * The frame of a page that is memory as a whole, or 0. Short, so that it is compiled into its callers: most pages are
     * where they belong.
     */
    int frame(long page) {
        long[] words = directory;
        int at = home(page, words);
        long word = words[at];
        // A free word looks like page 0 in frame 0, which is the right answer for page 0.
        return word >>> FRAME_BITS == page ? (int) word & FRAME_MASK : displacedFrame(page, words, at);
    }

    private static int displacedFrame(long page, long[] words, int home) {
        int at = home;
        while (words[at] != 0) {
            at = (at + 1) & (words.length - 1);
            if (words[at] >>> FRAME_BITS == page) {
                return (int) words[at] & FRAME_MASK;
            }
        }
        return 0;
    }

    private static int home(long page, long[] words) {
        return (int) ((page * GOLDEN) >>> (Long.numberOfLeadingZeros(words.length) + 1));
    }

    /** The slab of a frame. */
    byte[] slab(int frame) {
        byte[] slab = slabs[frame >>> SLAB_SHIFT];
        return slab != null ? slab : slabUnderLock(frame);
    }

    private byte[] slabUnderLock(int frame) {
        synchronized (lock) {
            return slabs[frame >>> SLAB_SHIFT];
        }
    }

    /** The frame of memory to be read, or 0 if it was never written. */
    private int frameToRead(long pa, int length) {
        int frame = frame(pa >>> PAGE_SHIFT);
        return frame != 0 ? frame : frameUnderLock(pa, length);
    }

    private int frameUnderLock(long pa, int length) {
        check(pa, length);
        long page = pa >>> PAGE_SHIFT;
        synchronized (lock) {
            int frame = frame(page);
            return frame != 0 || edgeFrames.isEmpty() ? frame : edgeFrames.getOrDefault(page, 0);
        }
    }

    /** The frame of memory to be written. */
    private int frameToWrite(long pa, int length) {
        int frame = frame(pa >>> PAGE_SHIFT);
        return frame != 0 ? frame : provideFrame(pa, length);
    }

    private int provideFrame(long pa, int length) {
        check(pa, length);
        long page = pa >>> PAGE_SHIFT;
        synchronized (lock) {
            int frame = frameUnderLock(pa, length);
            return frame != 0 ? frame : addFrame(page);
        }
    }

    private int addFrame(long page) {
        int frame = frames + 1;
        if ((long) frame << PAGE_SHIFT > limitBytes) {
            throw full(null);
        }
        try {
            if (slabs[frame >>> SLAB_SHIFT] == null) {
                slabs[frame >>> SLAB_SHIFT] = new byte[SLAB_FRAMES << PAGE_SHIFT];
            }
            if (contains(page << PAGE_SHIFT, PAGE_BYTES)) {
                addWord((page << FRAME_BITS) | frame);
            } else {
                edgeFrames.put(page, frame);
            }
        } catch (OutOfMemoryError e) {
            throw full(e);
        }
        frames = frame;
        return frame;
    }

    private void addWord(long added) {
        if (2 * (frames + 1) > directory.length) {
            long[] larger = new long[2 * directory.length];
            for (long word : directory) {
                if (word != 0) {
                    place(word, larger);
                }
            }
            place(added, larger);
            directory = larger;
        } else {
            place(added, directory);
        }
    }

    private static void place(long word, long[] words) {
        int at = home(word >>> FRAME_BITS, words);
        while (words[at] != 0) {
            at = (at + 1) & (words.length - 1);
        }
        words[at] = word;
    }

    private BackendException full(OutOfMemoryError cause) {
        return new BackendException(
                Errno.ENOMEM,
                "memory of " + ((long) frames << PAGE_SHIFT) + " bytes cannot grow; its limit is " + limitBytes
                        + " bytes",
                cause);
    }
}
