package org.iommu4j.contract;

/** A checked bind: the header's fields as numbers, the vendor part as bytes. Reused by its owner. */
public final class BindRequest {
    private int operation;
    private int subVersion;
    private int flags;
    private byte[] payload = new byte[0];
    private int payloadOffset;
    private int payloadLength;

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
}
