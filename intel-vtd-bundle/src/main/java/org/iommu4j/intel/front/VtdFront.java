package org.iommu4j.intel.front;

import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.EventControl;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.ProtectedMemory;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The handshakes of the registers, VT-d 11.4.4: what a write of GCMD starts and what GSTS then shows, and the parts behind the
 * other registers.
 */
public final class VtdFront {
    private final VtdCapabilities unit;
    private final RegisterFile registers;
    private final CommandEffects effects;
    private final FaultRecorder faults;
    private final CommandDispatch dispatch;
    private final InvalidationQueue queue;
    private final RegisterInvalidation registerInvalidation;
    private final PageRequestQueue pageRequests;

    /**
     * A front after reset.
     *
     * @param chosen what the architecture leaves to a unit, {@link org.iommu4j.intel.command.VtdSettings}
     * @param registers the unit's
     * @param memory where the queue is and where waits store their status
     * @param hostAddressWidth bits of an address in that memory; 64 if any may be meant
     * @param interrupts where messages go
     * @param effects what accepted commands do
     */
    public VtdFront(
            int subVersion,
            VtdCapabilities unit,
            SettingValues chosen,
            RegisterFile registers,
            FaultRecorder faults,
            PhysicalMemory memory,
            int hostAddressWidth,
            InterruptSink interrupts,
            CommandEffects effects) {
        this.unit = unit;
        this.registers = registers;
        this.effects = effects;
        this.faults = faults;
        dispatch = new CommandDispatch(subVersion, unit, effects);
        queue = unit.hasQueue()
                ? new InvalidationQueue(
                        subVersion,
                        unit.hasLongDescriptors(),
                        chosen,
                        registers,
                        memory,
                        hostAddressWidth,
                        dispatch,
                        effects,
                        faults,
                        new EventMessage(registers, EventControl.INVALIDATION, Ecap.EIM.isSet(unit.ecap()), interrupts))
                : null;
        registerInvalidation =
                unit.hasRegisterInvalidation() ? new RegisterInvalidation(unit, registers, dispatch, effects) : null;
        pageRequests = unit.hasPageRequests() ? new PageRequestQueue(unit, registers, memory, interrupts) : null;
        registers.onWrite(Global.COMMAND, (before, after, written, lanes) -> command(written));
        registers.onWrite(FaultStatus.REGISTER, (before, after, written, lanes) -> faultStatusWritten(before, after));
        if (!Ecap.SSIRWS.isSet(unit.ecap())) {
            registers.onWrite(
                    RootTableAddress.REGISTER,
                    (before, after, written, lanes) ->
                            registers.set(RootTableAddress.REGISTER, RootTableAddress.SSIRWE, false));
        }
        if (Cap.PLMR.isSet(unit.cap()) || Cap.PHMR.isSet(unit.cap())) {
            registers.onWrite(
                    ProtectedMemory.ENABLE,
                    (before, after, written, lanes) -> registers.set(
                            ProtectedMemory.ENABLE, ProtectedMemory.PRS, ProtectedMemory.EPM.isSet(after)));
        }
    }

    /** The invalidation queue; null if the unit has none. */
    public InvalidationQueue queue() {
        return queue;
    }

    /** The queue of page requests; null if the unit has none. */
    public PageRequestQueue pageRequests() {
        return pageRequests;
    }

    /** Commands carried out since the unit was made, by queue and registers. */
    public long commands() {
        return (queue != null ? queue.commands() : 0)
                + (registerInvalidation != null ? registerInvalidation.commands() : 0);
    }

    /** Saves the queue, if there is one, as section {@code queue}. */
    public void saveQueue(SnapshotWriter out) {
        if (queue != null) {
            queue.save(out.section("queue"));
        }
    }

    /** Takes what {@link #saveQueue} saved. */
    public void loadQueue(SnapshotReader in) {
        if (queue != null) {
            in.section("queue", queue::load);
        }
    }

    /**
     * Goes on where the registers say that the queue is, where nothing else was saved of it.
     *
     * @return false if its head is not in the queue
     */
    public boolean loadQueueFromRegisters() {
        return queue == null || queue.loadFromRegisters(registers.isSet(Global.STATUS, Global.QIES));
    }

    /** Goes on with a root table that was set before. */
    public void loadTableMode(TableMode mode) {
        dispatch.setTableMode(mode);
    }

    /** Carries out a write of GCMD: one-shot commands first, then what changes of the persistent ones. */
    private void command(long written) {
        if (Global.SRTP.isSet(written)) {
            long address = registers.get(RootTableAddress.REGISTER);
            dispatch.setTableMode(TableMode.of(unit, address));
            effects.rootTable(address, written);
            follow(Global.RTPS, true);
        }
        if (Ecap.IR.isSet(unit.ecap())) {
            if (Global.SIRTP.isSet(written)) {
                follow(Global.IRTPS, true);
            }
            follow(Global.IRES, Global.IRE.isSet(written));
            follow(Global.CFIS, Global.CFI.isSet(written));
        }
        if (queue != null && Global.QIE.isSet(written) != queue.isEnabled()) {
            if (Global.QIE.isSet(written)) {
                follow(Global.QIES, true);
                queue.enable();
            } else if (queue.disable()) {
                follow(Global.QIES, false);
            }
        }
        boolean translate = Global.TE.isSet(written);
        if (translate != registers.isSet(Global.STATUS, Global.TES)) {
            follow(Global.TES, translate);
            effects.translation(translate, written);
        }
        if (!registers.isSet(Global.STATUS, Global.TES) && !registers.isSet(Global.STATUS, Global.IRES)) {
            faults.restart();
        }
    }

    private void follow(BitField status, boolean on) {
        registers.set(Global.STATUS, status, on);
    }

    private void faultStatusWritten(long before, long after) {
        faults.statusWritten(before, after);
        long cleared = before & ~after;
        if (queue != null && (FaultStatus.IQE.isSet(cleared) || FaultStatus.ITE.isSet(cleared))) {
            queue.resume();
        }
    }
}
