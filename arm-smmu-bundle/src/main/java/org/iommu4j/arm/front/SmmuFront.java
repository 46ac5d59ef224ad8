package org.iommu4j.arm.front;

import org.iommu4j.arm.command.CommandCheck;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.PageRequestEntry;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.command.SmmuRegisters.Gbpa;
import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.arm.command.SmmuRegisters.Idr0;
import org.iommu4j.arm.command.SmmuRegisters.Idr1;
import org.iommu4j.arm.command.SmmuRegisters.IrqCtrl;
import org.iommu4j.arm.command.SmmuRegisters.Message;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The handshakes of the registers, IHI 0070 6.2 and 6.3, and the queues behind them. What software changes is acknowledged at
 * once: CR0 in CR0ACK, IRQ_CTRL in IRQ_CTRLACK, GBPA by its Update bit, which therefore never reads 1. Bits of functions that the
 * chip does not have stay 0.
 */
public final class SmmuFront {
    /** An offset that no register has. */
    private static final long NOWHERE = 2 * Queue.PAGE_1;

    private final RegisterFile registers;
    private final CommandEffects effects;
    private final GlobalErrors errors;
    private final CommandQueue queue;
    private final EventRecorder events;
    private final PageRequestQueue pageRequests;
    private final RecordQueue eventQueue;
    private final RecordQueue pageRequestQueue;
    private final boolean hasOnePage;
    private final long switches;
    private final long modes;
    private final long interruptSwitches;

    /**
     * A front after reset.
     *
     * @param chosen what the architecture leaves to a chip, {@link SmmuSettings}
     * @param registers the chip's
     * @param memory where the queues are and where messages of CMD_SYNC go
     * @param sink where other messages go
     * @param effects what accepted commands do
     */
    public SmmuFront(
            SmmuCapabilities chip,
            SettingValues chosen,
            RegisterFile registers,
            PhysicalMemory memory,
            InterruptSink sink,
            CommandEffects effects) {
        this.registers = registers;
        hasOnePage = chosen.isSet(SmmuSettings.ONE_PAGE);
        boolean refusesReserved = !chosen.isSet(SmmuSettings.RESERVED_BITS);
        InterruptSink interrupts = !chosen.isSet(SmmuSettings.ONE_LINE)
                ? sink
                : (address, data) -> sink.raise(address, address == 0 ? InterruptMessage.LINE_EVENTS : data);
        this.effects = effects;
        boolean messages = chip.has("MSI");
        boolean pages = chip.has("PRI");
        long addressBits = (1L << chip.outputBits()) - 1;
        errors = new GlobalErrors(
                registers,
                new InterruptMessage(registers, Message.GERROR, messages, InterruptMessage.LINE_ERRORS, interrupts));
        eventQueue = new RecordQueue(
                Queue.EVENTS,
                EventFields.RECORD_BYTES,
                Idr1.EVENTQS.getInt(chip.idr1()),
                addressBits,
                registers,
                memory,
                errors,
                Gerror.EVENTQ_ABT_ERR);
        events = new EventRecorder(
                eventQueue,
                new InterruptMessage(registers, Message.EVENTQ, messages, InterruptMessage.LINE_EVENTS, interrupts));
        pageRequestQueue = pages
                ? new RecordQueue(
                        Queue.PAGE_REQUESTS,
                        PageRequestEntry.BYTES,
                        Idr1.PRIQS.getInt(chip.idr1()),
                        addressBits,
                        registers,
                        memory,
                        errors,
                        Gerror.PRIQ_ABT_ERR)
                : null;
        pageRequests = pages
                ? new PageRequestQueue(
                        pageRequestQueue,
                        new InterruptMessage(
                                registers, Message.PRIQ, messages, InterruptMessage.LINE_PAGE_REQUESTS, interrupts))
                : null;
        queue = new CommandQueue(
                chip,
                chosen.isSet(SmmuSettings.GUEST_QUEUE)
                        ? CommandCheck.ofGuestQueue(chip, refusesReserved)
                        : CommandCheck.of(chip, refusesReserved),
                registers,
                memory,
                effects,
                errors,
                interrupts);
        switches = Cr0.SMMUEN.mask()
                | Cr0.EVENTQEN.mask()
                | Cr0.CMDQEN.mask()
                | (pages ? Cr0.PRIQEN.mask() : 0)
                | (chip.has("ATS") ? Cr0.ATSCHK.mask() : 0)
                | (chip.has("VMW") ? Cr0.VMW.mask() : 0);
        modes = Cr2.RECINVSID.mask()
                | (chip.has("Hyp") ? Cr2.E2H.mask() : 0)
                | (chip.has("BTM") ? Cr2.PTM.mask() : 0)
                | (chip.has("ATSRECERR") ? Cr2.REC_CFG_ATS.mask() : 0);
        interruptSwitches = IrqCtrl.GERROR.mask() | IrqCtrl.EVENTQ.mask() | (pages ? IrqCtrl.PRIQ.mask() : 0);
        connect(Idr0.ST_LEVEL.isSet(chip.idr0()));
    }

    private void connect(boolean twoLevels) {
        registers.filterWrites(Cr0.REGISTER, (before, proposed, written, lanes) -> proposed & switches);
        registers.onWrite(Cr0.REGISTER, (before, after, written, lanes) -> switched(after));
        registers.filterWrites(Cr2.REGISTER, (before, proposed, written, lanes) -> proposed & modes);
        registers.filterWrites(IrqCtrl.REGISTER, (before, proposed, written, lanes) -> proposed & interruptSwitches);
        registers.onWrite(IrqCtrl.REGISTER, (before, after, written, lanes) -> registers.set(IrqCtrl.ACK, after));
        // 6.3.14.1: the fields count only with Update, which reads 0 again when they do.
        registers.filterWrites(
                Gbpa.REGISTER,
                (before, proposed, written, lanes) ->
                        Gbpa.UPDATE.isSet(written) ? proposed & ~Gbpa.UPDATE.mask() : before);
        registers.onWrite(Gerror.ACKNOWLEDGED, (before, after, written, lanes) -> acknowledged(before ^ after));
        registers.onWrite(Queue.EVENTS.consumer(), (before, after, written, lanes) -> events.changed());
        if (!twoLevels) {
            registers.filterWrites(
                    StreamTableBase.CONFIG,
                    (before, proposed, written, lanes) -> proposed & ~StreamTableBase.FMT.mask());
        }
    }

    /** A register as software reads it; 0 where there is none. */
    public long read(long offset, int sizeBytes) {
        return registers.read(place(offset), sizeBytes);
    }

    /** Software writes a register. */
    public void write(long offset, int sizeBytes, long value) {
        registers.write(place(offset), sizeBytes, value);
    }

    /** A chip of one page has what others have in page 1 at the same offsets of page 0. */
    private long place(long offset) {
        if (!hasOnePage) {
            return offset;
        }
        long inPage1 = offset + Queue.PAGE_1;
        boolean position = isPosition(Queue.EVENTS, inPage1) || isPosition(Queue.PAGE_REQUESTS, inPage1);
        return position ? inPage1 : offset >= Queue.PAGE_1 ? NOWHERE : offset;
    }

    private static boolean isPosition(Queue queue, long offset) {
        return offset >= queue.producer().offset()
                && offset < queue.consumer().offset() + queue.consumer().widthBytes();
    }

    /** The command queue. */
    public CommandQueue queue() {
        return queue;
    }

    /** Receiver of events. */
    public EventRecorder events() {
        return events;
    }

    /** Receiver of page requests; null if the chip has none. */
    public PageRequestQueue pageRequests() {
        return pageRequests;
    }

    /** Saves what the registers do not say as the section {@code queue}. */
    public void save(SnapshotWriter out) {
        queue.save(out.section("queue"));
    }

    /** Takes what {@link #save} saved, after the registers were restored. */
    public void load(SnapshotReader in) {
        queue.load(in.section("queue"));
        in.endSection();
        loadRecordQueues();
    }

    /** Goes on where the restored registers say, where nothing else was saved. */
    public void loadFromRegisters() {
        queue.enable(Cr0.ACK_CMDQEN.isSet(registers.get(Cr0.ACK)));
        loadRecordQueues();
    }

    private void loadRecordQueues() {
        long on = registers.get(Cr0.ACK);
        eventQueue.enable(Cr0.ACK_EVENTQEN.isSet(on));
        enablePageRequests(on);
    }

    /** 6.3.9: what changes in CR0 is done, and acknowledged. */
    private void switched(long after) {
        long changed = registers.get(Cr0.ACK) ^ after;
        registers.set(Cr0.ACK, after);
        if (Cr0.EVENTQEN.isSet(changed)) {
            eventQueue.enable(Cr0.EVENTQEN.isSet(after));
            events.changed();
        }
        if (Cr0.PRIQEN.isSet(changed) || Cr0.SMMUEN.isSet(changed)) {
            enablePageRequests(after);
        }
        if (Cr0.SMMUEN.isSet(changed)) {
            effects.translation(Cr0.SMMUEN.isSet(after));
        }
        if (Cr0.CMDQEN.isSet(changed)) {
            queue.enable(Cr0.CMDQEN.isSet(after));
        }
    }

    /** While translation is off the queue of page requests is off, whatever its own bit says, IHI 0070 6.3.9.4. */
    private void enablePageRequests(long on) {
        if (pageRequestQueue != null) {
            pageRequestQueue.enable(Cr0.PRIQEN.isSet(on) && Cr0.SMMUEN.isSet(on));
        }
    }

    private void acknowledged(long flipped) {
        if (Gerror.ACK_CMDQ_ERR.isSet(flipped) && !errors.isActive(Gerror.CMDQ_ERR)) {
            queue.resume();
        }
        if (Gerror.ACK_EVENTQ_ABT_ERR.isSet(flipped)) {
            events.changed();
        }
    }
}
