package org.iommu4j.backend;

import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.InvalidateRequest;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A second opinion on what an access must come to: a plain translation from what software did and from memory alone, without
 * caches, written from the text of the architecture and apart from the chip's own walker. A fuzzer tells it everything that
 * software does, in order, and compares its answers with the chip's.
 *
 * <p>On a bare chip it learns of register writes and calls; where a driver stands in front, of what was attached and bound.
 * If it needs more it may read registers; it never writes one, and never makes a call.
 */
@ConsumerType
public interface ReferenceWalker {
    /** A walker's opinion of a driver's answer to a request. */
    enum Verdict {
        /** The driver had to answer so. */
        RIGHT,
        /** The driver had to answer the opposite. */
        WRONG,
        /** It cannot say. */
        OPEN
    }

    /**
     * Memory was written.
     *
     * @param used true if the chip may have kept something since it was settled last, because a device made an access
     * @return true if from now on translations from before may be in use until {@link FuzzSupport#settle}
     */
    default boolean edited(boolean used) {
        return used;
    }

    /**
     * Software wrote a register of a bare chip, which has acted on it.
     *
     * @return true if from now on translations from before may be in use until {@link FuzzSupport#settle}
     */
    default boolean wrote(long offset, int sizeBytes, long value) {
        return true;
    }

    /**
     * Software made a call on a bare chip, which has answered.
     *
     * @param call with its results
     * @param arguments the words of the call before it was made
     * @return true if from now on translations from before may be in use until {@link FuzzSupport#settle}
     */
    default boolean called(NativeCall call, long[] arguments) {
        return true;
    }

    /**
     * A device was added to the domain.
     *
     * @param table root of its table, or -1 if it is blocked
     * @param levels of that table
     */
    default void attached(int requester, long table, int levels) {
        // A walker of bare chips only does not follow the driver.
    }

    /** A device was removed from the domain. */
    default void detached(int requester) {
        // A walker of bare chips only does not follow the driver.
    }

    /** A bind or unbind was carried out. */
    default void bound(BindRequest request) {
        // A walker of bare chips only does not follow the driver.
    }

    /**
     * An invalidation that breaks no rule was carried out, or was answered {@code EIO}.
     *
     * @param done true if it was carried out
     * @return whether that is what the tables, and what the devices have done, leave a driver to answer
     */
    default Verdict invalidated(InvalidateRequest request, boolean done) {
        return Verdict.OPEN;
    }

    /**
     * A device made an access, which the walker may not have been asked about.
     *
     * @param faulted true if it ended in a fault, which may stop the device; false if it went through or was blocked
     */
    default void accessed(int requester, boolean faulted) {
        // A fault changes nothing for later accesses.
    }

    /**
     * Fills in what the access must come to: outcome, address or fault code. What else the access says is not compared.
     *
     * @return false if it cannot say: the architecture allows more than one answer, or it does not model the case
     */
    boolean translate(DmaAccess access);

    /** A number in the vendor part of a bind, least significant byte first; a walker types its place out. */
    static long littleEndian(BindRequest request, int offset, int bytes) {
        long value = 0;
        for (int i = bytes - 1; i >= 0; i--) {
            value = value << Byte.SIZE | (request.payload()[request.payloadOffset() + offset + i] & 0xff);
        }
        return value;
    }

    /** A number in the vendor part of a bind, most significant byte first; a walker types its place out. */
    static long bigEndian(BindRequest request, int offset, int bytes) {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value = value << Byte.SIZE | (request.payload()[request.payloadOffset() + offset + i] & 0xff);
        }
        return value;
    }
}
