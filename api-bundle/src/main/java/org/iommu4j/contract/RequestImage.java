package org.iommu4j.contract;

import java.util.Arrays;
import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * A request as bytes, read field by field as the rules of {@link Rule} ask for it, and the place where a rule found it
 * wrong. A rule may ask only for what the rules before it have found to be there. Reused by its owner.
 *
 * <p>Whose bytes they are may write to them at any time. So what a request says is taken out once, before anything of it is
 * looked at: the fixed part when a request is first looked at, the vendor part when the rules come to it. Bytes that must be
 * zero are looked at where they are, and never again.
 */
public final class RequestImage {
    private static final Rule[] RULES = Rule.values();
    private static final List<CStruct.Field> INVALIDATE_STARTS = List.of(Uapi.VADDR);
    private static final List<CStruct.Field> MAP_STARTS = List.of(Uapi.MAP_VADDR, Uapi.MAP_IOVA);
    private static final List<CStruct.Field> UNMAP_STARTS = List.of(Uapi.UNMAP_IOVA);

    /** Bytes of the longest fixed part. */
    private static final int MOST_FIXED_BYTES =
            Uapi.DATA_OFFSET + Math.max(Uapi.TLB_INVALIDATE.size(Abi.LP64_LE), Uapi.BIND_HEADER.size(Abi.LP64_LE));

    /** Bytes of a vendor part for which there is always room; a longer one takes memory of its own. */
    private static final int USUAL_PAYLOAD_BYTES = 256;

    private final Terms terms;
    private final Abi abi;
    private final int[] payloadLengths;
    private final long granuleMask;
    private final BindFormat[] bindFormats = new BindFormat[Uapi.FLAG_MASK + 1];
    private final long[][] bindReserved = new long[Uapi.FLAG_MASK + 1][];

    private long request;

    /** {@link Uapi#VFIO_IOMMU_MAP_DMA}, {@link Uapi#VFIO_IOMMU_UNMAP_DMA}, or 0 if it is neither. */
    private int mapRequest;

    private byte[] bytes = new byte[0];
    private int offset;
    private int readable;

    /** The copied request, each byte where it stands in an argument: the fixed part, and behind it a short vendor part. */
    private final byte[] own = new byte[MOST_FIXED_BYTES + USUAL_PAYLOAD_BYTES];

    /** Holds the vendor part that was taken out; null before that. */
    private byte[] payload;

    private String field = "";
    private int fieldOffset = -1;
    private long value;
    private Errno errno;

    /** An image of the requests of a client that agreed on {@code terms}. */
    public RequestImage(Terms terms) {
        this.terms = terms;
        abi = terms.abi();
        payloadLengths = terms.payloadLengths().stream()
                .mapToInt(Integer::intValue)
                .sorted()
                .toArray();
        granuleMask = (1L << terms.granuleShift()) - 1;
        for (int operation = Uapi.BIND_PASIDTBL; operation <= Uapi.BIND_PGTABLE; operation <<= 1) {
            BindFormat format = terms.bindFormat(operation);
            if (format != null) {
                bindFormats[operation] = format;
                bindReserved[operation] = reservedMasks(format.layout());
            }
        }
    }

    /**
     * Looks at another request. What lies beyond the end of {@code memory} cannot be read, whatever {@code canRead} says.
     *
     * @param number ioctl number
     * @param memory holds the argument; may change while it is looked at
     * @param argument where in it the argument begins
     * @param canRead bytes that can be read from there
     */
    public RequestImage over(long number, byte[] memory, int argument, int canRead) {
        request = number;
        mapRequest = mapRequest(number);
        bytes = memory;
        offset = argument;
        readable = argument < 0 ? 0 : Math.max(0, Math.min(canRead, memory.length - argument));
        payload = null;
        int taken = Math.min(readable, MOST_FIXED_BYTES);
        System.arraycopy(memory, taken == 0 ? 0 : offset, own, 0, taken);
        Arrays.fill(own, taken, MOST_FIXED_BYTES, (byte) 0);
        return this;
    }

    /**
     * Bytes that hold the vendor part at {@link #payloadOffset}, and to which nobody else writes until the next request; legal
     * once V33 holds.
     */
    public byte[] payload() {
        if (payload == null) {
            payload = take(bytes, offset, payloadOffset(), payloadLength());
        }
        return payload;
    }

    /**
     * Takes a vendor part out of a client's memory; good until the next one is taken.
     *
     * @param argument where in the memory the argument begins
     * @param at where in the argument the vendor part begins, and where in the bytes that it is taken to
     */
    byte[] take(byte[] memory, int argument, int at, int length) {
        byte[] into = at + length <= own.length ? own : new byte[at + length];
        System.arraycopy(memory, argument + at, into, at, length);
        return into;
    }

    /** The first rule in order that the request breaks, or null if the core has nothing against it. */
    public Rule firstBroken() {
        for (Rule rule : RULES) {
            if (!rule.holds(this)) {
                return rule;
            }
        }
        return null;
    }

    /** Against what it is checked. */
    public Terms terms() {
        return terms;
    }

    /** The ioctl number. */
    public long request() {
        return request;
    }

    /** Bytes of the argument that can be read. */
    public int readable() {
        return readable;
    }

    /** A field of the argument, unsigned. */
    public long get(CStruct.Field which) {
        return which.get(own, 0, abi);
    }

    /** The operation of a request that is neither a map nor an unmap; legal once V6 holds. */
    public int operation() {
        return (int) get(Uapi.FLAG);
    }

    /** True for an invalidation, false for a bind; nothing of a map or an unmap. */
    public boolean invalidates() {
        return operation() == Uapi.INVAL_IOTLB;
    }

    /** True for an invalidation and for a bind that is specified; nothing of a map or an unmap. */
    boolean isSpecified() {
        return invalidates() || bindFormat() != null;
    }

    private int mapRequest(long number) {
        long generic = terms.model() == IommuModel.SPAPR ? number & ~(long) Uapi.POWERPC_NO_DIRECTION : number;
        return generic == Uapi.VFIO_IOMMU_MAP_DMA || generic == Uapi.VFIO_IOMMU_UNMAP_DMA ? (int) generic : 0;
    }

    /** {@link Uapi#VFIO_IOMMU_MAP_DMA}, {@link Uapi#VFIO_IOMMU_UNMAP_DMA}, or 0 if it is neither; legal once V1 holds. */
    int mapRequest() {
        return mapRequest;
    }

    /** True for a map and for an unmap. */
    boolean changesMap() {
        return mapRequest != 0;
    }

    /** True for a map. */
    boolean maps() {
        return mapRequest == Uapi.VFIO_IOMMU_MAP_DMA;
    }

    /** True for an unmap of everything. */
    boolean unmapsAll() {
        return mapRequest == Uapi.VFIO_IOMMU_UNMAP_DMA && (get(Uapi.UNMAP_FLAGS) & Uapi.UNMAP_FLAG_ALL) != 0;
    }

    /** Bytes that every request of its number has. */
    long fixedBytes() {
        if (!changesMap()) {
            return Uapi.DATA_OFFSET;
        }
        return (maps() ? Uapi.MAP_DMA : Uapi.UNMAP_DMA).size(abi);
    }

    /** Bytes that have a meaning; legal once V8 holds. */
    long understoodBytes() {
        return changesMap() ? fixedBytes() : Uapi.DATA_OFFSET + get(Uapi.LENGTH);
    }

    /** The field of flags. */
    CStruct.Field flags() {
        if (changesMap()) {
            return maps() ? Uapi.MAP_FLAGS : Uapi.UNMAP_FLAGS;
        }
        return invalidates() ? Uapi.FLAGS : Uapi.BIND_FLAGS;
    }

    /** The flags that have a meaning. */
    long knownFlags() {
        if (changesMap()) {
            return maps() ? Uapi.MAP_FLAGS_MASK : Uapi.UNMAP_FLAG_ALL;
        }
        return invalidates()
                ? Uapi.FLAGS_MASK
                : Uapi.BIND_FLAG_UNBIND | Integer.toUnsignedLong(bindFormat().vendorFlags());
    }

    /** True if it names a range of addresses. */
    boolean hasRange() {
        return changesMap() ? !unmapsAll() : hasScope(Uapi.SCOPE_VADDR);
    }

    /** The length of the range that it names. */
    CStruct.Field size() {
        if (changesMap()) {
            return maps() ? Uapi.MAP_SIZE : Uapi.UNMAP_SIZE;
        }
        return Uapi.SIZE;
    }

    /** First addresses of ranges of that length. */
    List<CStruct.Field> starts() {
        if (changesMap()) {
            return maps() ? MAP_STARTS : UNMAP_STARTS;
        }
        return INVALIDATE_STARTS;
    }

    /** True if no range wraps. */
    boolean isWithinAddresses() {
        for (int i = 0; i < starts().size(); i++) {
            if (Long.compareUnsigned(get(size()) - 1, ~get(starts().get(i))) > 0) {
                return check(size(), false);
            }
        }
        return true;
    }

    /** True if every first address and the length are multiples of the smallest granule. */
    boolean isRangeAligned() {
        for (int i = 0; i < starts().size(); i++) {
            if (!isAligned(starts().get(i))) {
                return false;
            }
        }
        return isAligned(size());
    }

    /** The vendor part of the bind operation, or null if it is not specified. */
    public BindFormat bindFormat() {
        return bindFormats[operation()];
    }

    /** The fixed part of the inner structure: that of an invalidation or the header of a bind. */
    public CStruct inner() {
        return invalidates() ? Uapi.TLB_INVALIDATE : Uapi.BIND_HEADER;
    }

    /** Offset in bytes of the vendor part from the start of the argument. */
    public int payloadOffset() {
        return Uapi.DATA_OFFSET + inner().size(abi);
    }

    /** Length in bytes of the vendor part; legal once V31 holds. */
    public int payloadLength() {
        return invalidates() ? (int) get(Uapi.DATA_LENGTH) : (int) get(Uapi.BIND_SIZE) - Uapi.BIND_HEADER.size(abi);
    }

    boolean hasScope(int bit) {
        return (get(Uapi.SCOPE) & bit) != 0;
    }

    boolean hasFlag(int bit) {
        return (get(Uapi.FLAGS) & bit) != 0;
    }

    /** True if a vendor part of an invalidation may be {@code length} bytes long. */
    boolean acceptsPayload(int length) {
        for (int legal : payloadLengths) {
            if (legal == length || (legal < 0 && length > 0 && length % -legal == 0)) {
                return true;
            }
        }
        return false;
    }

    /** Passes {@code holds} on, after noting that this field is at fault if it is false. */
    boolean check(CStruct.Field which, boolean holds) {
        return check(which, holds, null);
    }

    /** As {@link #check(CStruct.Field, boolean)}, with an error that is not the rule's first. */
    boolean check(CStruct.Field which, boolean holds, Errno otherErrno) {
        if (!holds) {
            blame(which.name(), which.argumentOffset(abi), get(which), otherErrno);
        }
        return holds;
    }

    /** True if the field is zero. */
    boolean isZero(CStruct.Field which) {
        return check(which, get(which) == 0);
    }

    /** True if no bit of the field is set outside {@code mask}. */
    boolean isWithin(CStruct.Field which, long mask) {
        return check(which, (get(which) & ~mask) == 0);
    }

    /** True if the field is a multiple of the smallest granule. */
    boolean isAligned(CStruct.Field which) {
        return check(which, (get(which) & granuleMask) == 0);
    }

    /** True if the bytes from {@code from} to before {@code to}, counted from the start of the argument, are zero. */
    boolean isZero(long from, long to) {
        for (long at = from; at < to; at++) {
            byte found = bytes[offset + (int) at];
            if (found != 0) {
                return blame("data", (int) at, found & 0xFF, null);
            }
        }
        return true;
    }

    /** True if the ioctl number is known; what is not there has no offset. */
    boolean isKnownRequest() {
        return request == Uapi.VFIO_IOMMU_OP
                || (request == Uapi.VFIO_IOMMU_OP_POWERPC && terms.model() == IommuModel.SPAPR)
                || changesMap()
                || blame("request", -1, request, null);
    }

    /** True if {@code count} bytes of the argument can be read. */
    boolean canRead(long count) {
        return count <= readable || blame("argsz", 0, readable < Integer.BYTES ? readable : get(Uapi.ARGSZ), null);
    }

    /** True if a bind's vendor part has no reserved bit set and no reserved code. */
    boolean isLegalBindPayload() {
        Layout layout = bindFormat().layout();
        long[] reserved = bindReserved[operation()];
        byte[] part = payload();
        for (int word = 0; word < reserved.length; word++) {
            long wrong = layout.word(part, payloadOffset(), word) & reserved[word];
            if (wrong != 0) {
                return blame("reserved", layout.byteOffset(word, Long.numberOfTrailingZeros(wrong)), wrong, null);
            }
        }
        for (int i = 0; i < layout.fields().size(); i++) {
            BitField code = layout.fields().get(i);
            long found = code.get(layout.word(part, payloadOffset(), code.word()));
            if (code.isReservedValue(found)) {
                return blame(code.name(), layout.byteOffset(code), found, null);
            }
        }
        return true;
    }

    /** Tells a completion what {@code rule}, which was just found broken, found. */
    int refuse(Rule rule, Completion completion) {
        return completion
                .begin()
                .refuse(rule, errno == null ? rule.errno() : errno, field, fieldOffset, value, rule.text());
    }

    private boolean blame(String name, int at, long found, Errno otherErrno) {
        field = name;
        fieldOffset = at;
        value = found;
        errno = otherErrno;
        return false;
    }

    private long[] reservedMasks(Layout layout) {
        long[] masks = new long[layout.words()];
        for (int word = 0; word < masks.length; word++) {
            // Only the chip's translator knows its capabilities, and checks the gates of fields by them.
            masks[word] = layout.reservedMask(word, terms.subVersion(), capability -> true);
        }
        return masks;
    }
}
