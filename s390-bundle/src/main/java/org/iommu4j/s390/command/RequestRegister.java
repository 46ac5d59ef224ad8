package org.iommu4j.s390.command;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * The register R1 of RPCIT, MPCIFC and STPCIFC, docs/spec/s390-zpci.md 2.1: the request going in, a status coming back.
 * Bits that the status does not cover stay as they were.
 */
public final class RequestRegister {
    private static final Layout.Builder REGISTER =
            Layout.named("request_register").bigEndian().msb0().spec("zPCI, docs/spec/s390-zpci.md 2.1");
    public static final BitField HANDLE = REGISTER.bits("handle", 0, 31, about("function handle"));

    /** Comes back: why the condition code is 1, see {@link Status}. */
    public static final BitField STATUS = REGISTER.bits("status", 32, 39, about("comes back with condition code 1"));

    public static final BitField DMAAS = REGISTER.bits("dmaas", 40, 47, about("DMA address space"));
    public static final BitField UNUSED = REGISTER.ignored("unused 48:55", 48, 55);

    /** Operation of MPCIFC, see {@link FunctionControl}. */
    public static final BitField OPERATION = REGISTER.bits("oc", 56, 63, about("operation of MPCIFC"));

    public static final Layout LAYOUT = REGISTER.build();

    private RequestRegister() {}

    /** A request for a function. */
    public static long of(int handle, int operation) {
        return HANDLE.of(Integer.toUnsignedLong(handle)) | OPERATION.of(operation);
    }

    /** The handle. */
    public static int handle(long register) {
        return HANDLE.getInt(register);
    }
}
