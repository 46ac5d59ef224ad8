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
import org.iommu4j.amd.front.PageRequest.Outcome;
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

    /** Takes a request of a device that may make it. */
    public Outcome request(PageRequest request) {
        // 1. page requests are taken
        if (!isEnabled()) {
            return Outcome.FAILED;
        }
        // 3. automatic answers
        boolean automatic = answersItself && registers.isSet(Control.REGISTER, Control.PPR_AUTO_RSP_EN);
        boolean always = automatic && registers.isSet(Control.REGISTER, Control.PPR_AUTO_RSP_AON);
        if (always || (automatic && log.isFull())) {
            return request.last() ? Outcome.ANSWERED : Outcome.DROPPED;
        }
        // 4. and 5. the entry
        if (!log.append(entry(request), PageServiceRequest.ADDRESS.get(request.address()))) {
            return Outcome.DROPPED;
        }
        if (watchesEarly) {
            lookForEarlyOverflow();
        }
        return Outcome.LOGGED;
    }

    /** The code with which the unit answers by itself. */
    public int automaticResponse() {
        return (int) registers.get(AutoResponse.REGISTER, AutoResponse.CODE);
    }

    /** Logs a request that the device must not make, 48882 2.5.10. */
    public Outcome invalid(PageRequest request) {
        events.invalidPageRequest(
                InvalidPprRequest.DEVICE_ID.of(request.deviceId())
                        | InvalidPprRequest.GROUP.of(request.group())
                        | flag(InvalidPprRequest.LAST, request.last())
                        | flag(InvalidPprRequest.X, request.execute())
                        | flag(InvalidPprRequest.R, request.read())
                        | flag(InvalidPprRequest.W, request.write())
                        | flag(InvalidPprRequest.US, request.user())
                        | pasid(
                                request,
                                InvalidPprRequest.PASID_LOW,
                                InvalidPprRequest.PASID_HIGH,
                                InvalidPprRequest.GN),
                InvalidPprRequest.ADDRESS.get(request.address()));
        return Outcome.INVALID;
    }

    private static long entry(PageRequest request) {
        return PageServiceRequest.CODE.of(1)
                | PageServiceRequest.DEVICE_ID.of(request.deviceId())
                | PageServiceRequest.GROUP.of(request.group())
                | flag(PageServiceRequest.LAST, request.last())
                | flag(PageServiceRequest.X, request.execute())
                | flag(PageServiceRequest.R, request.read())
                | flag(PageServiceRequest.W, request.write())
                | flag(PageServiceRequest.US, request.user())
                | pasid(request, PageServiceRequest.PASID_LOW, PageServiceRequest.PASID_HIGH, PageServiceRequest.GN);
    }

    private static long pasid(PageRequest request, BitField low, BitField high, BitField valid) {
        return request.pasid() == CommandEffects.NO_PASID
                ? 0
                : low.of(AmdViEvents.pasidLow(request.pasid()))
                        | high.of(AmdViEvents.pasidHigh(request.pasid()))
                        | valid.mask();
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
