package org.iommu4j.backend;

import org.iommu4j.contract.Errno;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Knowledge of a model that a test bench needs beyond what all models have in common. Every method has an answer for a model
 * that says nothing, so that a vendor implements only what its model has. Nothing but tests goes through it.
 */
@ConsumerType
public interface BenchSupport {
    /** A model that says nothing. */
    BenchSupport NONE = new BenchSupport() {};

    /** Narrowest host address that a machine can have, in bits. */
    int LEAST_HOST_ADDRESS_WIDTH = 32;

    /** Widest host address that a machine can have, in bits. */
    int MOST_HOST_ADDRESS_WIDTH = 52;

    /**
     * The generation of a machine that does not state one; 0 for the model's newest. A model answers another one when cases were
     * written for it before a newer one came that begins otherwise.
     */
    default int generation() {
        return 0;
    }

    /**
     * Host physical address width in bits, 32 to 52, of a machine that does not state it.
     *
     * @throws BackendException as {@link Backend#createHardware} for a configuration that it refuses
     */
    default int hostAddressWidth(HardwareConfig config) {
        return MOST_HOST_ADDRESS_WIDTH;
    }

    /** Name of a fault code; empty if the code has none. */
    default String faultName(int code) {
        return "";
    }

    /** The code of a record as {@link Hardware#takeEvents} gives it; -1 if it has none. */
    default int eventCode(byte[] record) {
        return -1;
    }

    /**
     * Name of the layout of a record as {@link Hardware#takeEvents} gives it; empty if only its size tells. Replaced by
     * {@link NativeFormats#eventFormat}.
     */
    default String eventFormat(byte[] record) {
        return "";
    }

    /**
     * Name of the layout of a table entry; empty if none is known. Replaced by {@link NativeFormats#entryFormat}.
     *
     * @param what as a {@link WalkListener} is told, or as a capture of the model abbreviates it
     */
    default String entryFormat(String what) {
        return "";
    }

    /**
     * Name of the register that a native command as {@link NativeCommandListener} shows it writes first; empty if it is a
     * command of a queue, a hypercall or an instruction, which its opcode tells. Replaced by
     * {@link NativeFormats#commandRegister}.
     */
    default String commandRegister(byte[] command) {
        return "";
    }

    /** Lets the chip send its interrupts: addresses and data of its messages, and its masks. Changes nothing else. */
    default void enableInterrupts(NativePort port) {
        // A model without registers for its messages sends them always.
    }

    /**
     * The offset of a register whose place is told by a capability.
     *
     * @param anchor name of the capability field
     * @param offset the place, in bytes, that the register has on the chip for which cases write it
     * @throws BackendException {@code EINVAL} for an unknown name
     */
    default long relocated(String anchor, long offset, NativePort port) {
        throw new BackendException(Errno.EINVAL, "no registers move with " + anchor);
    }

    /**
     * True if a native command changes nothing and only tells that those before it are done. Replaced by
     * {@link NativeFormats#isCompletion}.
     */
    default boolean isCompletion(byte[] command) {
        return false;
    }

    /**
     * The contents of a block of memory of which a case gives only the request: a request may be of no use without words behind
     * it that say how much may be answered.
     *
     * @param format the call
     * @param given the bytes that the case gives
     * @return these bytes, or longer ones that begin with them
     */
    default byte[] completeBlock(CallFormat format, byte[] given) {
        return given;
    }

    /** Knowledge of the model that only a fuzzer needs. */
    default FuzzSupport fuzz() {
        return FuzzSupport.NONE;
    }
}
