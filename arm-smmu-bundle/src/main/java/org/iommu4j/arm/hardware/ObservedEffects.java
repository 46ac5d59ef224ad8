package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;

/** The chip's effects while somebody observes: each command is reported with what it has dropped. */
final class ObservedEffects extends CacheEffects {
    private final RegisterFile registers;
    private final TranslationCaches caches;
    private final CommandReports reports;

    ObservedEffects(
            SmmuCapabilities chip,
            SettingValues chosen,
            RegisterFile registers,
            TranslationCaches caches,
            StreamTable table,
            DevicePort devices,
            CommandReports reports) {
        super(chip, chosen, registers, caches, table, devices);
        this.registers = registers;
        this.caches = caches;
        this.reports = reports;
    }

    @Override
    public Outcome carryOut(SmmuCommand command, long word0, long word1) {
        long before = caches.dropped();
        Outcome outcome = super.carryOut(command, word0, word1);
        if (outcome == Outcome.DONE) {
            boolean e2h = registers.isSet(Cr2.REGISTER, Cr2.E2H);
            reports.carriedOut(command, word0, word1, e2h, caches.dropped() - before);
        }
        return outcome;
    }

    @Override
    public void completed() {
        reports.completed();
    }
}
