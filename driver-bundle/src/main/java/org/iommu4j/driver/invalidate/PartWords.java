package org.iommu4j.driver.invalidate;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.function.Predicate;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Layout;

/**
 * The words of the vendor part of an invalidation in one layout, as clients of a generation fill them in. Stateless: drivers and shims
 * read and write requests with it.
 */
public final class PartWords {
    private static final VarHandle BIG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle LITTLE = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final Layout layout;
    private final boolean bigEndian;
    private final long[] reserved;
    private final String length;

    /**
     * Parts of a generation. A client cannot know what the host's hardware has: what needs a capability is reserved.
     *
     * @param layout whole words of 64 bits
     */
    public PartWords(Layout layout, int subVersion) {
        this(layout, subVersion, capability -> false);
    }

    /**
     * Parts of a generation whose clients know of some capabilities.
     *
     * @param layout whole words of 64 bits
     * @param known the capabilities by the names of the layout's fields; what needs another one is reserved
     */
    public PartWords(Layout layout, int subVersion, Predicate<String> known) {
        if (layout.sizeBits() % Long.SIZE != 0) {
            throw new IllegalArgumentException(layout.name() + " is not whole words");
        }
        this.layout = layout;
        bigEndian = layout.byteOrder() == ByteOrder.BIG_ENDIAN;
        reserved = new long[layout.words()];
        for (int word = 0; word < reserved.length; word++) {
            reserved[word] = layout.reservedMask(word, subVersion, known);
        }
        length = "the vendor part has " + layout.sizeBytes() + " bytes";
    }

    /** The layout. */
    public Layout layout() {
        return layout;
    }

    /** A word of the part. */
    public long word(InvalidateRequest request, int word) {
        int at = request.payloadOffset() + word * Long.BYTES;
        // Each call has its own cast: without one it answers an object.
        return bigEndian ? (long) BIG.get(request.payload(), at) : (long) LITTLE.get(request.payload(), at);
    }

    /** Refuses a part of another length, V33; 0 if it has the layout's. */
    public int checkLength(InvalidateRequest request, Completion completion) {
        return request.payloadLength() == layout.sizeBytes()
                ? 0
                : request.refuse(Rule.V33, Rule.V33.errno(), Uapi.DATA_LENGTH, length, completion);
    }

    /** Refuses the first word with a reserved bit, V34; 0 if there is none. */
    public int checkReserved(InvalidateRequest request, Completion completion) {
        for (int word = 0; word < reserved.length; word++) {
            long wrong = word(request, word) & reserved[word];
            if (wrong != 0) {
                return completion.refuseReserved(layout, word, wrong);
            }
        }
        return 0;
    }

    /** Puts a word into the request's scratch; when all are there, {@link #replace} makes them the request's. */
    public void put(InvalidateRequest request, int word, long value) {
        if (bigEndian) {
            BIG.set(request.scratch(), word * Long.BYTES, value);
        } else {
            LITTLE.set(request.scratch(), word * Long.BYTES, value);
        }
    }

    /** Gives a request the words that were put as a vendor part of another generation. */
    public void replace(InvalidateRequest request, int to) {
        request.replacePayload(to, layout.sizeBytes());
    }
}
