package org.iommu4j.upgrade.record;

import java.util.List;
import java.util.Map;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Offer;

/**
 * One line of a record. Units and containers have the record's own numbers. What a call wrote and dropped stands in
 * {@link Commands} and {@link Caches} lines before it; lines of different units may be mixed.
 */
sealed interface RecordLine {
    /** Most entries of a list in one line; more go on in the next line. */
    int MAX_LIST = 512;

    /** Most bytes of memory in one line. */
    int MAX_MEMORY = 4096;

    /** Most bytes of a request that are recorded; a request with more readable bytes is not played. */
    int MAX_REQUEST = 1 << 18;

    /**
     * First line.
     *
     * @param format version of the format
     */
    record Header(int format) implements RecordLine {}

    /**
     * Last line: what comes after it, or no such line, means that the record is damaged.
     *
     * @param lines number of lines before it
     */
    record End(long lines) implements RecordLine {}

    /** A line that belongs to a unit. */
    sealed interface OfUnit extends RecordLine {
        /** The unit. */
        int unit();
    }

    /** A call of a client with an answer. */
    sealed interface Request extends OfUnit {
        /** The container. */
        int container();

        /** The answer. */
        Answer answer();
    }

    /**
     * A unit is opened.
     *
     * @param bundle name of the backend
     * @param version of its bundle
     * @param hardware the chip
     * @param hostAddressWidth in bits
     * @param ram memory; empty for all of the address space
     * @param registers what its registers read, by name; empty if the backend does not name them
     */
    record UnitOpened(
            int unit,
            IommuModel model,
            String bundle,
            String version,
            HardwareConfig hardware,
            int hostAddressWidth,
            List<PlatformConfig.Range> ram,
            Map<String, Long> registers)
            implements OfUnit {}

    /** A unit is closed. */
    record UnitClosed(int unit) implements OfUnit {}

    /** Another backend has taken over; the caches were empty. */
    record Swapped(int unit, String bundle, String version) implements OfUnit {}

    /** A client, or a virtual IOMMU, wrote memory. */
    record Memory(int unit, long pa, String hex) implements OfUnit {}

    /** A client took pages of the host. */
    record PagesTaken(int unit, int pages, long pa) implements OfUnit {}

    /** A client gave them back. */
    record PagesGiven(int unit, int pages, long pa) implements OfUnit {}

    /**
     * A device accessed memory, and not by way of a cached translation only.
     *
     * @param outcome how it ended
     * @param spa where it went; 0 if it was refused
     * @param granted rights that the translation grants
     * @param hit true if a cache answered
     * @param faultCode the model's own code
     */
    record Access(
            int unit,
            int requester,
            int pasid,
            long iova,
            int lengthBytes,
            int rights,
            boolean atomic,
            boolean privileged,
            DmaAccess.AddressType type,
            DmaAccess.Outcome outcome,
            long spa,
            int granted,
            boolean hit,
            int faultCode)
            implements OfUnit {}

    /** A client wrote a register of the chip. */
    record RegisterWrite(int unit, long offset, int sizeBytes, long value) implements OfUnit {}

    /** A client made a hypercall or executed an instruction on the chip. */
    record ChipCall(int unit, int function, List<Long> words) implements OfUnit {}

    /** A client held back the queue, or let it go. */
    record Stepping(int unit, boolean on) implements OfUnit {}

    /** A client let the held queue consume commands. */
    record Step(int unit, int commands) implements OfUnit {}

    /** Native commands of the call that follows, as the driver wrote them. */
    record Commands(int unit, List<String> hex) implements OfUnit {}

    /** Entries that came to the chip's caches, or went. */
    record Caches(int unit, What what, List<CacheEntry> entries) implements OfUnit {
        /** Why entries changed. */
        enum What {
            /** New since the last line about caches. */
            FILL,
            /** Gone without a request: evicted, or lost in a swap. */
            GONE,
            /** Dropped by the call that follows. */
            DROP
        }
    }

    /**
     * A client opens a container.
     *
     * @param agreement what was agreed; null if it was refused
     */
    record Opened(
            int unit,
            int container,
            Abi abi,
            Offer offer,
            Agreement.Kind agreement,
            int clientSubVersion,
            int hostSubVersion,
            Answer answer)
            implements Request {}

    /** A client closes a container. */
    record Closed(int unit, int container, Answer answer) implements Request {}

    /**
     * A device joins a container.
     *
     * @param table root of its table; -1 for a device that stays blocked
     */
    record Attached(int unit, int container, int requester, long table, int levels, Answer answer) implements Request {}

    /** A device leaves a container. */
    record Detached(int unit, int container, int requester, Answer answer) implements Request {}

    /**
     * One request of wire form 1.
     *
     * @param abi the image in which it is written; null if it is the container's
     * @param request ioctl number
     * @param hex the readable bytes; null if the client named no memory of its own
     * @param readable number of readable bytes
     * @param index its place in a batch, from 0
     * @param of number of requests in its batch; 1 if it came alone
     */
    record Ioctl(
            int unit, int container, Abi abi, long request, String hex, int readable, int index, int of, Answer answer)
            implements Request {}
}
