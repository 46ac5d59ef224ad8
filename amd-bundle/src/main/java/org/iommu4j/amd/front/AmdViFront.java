package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.DevTabSegment;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Exclusion;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** The software's side of a unit: the control register, 48882 3.4.4, and the rings behind the others. */
public final class AmdViFront {
    private static final long PAGE_MASK = 0xfff;

    private final EventRecorder events;
    private final PageRequestLog pageRequests;
    private final CommandBuffer commands;

    /**
     * A front after reset.
     *
     * @param chosen what a unit can choose, {@link org.iommu4j.amd.command.AmdViSettings}
     * @param registers the unit's
     * @param memory where the rings are and where completion waits store
     * @param sink where messages go
     * @param effects what accepted commands do
     */
    public AmdViFront(
            int subVersion,
            AmdViCapabilities unit,
            SettingValues chosen,
            RegisterFile registers,
            PhysicalMemory memory,
            InterruptSink sink,
            CommandEffects effects) {
        Interrupts interrupts = new Interrupts(registers, sink);
        events = new EventRecorder(unit, chosen, registers, memory, interrupts);
        pageRequests = new PageRequestLog(unit, registers, memory, events, interrupts);
        commands = new CommandBuffer(
                chosen, registers, memory, new CommandDispatch(subVersion, unit, effects), effects, events, interrupts);
        int mostTables = Efr.DEV_TBL_SEG_SUP.getInt(unit.efr());
        registers.filterWrites(
                Control.REGISTER,
                (before, proposed, written, lanes) ->
                        // 48882 3.4.4: more device tables than the unit has are not taken.
                        Control.DEV_TBL_SEG_EN.get(proposed) <= mostTables
                                ? proposed
                                : Control.DEV_TBL_SEG_EN.set(proposed, Control.DEV_TBL_SEG_EN.get(before)));
        registers.onWrite(Control.REGISTER, (before, after, written, lanes) -> {
            events.log().controlWritten(before, after);
            if (pageRequests.log() != null) {
                pageRequests.log().controlWritten(before, after);
            }
            effects.configured();
            commands.controlWritten(after);
        });
        registers.onWrite(DevTabBase.REGISTER, (before, after, written, lanes) -> effects.configured());
        for (int segment = 1; segment < unit.deviceTables(); segment++) {
            registers.onWrite(DevTabSegment.of(segment), (before, after, written, lanes) -> effects.configured());
        }
        registers.onWrite(Exclusion.BASE_REGISTER, (before, after, written, lanes) -> effects.configured());
        registers.onWrite(Exclusion.LIMIT_REGISTER, (before, after, written, lanes) -> effects.configured());
    }

    /** The last address of the exclusion range: the low bits of the limit count as ones, 48882 3.4.6. */
    public static long lastExcluded(RegisterFile registers) {
        return registers.get(Exclusion.LIMIT_REGISTER, Exclusion.LIMIT_ADDRESS) | PAGE_MASK;
    }

    /** The command buffer. */
    public CommandBuffer commands() {
        return commands;
    }

    /** The event log. */
    public EventRecorder events() {
        return events;
    }

    /** The page request log. */
    public PageRequestLog pageRequests() {
        return pageRequests;
    }

    /** Takes the oldest event out of the log as software would; false if there is none. */
    public boolean takeEvent(PhysicalMemory memory, long[] words) {
        return events.log().take(memory, words);
    }

    /** Saves what is not in the registers into the section that {@code out} is in. */
    public void save(SnapshotWriter out) {
        out.putBoolean(commands.isHalted());
        out.putBoolean(events.log().isStopped());
        out.putBoolean(pageRequests.log() != null && pageRequests.log().isStopped());
    }

    /** Takes what {@link #save} saved; the registers are loaded before. */
    public void load(SnapshotReader in) {
        commands.load(in.getBoolean());
        events.log().load(in.getBoolean());
        boolean stopped = in.getBoolean();
        if (pageRequests.log() != null) {
            pageRequests.log().load(stopped);
        }
    }
}
