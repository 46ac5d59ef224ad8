package org.iommu4j.arm.front;

import java.util.Arrays;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.table.WalkFault;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.layout.BitField;

/** Makes event records of faults, IHI 0070 7.3: each has the fields of its type, all others are 0. */
public final class FaultReports {
    private static final int PAGE_SHIFT = 12;

    private final EventRecorder events;
    private final long[] words = new long[EventFields.RECORD_WORDS];
    private EventType type;

    /** Reports to a queue. */
    public FaultReports(EventRecorder events) {
        this.events = events;
    }

    /**
     * Begins a record.
     *
     * @param substream SubstreamID, or index of a context descriptor; {@link DmaAccess#NO_PASID} for none
     */
    private void begin(EventType what, int streamId, int substream) {
        type = what;
        Arrays.fill(words, 0);
        words[0] = what.code();
        put(EventFields.SID, Integer.toUnsignedLong(streamId));
        if (substream != DmaAccess.NO_PASID) {
            put(EventFields.SSV, 1);
            put(EventFields.SSID, substream);
        }
    }

    private void put(BitField field, long value) {
        if (type.layout().fields().contains(field)) {
            words[field.word()] = field.set(words[field.word()], value);
        }
    }

    private void put(BitField field, boolean value) {
        put(field, value ? 1 : 0);
    }

    /**
     * Makes the record of a fault; {@link #write} writes it.
     *
     * @param privileged after the stream's overrides
     * @param instruction after the stream's overrides
     * @param read true for a read
     */
    public FaultReports of(
            WalkFault fault, DmaAccess access, int substream, boolean privileged, boolean instruction, boolean read) {
        begin(fault.type(), access.requester(), substream);
        put(EventFields.PNU, privileged);
        put(EventFields.IND, instruction);
        put(EventFields.RNW, read);
        put(EventFields.S2, fault.isStage2());
        put(EventFields.CLASS, fault.during());
        put(EventFields.TTRNW, fault.isDescriptorRead());
        put(EventFields.INPUT_ADDRESS, access.iova());
        put(EventFields.IPA, fault.ipa() & EventFields.IPA.mask());
        put(EventFields.FETCH_ADDRESS, fault.fetchAddress() & EventFields.FETCH_ADDRESS.mask());
        return this;
    }

    /** Makes the record of a translation request that is not allowed, IHI 0070 7.3.6, as the device has sent it. */
    public FaultReports ofRequest(DmaAccess access) {
        begin(EventType.F_BAD_ATS_TREQ, access.requester(), access.pasid());
        long units = Math.max(1, (access.lengthBytes() + (1L << PAGE_SHIFT) - 1) >>> PAGE_SHIFT);
        put(EventFields.REQUEST_SPAN, Math.min(units, (1L << EventFields.REQUEST_SPAN.width()) - 1));
        put(EventFields.REQUEST_PRIVILEGED, access.privileged());
        put(EventFields.REQUEST_EXECUTE, (access.rights() & DmaAccess.EXECUTE) != 0);
        put(EventFields.REQUEST_WRITE, (access.rights() & DmaAccess.WRITE) != 0);
        put(EventFields.REQUEST_READ, true);
        put(EventFields.PAGE, access.iova() & EventFields.PAGE.mask());
        return this;
    }

    /** The record says that its transaction waits. */
    public FaultReports stalled(int tag) {
        put(EventFields.STALL, true);
        put(EventFields.STAG, tag);
        return this;
    }

    /** The record; good until the next one. */
    public long[] words() {
        return words;
    }

    /** Writes the record; false if it is lost. */
    public boolean write() {
        return events.record(words);
    }
}
