package org.iommu4j.contract;

/**
 * Reads and checks the requests of one client. A legal invalidation of the usual shape is recognised in one pass; whatever
 * else comes is decided by the table of {@link Rule}. What it has read is the reader's own, whatever becomes of the client's
 * bytes. Allocates nothing, but for a vendor part of more than 256 bytes. Not thread safe; each client has its own.
 */
public final class RequestReader {
    // Offsets of the fields in LP64 images, in bytes from the start of the argument; neighbours are read together. An
    // i386 image
    // lacks the hole.
    private static final int ARGSZ = Uapi.ARGSZ.argumentOffset(Abi.LP64_LE);
    private static final int FLAG_AND_LENGTH = Uapi.FLAG.argumentOffset(Abi.LP64_LE);
    private static final int SCOPE_AND_FLAGS = Uapi.SCOPE.argumentOffset(Abi.LP64_LE);
    private static final int PASID_AND_HOLE = Uapi.PASID.argumentOffset(Abi.LP64_LE);
    private static final int VADDR = Uapi.VADDR.argumentOffset(Abi.LP64_LE);
    private static final int SIZE = Uapi.SIZE.argumentOffset(Abi.LP64_LE);
    private static final int MODEL_AND_SUB_VERSION = Uapi.MODEL.argumentOffset(Abi.LP64_LE);
    private static final int DATA_LENGTH = Uapi.DATA_LENGTH.argumentOffset(Abi.LP64_LE);

    private final Terms terms;
    private final RequestImage image;
    private final InvalidateRequest invalidate = new InvalidateRequest();
    private final BindRequest bind = new BindRequest();

    private final boolean bigEndian;
    private final int holeBytes;
    private final int fixedBytes;
    private final long modelAndSubVersion;
    private final long usualLengths;
    private final int subVersion;
    private final int pasidLimit;
    private final long granuleMask;

    /** A reader for a client that agreed on {@code terms}. */
    public RequestReader(Terms terms) {
        this.terms = terms;
        image = new RequestImage(terms);
        bigEndian = terms.abi().bigEndian();
        holeBytes = Uapi.HOLE.isIn(terms.abi()) ? Uapi.HOLE.bytes() : 0;
        fixedBytes = Uapi.DATA_OFFSET + Uapi.TLB_INVALIDATE.size(terms.abi());
        subVersion = terms.subVersion();
        modelAndSubVersion = pair(terms.model().code(), subVersion, bigEndian);
        long lengths = 0;
        for (int length = 0; length < Long.SIZE; length++) {
            lengths |= image.acceptsPayload(length) ? 1L << length : 0;
        }
        usualLengths = lengths;
        pasidLimit = Rule.pasidLimit(terms);
        invalidate.image(terms.abi());
        bind.image(terms.abi());
        granuleMask = (1L << terms.granuleShift()) - 1;
    }

    /** The terms on which requests are read. */
    public Terms terms() {
        return terms;
    }

    /**
     * Reads one request and checks the generic rules in their order.
     *
     * @param request ioctl number
     * @param bytes memory that holds the argument; may change at any time: each byte counts as it was when it was first
     *     looked at
     * @param offset where it begins
     * @param readable bytes that can be read from there; an {@code argsz} beyond it is EFAULT
     * @param completion filled on a refusal
     * @return the operation, one of the four flags of {@link Uapi}, {@link Uapi#VFIO_IOMMU_MAP_DMA} or {@link
     *     Uapi#VFIO_IOMMU_UNMAP_DMA}, or a negative errno
     */
    public int read(long request, byte[] bytes, int offset, int readable, Completion completion) {
        if (request == Uapi.VFIO_IOMMU_OP && accept(bytes, offset, readable)) {
            return Uapi.INVAL_IOTLB;
        }
        return decide(request, bytes, offset, readable, completion);
    }

    /** The invalidation that {@link #read} read last. */
    public InvalidateRequest invalidate() {
        return invalidate;
    }

    /** The bind that {@link #read} read last. */
    public BindRequest bind() {
        return bind;
    }

    /** The mapping that {@link #read} read last. */
    public Mapping mapping() {
        return new Mapping(image.get(Uapi.MAP_IOVA), image.get(Uapi.MAP_VADDR), image.get(Uapi.MAP_SIZE), (int)
                image.get(Uapi.MAP_FLAGS));
    }

    /** First guest-physical address of the unmap that {@link #read} read last. */
    public long firstToUnmap() {
        return image.get(Uapi.UNMAP_IOVA);
    }

    /** Last guest-physical address of the unmap that {@link #read} read last: of all, if it unmaps all. */
    public long lastToUnmap() {
        return image.get(Uapi.UNMAP_IOVA) + image.get(Uapi.UNMAP_SIZE) - 1;
    }

    /** True if the unmap that {@link #read} read last is one of everything. */
    public boolean unmapsAll() {
        return image.unmapsAll();
    }

    /**
     * Refuses the request that {@link #read} read last for a field of it, which brings its name, its place in the client's
     * image and its value.
     *
     * @param rule the rule
     * @param field of {@link Uapi}
     * @return the negative errno
     */
    public int refuse(Rule rule, CStruct.Field field, String why, Completion completion) {
        return completion.refuse(
                rule, rule.errno(), field.name(), field.argumentOffset(terms.abi()), image.get(field), why);
    }

    /**
     * Takes a legal invalidation whose three lengths agree to the byte. False means only that the table must decide; a
     * property test holds that it never takes what the table refuses.
     */
    boolean accept(byte[] bytes, int offset, int readable) {
        if (offset < 0 || readable < fixedBytes || readable > bytes.length - offset) {
            return false;
        }
        boolean big = bigEndian;
        int argsz = Words.getInt(bytes, offset + ARGSZ, big);
        int payloadLength = argsz - fixedBytes;
        if (payloadLength < 0
                || argsz > readable
                || Words.getLong(bytes, offset + FLAG_AND_LENGTH, big)
                        != pair(Uapi.INVAL_IOTLB, argsz - Uapi.DATA_OFFSET, big)
                || !isUsualLength(payloadLength)) {
            return false;
        }
        long selection = Words.getLong(bytes, offset + SCOPE_AND_FLAGS, big);
        int scope = first(selection, big);
        int flags = second(selection, big);
        long pasidAndHole = Words.getLong(bytes, offset + PASID_AND_HOLE, big);
        int pasid = first(pasidAndHole, big);
        // From here on the fields of an i386 image lie nearer to the start.
        int shifted = offset - Integer.BYTES + holeBytes;
        long vaddr = Words.getLong(bytes, shifted + VADDR, big);
        long size = Words.getLong(bytes, shifted + SIZE, big);
        if (Words.getLong(bytes, shifted + MODEL_AND_SUB_VERSION, big) != modelAndSubVersion
                || Words.getLong(bytes, shifted + DATA_LENGTH, big) != payloadLength
                || (holeBytes != 0 && second(pasidAndHole, big) != 0)
                || !agree(scope, flags, pasid, vaddr, size)) {
            return false;
        }
        byte[] payload = payloadLength == 0 ? bytes : image.take(bytes, offset, fixedBytes, payloadLength);
        invalidate.set(scope, flags, pasid, vaddr, size, subVersion, payload, fixedBytes, payloadLength);
        return true;
    }

    private boolean isUsualLength(int payloadLength) {
        return payloadLength < Long.SIZE
                ? (usualLengths >>> payloadLength & 1) != 0
                : image.acceptsPayload(payloadLength);
    }

    /** Two neighbouring 32-bit fields as one 64-bit word. */
    private static long pair(int first, int second, boolean bigEndian) {
        long low = Integer.toUnsignedLong(bigEndian ? second : first);
        return (long) (bigEndian ? first : second) << Integer.SIZE | low;
    }

    /** The first of two neighbours that were read as one 64-bit word. */
    private static int first(long pair, boolean bigEndian) {
        return (int) (bigEndian ? pair >>> Integer.SIZE : pair);
    }

    /** The second of two neighbours that were read as one 64-bit word. */
    private static int second(long pair, boolean bigEndian) {
        return (int) (bigEndian ? pair : pair >>> Integer.SIZE);
    }

    /** V12 to V22 in one look. */
    private boolean agree(int scope, int flags, int pasid, long vaddr, long size) {
        if (((scope & ~Uapi.SCOPE_MASK) | (flags & ~Uapi.FLAGS_MASK)) != 0) {
            return false;
        }
        if ((scope & Uapi.SCOPE_PASID) != 0) {
            if ((flags & Uapi.FLAGS_NO_PASID) != 0 || Integer.compareUnsigned(pasid, pasidLimit) >= 0) {
                return false;
            }
        } else if (pasid != 0) {
            return false;
        }
        if ((scope & Uapi.SCOPE_VADDR) != 0) {
            return size != 0 && Long.compareUnsigned(size - 1, ~vaddr) <= 0 && ((vaddr | size) & granuleMask) == 0;
        }
        return (vaddr | size) == 0 && (flags & Uapi.FLAGS_VADDR_LEAF) == 0;
    }

    private int decide(long request, byte[] bytes, int offset, int readable, Completion completion) {
        Rule broken = image.over(request, bytes, offset, readable).firstBroken();
        if (broken != null) {
            return image.refuse(broken, completion);
        }
        if (image.changesMap()) {
            return image.mapRequest();
        }
        if (!image.invalidates()) {
            bind.set(
                    image.operation(),
                    subVersion,
                    (int) image.get(Uapi.BIND_FLAGS),
                    image.payload(),
                    image.payloadOffset(),
                    image.payloadLength());
            return image.operation();
        }
        invalidate.set(
                (int) image.get(Uapi.SCOPE),
                (int) image.get(Uapi.FLAGS),
                (int) image.get(Uapi.PASID),
                image.get(Uapi.VADDR),
                image.get(Uapi.SIZE),
                subVersion,
                image.payload(),
                image.payloadOffset(),
                image.payloadLength());
        return Uapi.INVAL_IOTLB;
    }
}
