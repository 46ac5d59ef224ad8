package org.iommu4j.s390.translate;

import java.util.concurrent.locks.LockSupport;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Errno;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.s390.command.Fib;
import org.iommu4j.s390.command.RequestRegister;
import org.iommu4j.s390.command.Status;
import org.iommu4j.s390.command.ZpciCommand;
import org.iommu4j.s390.command.ZpciInstruction;

/**
 * Issues instructions, docs/spec/s390-zpci.md 2.1: fills registers and blocks, repeats what is busy, and reads what
 * comes back. One page holds the FIB, another the CLP block.
 */
final class Instructions {
    /** Pages for the FIB and the CLP block. */
    static final int PAGES = 2;

    /** Outcome: done. */
    static final int DONE = 0;

    /** Outcome: no such handle. */
    static final int INVALID_HANDLE = -1;

    /** Outcome: busy, after all repetitions. */
    static final int BUSY = -2;

    /** Outcome: the operand was refused. */
    static final int REFUSED = -3;

    /** Tries of a busy instruction, and the time between two of them; docs/spec/s390-zpci.md 5.1. */
    private static final int MOST_TRIES = 1000;

    private static final long BETWEEN_TRIES_NANOS = 1000;

    private final NativePort port;
    private final PhysicalMemory memory;
    private final long fibPage;
    private final long clpPage;
    private final NativeCall call = new NativeCall();
    private NativeCommandListener listener;

    /**
     * Instructions of one driver.
     *
     * @param fibPage a page of the host
     * @param clpPage another page of the host
     */
    Instructions(NativePort port, long fibPage, long clpPage) {
        this.port = port;
        this.fibPage = fibPage;
        this.clpPage = clpPage;
        memory = port.platform().memory();
    }

    long fibPage() {
        return fibPage;
    }

    long clpPage() {
        return clpPage;
    }

    /** Shows each instruction as it is issued; null for nobody. */
    void tap(NativeCommandListener newListener) {
        listener = newListener;
    }

    // ---- RPCIT and MPCIFC

    /**
     * RPCIT.
     *
     * @return {@link #DONE}, {@link #INVALID_HANDLE}, {@link #BUSY}, {@link #REFUSED} or a status
     */
    int refresh(int handle, long start, long length) {
        long request = RequestRegister.of(handle, 0);
        for (int tries = 0; tries <= MOST_TRIES; tries++) {
            if (listener != null) {
                show(ZpciCommand.RPCIT_TEXT, request, start, length);
            }
            call.begin(ZpciInstruction.RPCIT)
                    .word(ZpciInstruction.R1, request)
                    .word(ZpciInstruction.START, start)
                    .word(ZpciInstruction.LENGTH, length);
            port.call(call);
            if (call.result() != ZpciInstruction.BUSY) {
                return outcome();
            }
            LockSupport.parkNanos(BETWEEN_TRIES_NANOS);
        }
        return BUSY;
    }

    /**
     * MPCIFC.
     *
     * @param operation of {@link org.iommu4j.s390.command.FunctionControl}
     * @param registration goes into the FIB; null for an empty one
     * @return as {@link #refresh}
     */
    int modify(int handle, int operation, Registration registration) {
        writeFib(Fib.PBA.word(), registration == null ? 0 : registration.pba());
        writeFib(Fib.PAL.word(), registration == null ? 0 : registration.pal());
        writeFib(Fib.IOTA.word(), registration == null ? 0 : registration.iota());
        long request = RequestRegister.of(handle, operation);
        for (int tries = 0; tries <= MOST_TRIES; tries++) {
            if (listener != null) {
                showFib(request);
            }
            call.begin(ZpciInstruction.MPCIFC).word(ZpciInstruction.R1, request).word(ZpciInstruction.FIB, fibPage);
            port.call(call);
            if (call.result() != ZpciInstruction.BUSY) {
                return outcome();
            }
            LockSupport.parkNanos(BETWEEN_TRIES_NANOS);
        }
        return BUSY;
    }

    private void writeFib(int word, long value) {
        memory.writeLongBe(fibPage + (long) word * Long.BYTES, value);
    }

    private int outcome() {
        long result = call.result();
        if (result == ZpciInstruction.DONE) {
            return DONE;
        }
        if (result == ZpciInstruction.ERROR) {
            return RequestRegister.STATUS.getInt(call.word(ZpciInstruction.R1));
        }
        return result == ZpciInstruction.INVALID_HANDLE ? INVALID_HANDLE : REFUSED;
    }

    // ---- CLP

    /**
     * Enables or disables a function.
     *
     * @return its new handle; 0 if the machine refuses, which no handle of an existing function is
     */
    int setFunction(int handle, int operation) {
        byte[] response = clp(Clp.setFunction(handle, operation), Clp.SetResponse.LAYOUT.sizeBytes());
        return code(response) == Clp.OK ? Clp.SetResponse.FH.getInt(Clp.SetResponse.LAYOUT.word(response, 0, 2)) : 0;
    }

    /** True if the machine has no room for more mappings. */
    static boolean isShort(int status) {
        return status == Status.INSUFFICIENT_RESOURCES || status == Status.RESOURCE;
    }

    /** The error of an outcome. */
    static Errno errno(int status) {
        return switch (status) {
            case DONE -> Errno.OK;
            case INVALID_HANDLE -> Errno.ENODEV;
            case BUSY -> Errno.EBUSY;
            case Status.INSUFFICIENT_RESOURCES, Status.RESOURCE -> Errno.ENOMEM;
            case Status.INVALID_DMA_SPACE -> Errno.EINVAL;
            default -> Errno.EIO;
        };
    }

    /** The words of what a query says of a function; null if there is none of that handle. */
    long[] queryFunction(int handle) {
        byte[] response = clp(Clp.queryFunction(handle), Clp.FunctionResponse.LAYOUT.sizeBytes());
        return code(response) == Clp.OK ? Clp.FunctionResponse.LAYOUT.decode(response, 0) : null;
    }

    /** The words of what a query says of a group; null if there is none. */
    long[] queryGroup(int group) {
        byte[] response = clp(Clp.queryGroup(group), Clp.GroupResponse.LAYOUT.sizeBytes());
        return code(response) == Clp.OK ? Clp.GroupResponse.LAYOUT.decode(response, 0) : null;
    }

    /**
     * Looks for a function by its index.
     *
     * @return its entry in the list, as words; null if there is none
     */
    long[] find(int index) {
        long token = 0;
        do {
            byte[] response = clp(Clp.list(token), Clp.BLOCK_BYTES - Clp.REQUEST_BYTES);
            if (code(response) != Clp.OK) {
                return null;
            }
            int length = Clp.ListResponse.LENGTH.getInt(Clp.ListResponse.LAYOUT.word(response, 0, 0));
            for (int at = Clp.ListResponse.LAYOUT.sizeBytes(); at < length; at += Clp.ListEntry.BYTES) {
                long[] entry = Clp.ListEntry.LAYOUT.decode(response, at);
                if (Clp.ListEntry.FID.get(entry) == index) {
                    return entry;
                }
            }
            token = Clp.ListResponse.LAYOUT.word(response, 0, Clp.ListResponse.RESUME.word());
        } while (token != 0);
        return null;
    }

    /**
     * Executes a request.
     *
     * @throws BackendException {@code EIO} if the machine does not answer
     */
    private byte[] clp(byte[] request, int responseBytes) {
        byte[] header = Clp.Header.LAYOUT.encode(Clp.Header.of(responseBytes, 0), 0);
        memory.write(clpPage, request, 0, request.length);
        memory.write(clpPage + request.length, header, 0, header.length);
        if (listener != null) {
            byte[] shown = new byte[ZpciCommand.WORD_BYTES + request.length];
            put(shown, 0, ZpciCommand.CLP_TEXT);
            System.arraycopy(request, 0, shown, ZpciCommand.WORD_BYTES, request.length);
            listener.command(shown);
        }
        call.begin(ZpciInstruction.CLP).word(ZpciInstruction.BLOCK, clpPage);
        port.call(call);
        if (call.result() != ZpciInstruction.DONE) {
            throw new BackendException(Errno.EIO, "CLP is not executed: " + call.result());
        }
        byte[] response = new byte[responseBytes];
        memory.read(clpPage + request.length, response, 0, responseBytes);
        return response;
    }

    private static int code(byte[] response) {
        return Clp.Header.CODE.getInt(Clp.Header.LAYOUT.word(response, 0, 0));
    }

    // ---- what is shown

    private void show(long... words) {
        byte[] shown = new byte[words.length * ZpciCommand.WORD_BYTES];
        for (int i = 0; i < words.length; i++) {
            put(shown, i * ZpciCommand.WORD_BYTES, words[i]);
        }
        listener.command(shown);
    }

    private void showFib(long request) {
        byte[] shown = new byte[2 * ZpciCommand.WORD_BYTES + Fib.BYTES];
        put(shown, 0, ZpciCommand.MPCIFC_TEXT);
        put(shown, ZpciCommand.WORD_BYTES, request);
        memory.read(fibPage, shown, 2 * ZpciCommand.WORD_BYTES, Fib.BYTES);
        listener.command(shown);
    }

    private static void put(byte[] target, int offset, long word) {
        for (int i = 0; i < Long.BYTES; i++) {
            target[offset + i] = (byte) (word >>> ((Long.BYTES - 1 - i) * Byte.SIZE));
        }
    }
}
