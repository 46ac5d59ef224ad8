package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViEvents;
import org.iommu4j.amd.command.AmdViEvents.InvalidPprRequest;
import org.iommu4j.amd.command.AmdViRegisters.AutoResponse;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.EarlyOverflow;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.PageServiceRequest;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * Page requests of devices, 48882 2.6: checks, log and automatic answers, in this order.
 *
 * <ol>
 *   <li>Without PPRSup or PPREn the device gets a failure.
 *   <li>A device that must not ask: INVALID_PPR_REQUEST, whose text is the caller's to decide from the device table.
 *   <li>PPRAutoRspAon with PPRAutoRspEn, or PPRAutoRspEn and no room: the last request of a group is answered with the code of the
 *       auto response register, others are dropped.
 *   <li>No room: PprOverflow, the request is lost.
 *   <li>Otherwise the entry is written; early overflow looks at how many are unread.
 * </ol>
 */
public final class PageRequestLog {
    private final RegisterFile registers;
    private final EventRecorder events;
    private final boolean answersItself;
    private final boolean watchesEarly;
    private final Log log;

    PageRequestLog(
            AmdViCapabilities unit,
            RegisterFile registers,
            PhysicalMemory memory,
            EventRecorder events,
            Interrupts interrupts) {
        this.registers = registers;
        this.events = events;
        answersItself = Efr.PPR_AUTO_RSP_SUP.isSet(unit.efr());
        watchesEarly = Efr.PPR_EARLY_OF_SUP.isSet(unit.efr());
        log = Efr.PPR_SUP.isSet(unit.efr())
                ? new Log(registers, memory, Rings.PPR_LOG, Log.Bits.PAGE_REQUESTS, interrupts, false)
                : null;
    }

    /** The log; null if the unit takes no page requests. */
    Log log() {
        return log;
    }

    /** True if page requests are taken at all. */
    public boolean isEnabled() {
        return log != null && registers.isSet(Control.REGISTER, Control.PPR_EN);
    }

    /**
     * Takes a request of a device that may make it.
     *
     * @return {@link Outcome#INVALID} if page requests are off: the device gets a failure; {@link Outcome#ANSWERED} if the unit
     *     answers with {@link #automaticResponse}; {@link Outcome#DROPPED} if it is lost, too
     */
    public Outcome request(PageRequest request) {
        // 1. page requests are taken
        if (!isEnabled()) {
            return request.answered(Outcome.INVALID);
        }
        // 3. automatic answers
        boolean automatic = answersItself && registers.isSet(Control.REGISTER, Control.PPR_AUTO_RSP_EN);
        boolean always = automatic && registers.isSet(Control.REGISTER, Control.PPR_AUTO_RSP_AON);
        if (always || (automatic && log.isFull())) {
            return request.answered(Outcome.ANSWERED);
        }
        // 4. and 5. the entry
        if (!log.append(PageServiceRequest.word0(request), PageServiceRequest.ADDRESS.get(request.address()))) {
            return Outcome.DROPPED;
        }
        if (watchesEarly) {
            lookForEarlyOverflow();
        }
        return Outcome.QUEUED;
    }

    /** The code with which the unit answers by itself. */
    public int automaticResponse() {
        return (int) registers.get(AutoResponse.REGISTER, AutoResponse.CODE);
    }

    /** True if the unit's own answers have no PASID. */
    public boolean answersWithoutPasid() {
        return registers.isSet(AutoResponse.REGISTER, AutoResponse.MASK_GN);
    }

    /** Logs a request that the device must not make, 48882 2.5.10. */
    public Outcome invalid(PageRequest request) {
        boolean withPasid = request.pasid() != DmaAccess.NO_PASID;
        events.invalidPageRequest(
                InvalidPprRequest.DEVICE_ID.of(request.requester())
                        | InvalidPprRequest.GROUP.of(request.group())
                        | flag(InvalidPprRequest.LAST, request.last())
                        | flag(InvalidPprRequest.X, request.execute())
                        | flag(InvalidPprRequest.R, request.read())
                        | flag(InvalidPprRequest.W, request.write())
                        | (withPasid
                                ? InvalidPprRequest.GN.mask()
                                        | InvalidPprRequest.PASID_LOW.of(AmdViEvents.pasidLow(request.pasid()))
                                        | InvalidPprRequest.PASID_HIGH.of(AmdViEvents.pasidHigh(request.pasid()))
                                        | flag(InvalidPprRequest.US, !request.privileged())
                                : 0),
                InvalidPprRequest.ADDRESS.get(request.address()));
        return request.answered(Outcome.INVALID);
    }

    private static long flag(BitField bit, boolean on) {
        return on ? bit.mask() : 0;
    }

    private void lookForEarlyOverflow() {
        long early = registers.get(EarlyOverflow.REGISTER);
        if (EarlyOverflow.EN.isSet(early) && log.used() >= EarlyOverflow.THRESHOLD.getInt(early)) {
            registers.set(Status.REGISTER, Status.PPR_OVERFLOW_EARLY, true);
            if (EarlyOverflow.INT_EN.isSet(early)) {
                log.message();
            }
        }
    }
}
