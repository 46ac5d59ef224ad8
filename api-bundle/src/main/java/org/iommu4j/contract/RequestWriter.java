package org.iommu4j.contract;

/**
 * Writes requests of wire form 1 in one image. It checks nothing, so that tests can write what a reader must refuse. Keeps
 * no state between calls; the methods that are given a target allocate nothing.
 */
public final class RequestWriter {
    private final Abi abi;
    private final IommuModel model;
    private final int subVersion;

    /**
     * A writer of one client's requests.
     *
     * @param abi the image to write
     * @param model goes into every request
     * @param subVersion goes into every request
     */
    public RequestWriter(Abi abi, IommuModel model, int subVersion) {
        this.abi = abi;
        this.model = model;
        this.subVersion = subVersion;
    }

    /** Bytes of a whole invalidation with a vendor part of {@code payloadLength} bytes. */
    public int invalidateBytes(int payloadLength) {
        return Uapi.DATA_OFFSET + Uapi.TLB_INVALIDATE.size(abi) + payloadLength;
    }

    /** Bytes of a whole bind with a vendor part of {@code payloadLength} bytes. */
    public int bindBytes(int payloadLength) {
        return Uapi.DATA_OFFSET + Uapi.BIND_HEADER.size(abi) + payloadLength;
    }

    /**
     * Writes an invalidation.
     *
     * @param to memory that takes the request
     * @param offset where it begins there
     * @param payload memory that holds the vendor part, in the byte order of the model; must not overlap the request
     * @return bytes written
     * @throws IndexOutOfBoundsException if {@code to} is too short
     */
    public int invalidate(
            byte[] to,
            int offset,
            int scope,
            int flags,
            int pasid,
            long vaddr,
            long size,
            byte[] payload,
            int payloadOffset,
            int payloadLength) {
        int total = invalidateBytes(payloadLength);
        envelope(to, offset, Uapi.INVAL_IOTLB, total);
        Uapi.SCOPE.put(to, offset, abi, scope);
        Uapi.FLAGS.put(to, offset, abi, flags);
        Uapi.PASID.put(to, offset, abi, pasid);
        Uapi.HOLE.put(to, offset, abi, 0);
        Uapi.VADDR.put(to, offset, abi, vaddr);
        Uapi.SIZE.put(to, offset, abi, size);
        Uapi.MODEL.put(to, offset, abi, model.code());
        Uapi.SUB_VERSION.put(to, offset, abi, subVersion);
        Uapi.DATA_LENGTH.put(to, offset, abi, payloadLength);
        System.arraycopy(payload, payloadOffset, to, offset + total - payloadLength, payloadLength);
        return total;
    }

    /**
     * Writes a bind.
     *
     * @param to memory that takes the request
     * @param offset where it begins there
     * @param operation {@link Uapi#BIND_PASIDTBL}, {@link Uapi#BIND_PASID} or {@link Uapi#BIND_PGTABLE}
     * @param flags {@link Uapi#BIND_FLAG_UNBIND} and the vendor's own
     * @param payload memory that holds the vendor part, in the byte order of the model; must not overlap the request
     * @return bytes written
     * @throws IndexOutOfBoundsException if {@code to} is too short
     */
    public int bind(
            byte[] to, int offset, int operation, int flags, byte[] payload, int payloadOffset, int payloadLength) {
        int total = bindBytes(payloadLength);
        envelope(to, offset, operation, total);
        Uapi.BIND_SIZE.put(to, offset, abi, total - Uapi.DATA_OFFSET);
        Uapi.BIND_MODEL.put(to, offset, abi, model.code());
        Uapi.BIND_SUB_VERSION.put(to, offset, abi, subVersion);
        Uapi.BIND_FLAGS.put(to, offset, abi, flags);
        Uapi.BIND_RESERVED.put(to, offset, abi, 0);
        System.arraycopy(payload, payloadOffset, to, offset + total - payloadLength, payloadLength);
        return total;
    }

    /** An invalidation in an array of its own. */
    public byte[] invalidate(int scope, int flags, int pasid, long vaddr, long size, byte[] payload) {
        byte[] request = new byte[invalidateBytes(payload.length)];
        invalidate(request, 0, scope, flags, pasid, vaddr, size, payload, 0, payload.length);
        return request;
    }

    /** A bind in an array of its own. */
    public byte[] bind(int operation, int flags, byte[] payload) {
        byte[] request = new byte[bindBytes(payload.length)];
        bind(request, 0, operation, flags, payload, 0, payload.length);
        return request;
    }

    /** The argument of {@link Uapi#VFIO_IOMMU_MAP_DMA} in an array of its own. */
    public byte[] map(Mapping mapping) {
        int total = Uapi.MAP_DMA.size(abi);
        byte[] request = new byte[total];
        Uapi.MAP_ARGSZ.put(request, 0, abi, total);
        Uapi.MAP_FLAGS.put(request, 0, abi, mapping.flags());
        Uapi.MAP_VADDR.put(request, 0, abi, mapping.pa());
        Uapi.MAP_IOVA.put(request, 0, abi, mapping.iova());
        Uapi.MAP_SIZE.put(request, 0, abi, mapping.size());
        return request;
    }

    /**
     * The argument of {@link Uapi#VFIO_IOMMU_UNMAP_DMA} in an array of its own.
     *
     * @param flags 0, or {@link Uapi#UNMAP_FLAG_ALL} with zeros for the range
     */
    public byte[] unmap(long iova, long size, int flags) {
        int total = Uapi.UNMAP_DMA.size(abi);
        byte[] request = new byte[total];
        Uapi.UNMAP_ARGSZ.put(request, 0, abi, total);
        Uapi.UNMAP_FLAGS.put(request, 0, abi, flags);
        Uapi.UNMAP_IOVA.put(request, 0, abi, iova);
        Uapi.UNMAP_SIZE.put(request, 0, abi, size);
        return request;
    }

    private void envelope(byte[] to, int offset, int operation, int total) {
        Uapi.ARGSZ.put(to, offset, abi, total);
        Uapi.FLAG.put(to, offset, abi, operation);
        Uapi.LENGTH.put(to, offset, abi, total - Uapi.DATA_OFFSET);
    }
}
