package org.iommu4j.contract;

/**
 * A checked invalidation: the generic fields as numbers, the vendor part as bytes where the client put it. Reused by its
 * owner.
 */
public final class InvalidateRequest {
    /** Longest vendor part in bytes that a shim may write. */
    public static final int SCRATCH_BYTES = 256;

    private final byte[] scratch = new byte[SCRATCH_BYTES];
    private final byte[] otherScratch = new byte[SCRATCH_BYTES];
    private final Effect effect = new Effect();
    private int scope;
    private int flags;
    private int pasid;
    private long vaddr;
    private long size;
    private int subVersion;
    private byte[] payload = scratch;
    private int payloadOffset;
    private int payloadLength;
    private long progress;
    private Abi image = Abi.LP64_LE;

    /** Sets everything at once; used by the reader and by tests. */
    public InvalidateRequest set(
            int newScope,
            int newFlags,
            int newPasid,
            long newVaddr,
            long newSize,
            int newSubVersion,
            byte[] newPayload,
            int newPayloadOffset,
            int newPayloadLength) {
        scope = newScope;
        flags = newFlags;
        pasid = newPasid;
        vaddr = newVaddr;
        size = newSize;
        subVersion = newSubVersion;
        payloadLength = newPayloadLength;
        progress = 0;
        // Usually there is no vendor part; then the reference is not stored, which the collector would want to know of.
        if (newPayloadLength == 0) {
            payloadOffset = 0;
        } else {
            payload = newPayload;
            payloadOffset = newPayloadOffset;
        }
        return this;
    }

    /** The scope bits, see {@link Uapi#SCOPE_PASID} and {@link Uapi#SCOPE_VADDR}. */
    public int scope() {
        return scope;
    }

    /** The flag bits, see {@link Uapi#FLAGS_NO_PASID} and {@link Uapi#FLAGS_VADDR_LEAF}. */
    public int flags() {
        return flags;
    }

    /** True if one PASID is selected. */
    public boolean selectsPasid() {
        return (scope & Uapi.SCOPE_PASID) != 0;
    }

    /** True if a range is selected. */
    public boolean selectsRange() {
        return (scope & Uapi.SCOPE_VADDR) != 0;
    }

    /** True if translations of requests without a PASID are meant. */
    public boolean noPasid() {
        return (flags & Uapi.FLAGS_NO_PASID) != 0;
    }

    /** True if only last-level entries changed. */
    public boolean leafOnly() {
        return (flags & Uapi.FLAGS_VADDR_LEAF) != 0;
    }

    /** The PASID, 0 if none is selected. */
    public int pasid() {
        return pasid;
    }

    /** First address of the range in bytes, unsigned. */
    public long vaddr() {
        return vaddr;
    }

    /** Length of the range in bytes, unsigned. */
    public long size() {
        return size;
    }

    /** Last address of the range, inclusive, unsigned. */
    public long lastVaddr() {
        return vaddr + size - 1;
    }

    /** Generation of the vendor part. */
    public int subVersion() {
        return subVersion;
    }

    /** The bytes that hold the vendor part; of no meaning if there is none. */
    public byte[] payload() {
        return payload;
    }

    /** Offset in bytes of the vendor part in its array; 0 if there is none. */
    public int payloadOffset() {
        return payloadOffset;
    }

    /** Length of the vendor part in bytes; 0 if it is absent. */
    public int payloadLength() {
        return payloadLength;
    }

    /**
     * How much of the request is done already, in pages of 4,096 bytes of what it names, lowest address first; 0 for a request
     * that begins. All versions of a model count alike, so that one can go on where another stopped; bits above those of a page
     * number (52 and up) have the model's own meaning.
     */
    public long progress() {
        return progress;
    }

    /** Notes how much is done. */
    public void progress(long pages) {
        progress = pages;
    }

    /** The image in which the client wrote it, which stays the same for a client: called once by the reader. */
    public void image(Abi clientsImage) {
        image = clientsImage;
    }

    /**
     * Refuses the request for one of its generic fields, which brings its name, its place in the client's image and its value.
     *
     * @param rule the rule; null if the request keeps all rules and what it names is not there
     * @param field one of {@link Uapi#TLB_INVALIDATE}
     * @param why one short sentence
     * @return the negative errno
     */
    public int refuse(Rule rule, Errno errno, CStruct.Field field, String why, Completion completion) {
        return completion.refuse(rule, errno, field.name(), field.argumentOffset(image), get(field), why);
    }

    private long get(CStruct.Field field) {
        if (field.equals(Uapi.SCOPE)) {
            return scope;
        }
        if (field.equals(Uapi.FLAGS)) {
            return flags;
        }
        if (field.equals(Uapi.PASID)) {
            return pasid;
        }
        if (field.equals(Uapi.VADDR)) {
            return vaddr;
        }
        if (field.equals(Uapi.SIZE)) {
            return size;
        }
        if (field.equals(Uapi.SUB_VERSION)) {
            return Integer.toUnsignedLong(subVersion);
        }
        if (field.equals(Uapi.DATA_LENGTH)) {
            return payloadLength;
        }
        throw new IllegalArgumentException(field.name() + " is no field that a backend sees");
    }

    /**
     * Bytes of this request that a shim may fill and pass to {@link #replacePayload}. They are never those that hold the vendor part,
     * so that a shim can write while it reads.
     */
    public byte[] scratch() {
        return payload == scratch ? otherScratch : scratch;
    }

    /** An effect for whoever rewrites the request, of no meaning between two calls. */
    public Effect effect() {
        return effect;
    }

    /**
     * Shim: the vendor part is now the first {@code length} bytes of {@link #scratch}, in another generation's format.
     */
    public void replacePayload(int newSubVersion, int length) {
        subVersion = newSubVersion;
        payload = scratch();
        payloadOffset = 0;
        payloadLength = length;
    }

    /** Shim: the request has no vendor part, or it means the same; only its generation changes. */
    public void retag(int newSubVersion) {
        subVersion = newSubVersion;
    }
}
