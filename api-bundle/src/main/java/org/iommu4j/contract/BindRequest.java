package org.iommu4j.contract;

/** A checked bind: the header's fields as numbers, the vendor part as bytes. Reused by its owner. */
public final class BindRequest {
    /** Longest vendor part in bytes that a shim may write. */
    public static final int SCRATCH_BYTES = 256;

    private final byte[] scratch = new byte[SCRATCH_BYTES];
    private final byte[] otherScratch = new byte[SCRATCH_BYTES];
    private int operation;
    private int subVersion;
    private int flags;
    private byte[] payload = new byte[0];
    private int payloadOffset;
    private int payloadLength;
    private Abi image = Abi.LP64_LE;

    /** Sets everything at once; used by the reader and by tests. */
    public BindRequest set(
            int newOperation,
            int newSubVersion,
            int newFlags,
            byte[] newPayload,
            int newPayloadOffset,
            int newPayloadLength) {
        operation = newOperation;
        subVersion = newSubVersion;
        flags = newFlags;
        payload = newPayload;
        payloadOffset = newPayloadOffset;
        payloadLength = newPayloadLength;
        return this;
    }

    /** One of {@link Uapi#BIND_PASIDTBL}, {@link Uapi#BIND_PASID}, {@link Uapi#BIND_PGTABLE}. */
    public int operation() {
        return operation;
    }

    /** Generation of the vendor part. */
    public int subVersion() {
        return subVersion;
    }

    /** The header's flags. */
    public int flags() {
        return flags;
    }

    /** True if the binding is to be undone. */
    public boolean unbinds() {
        return (flags & Uapi.BIND_FLAG_UNBIND) != 0;
    }

    /** The image in which the client wrote it, which stays the same for a client: called once by the reader. */
    public void image(Abi clientsImage) {
        image = clientsImage;
    }

    /**
     * Refuses the request for a field of its header, which brings its name, its place in the client's image and its value.
     *
     * @param rule the rule
     * @param field {@link Uapi#BIND_FLAGS}, {@link Uapi#BIND_SUB_VERSION} or {@link Uapi#FLAG}
     * @param why one short sentence
     * @return the negative errno
     */
    public int refuse(Rule rule, Errno errno, CStruct.Field field, String why, Completion completion) {
        return completion.refuse(
                rule, errno, field.name(), field.argumentOffset(image), Integer.toUnsignedLong(valueOf(field)), why);
    }

    private int valueOf(CStruct.Field field) {
        return field.equals(Uapi.BIND_FLAGS) ? flags : field.equals(Uapi.FLAG) ? operation : subVersion;
    }

    /** The bytes that hold the vendor part. */
    public byte[] payload() {
        return payload;
    }

    /** Offset in bytes of the vendor part in its array. */
    public int payloadOffset() {
        return payloadOffset;
    }

    /** Length of the vendor part in bytes. */
    public int payloadLength() {
        return payloadLength;
    }

    /**
     * Bytes of this request that a shim may fill and pass to {@link #replacePayload}. They are never those that hold the vendor part,
     * so that a shim can write while it reads.
     */
    public byte[] scratch() {
        return payload == scratch ? otherScratch : scratch;
    }

    /**
     * Shim: the vendor part is now the first {@code length} bytes of {@link #scratch}, in another generation's format.
     *
     * @param newFlags flags of the header, with those that the other generation's format defines
     */
    public void replacePayload(int newSubVersion, int newFlags, int length) {
        subVersion = newSubVersion;
        flags = newFlags;
        payload = scratch();
        payloadOffset = 0;
        payloadLength = length;
    }

    /** Shim: flags and vendor part mean the same; only the generation changes. */
    public void retag(int newSubVersion) {
        subVersion = newSubVersion;
    }
}
