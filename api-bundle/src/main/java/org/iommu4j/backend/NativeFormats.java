package org.iommu4j.backend;

import java.util.List;
import java.util.OptionalInt;
import org.iommu4j.backend.log.LogFormat;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * The formats that a vendor's bundle recognizes in bytes, for a message, an explanation or a comparison that has nothing but the
 * bytes. Every method has an answer for a model that says nothing.
 */
@ConsumerType
public interface NativeFormats {
    /** A model that says nothing. */
    NativeFormats NONE = new NativeFormats() {};

    /** Name of the layout of a record as {@link Hardware#takeEvents} gives it; empty if only its size tells. */
    default String eventFormat(byte[] record) {
        return "";
    }

    /**
     * The device that a record as {@link Hardware#takeEvents} gives it is about: its requester id or stream ID. Empty if it is about no
     * device, or none that is known.
     */
    default OptionalInt eventRequester(byte[] record) {
        return OptionalInt.empty();
    }

    /**
     * The bits of a requester by which devices are told apart; the others may differ between {@link #eventRequester} and what a client calls
     * the same device, as a function handle says in which of its lives the function is.
     */
    default int deviceBits() {
        return -1;
    }

    /**
     * Name of the layout of a table entry; empty if none is known.
     *
     * @param what as a {@link WalkListener} is told, or as a capture of the model abbreviates it
     */
    default String entryFormat(String what) {
        return "";
    }

    /**
     * Name of the register that a native command as {@link NativeCommandListener} shows it writes first; empty if it is a
     * command of a queue, a hypercall or an instruction, which its opcode tells.
     */
    default String commandRegister(byte[] command) {
        return "";
    }

    /** True if a native command changes nothing and only tells that those before it are done. */
    default boolean isCompletion(byte[] command) {
        return false;
    }

    /**
     * How lines that operating systems write about chips of the model are read, several for what different versions write.
     * Data only: nothing in it is a class of the vendor's.
     */
    default List<LogFormat> logFormats() {
        return List.of();
    }
}
