package org.iommu4j.arm.table;

import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.EventType;

/** Why a translation ended without a result: what its event record says. Reused by its owner. */
public final class WalkFault {
    private EventType type;
    private boolean stage2;
    private int during;
    private long ipa;
    private long fetchAddress;
    private boolean descriptorRead;

    /** Nothing is wrong. */
    public void clear() {
        type = null;
        stage2 = false;
        during = EventFields.CLASS_IN;
        ipa = 0;
        fetchAddress = 0;
        descriptorRead = false;
    }

    /** A fault of configuration, which has no stage. */
    public void configuration(EventType what) {
        clear();
        type = what;
    }

    /** A structure at a physical address could not be fetched. */
    public void fetch(EventType what, long pa) {
        clear();
        type = what;
        fetchAddress = pa;
    }

    /** A fault of stage 1; its class is always the input address, IHI 0070 7.3.13. */
    public void stage1(EventType what) {
        clear();
        type = what;
    }

    /** A stage-1 descriptor at a physical address could not be read or written, IHI 0070 7.3.12. */
    public void stage1Abort(long pa) {
        fetch(EventType.F_WALK_EABT, pa);
        during = EventFields.CLASS_TT;
    }

    /**
     * A fault of stage 2.
     *
     * @param whatFor one of the codes of CLASS
     * @param forIpa what was to be translated
     */
    public void stage2(EventType what, int whatFor, long forIpa) {
        clear();
        type = what;
        stage2 = true;
        during = whatFor;
        ipa = forIpa;
    }

    /** A stage-2 descriptor at a physical address could not be read or written. */
    public void stage2Abort(int whatFor, long pa) {
        fetch(EventType.F_WALK_EABT, pa);
        stage2 = true;
        during = whatFor;
    }

    /** Stage 2 refuses a stage-1 descriptor: whether reading it, or updating it. */
    public void descriptor(boolean read) {
        descriptorRead = read;
    }

    /** The fault; null for none. */
    public EventType type() {
        return type;
    }

    /** True for a fault of stage 2. */
    public boolean isStage2() {
        return stage2;
    }

    /** A code of CLASS. */
    public int during() {
        return during;
    }

    /** Intermediate physical address, of a fault of stage 2. */
    public long ipa() {
        return ipa;
    }

    /** Physical address of the fetch that was aborted. */
    public long fetchAddress() {
        return fetchAddress;
    }

    /** True if a stage-1 descriptor was to be read, not updated. */
    public boolean isDescriptorRead() {
        return descriptorRead;
    }
}
