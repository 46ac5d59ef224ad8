package org.iommu4j.intel.shim;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;

/** The two words of a vendor part of an invalidation, which all generations have. */
final class DescriptorWords {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BYTES = 2 * Long.BYTES;

    private DescriptorWords() {}

    /** Refuses a vendor part that has not 16 bytes; returns 0 if it has. */
    static int checkLength(InvalidateRequest request, Completion completion) {
        return request.payloadLength() == BYTES
                ? 0
                : request.refuse(Rule.V33, Errno.EINVAL, Uapi.DATA_LENGTH, "the vendor part has 16 bytes", completion);
    }

    static long low(InvalidateRequest request) {
        return (long) WORD.get(request.payload(), request.payloadOffset());
    }

    static long high(InvalidateRequest request) {
        return (long) WORD.get(request.payload(), request.payloadOffset() + Long.BYTES);
    }

    /** Gives a request the words of another generation. */
    static void replace(InvalidateRequest request, int to, long low, long high) {
        WORD.set(request.scratch(), 0, low);
        WORD.set(request.scratch(), Long.BYTES, high);
        request.replacePayload(to, BYTES);
    }
}
