package org.iommu4j.upgrade.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Unit;
import org.iommu4j.layout.Register;
import org.iommu4j.upgrade.ReplayResult.RequestTally;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.GuestRegisters;

/**
 * Contract path: a virtual IOMMU stands before the host's chip and turns what the guest does into contract requests.
 */
final class GuestMachine implements CapturedMachine {
    private final GuestRegisters registers;
    private final Unit unit;
    private final GuestContainers containers;
    private final Guest guest;
    private final CallPlayer calls;
    private final ExplainHints hints;
    private final List<String> refusals = new ArrayList<>();

    /**
     * A host, and a guest that sees a chip of that configuration.
     *
     * @param generations that the host's chip may have
     */
    GuestMachine(
            IommuService service,
            CaptureFormat format,
            HardwareConfig config,
            Set<Integer> generations,
            Sanitizer.Mode sanitizer) {
        registers = new GuestRegisters(format.registers());
        hints = ExplainHints.of(service, format.model());
        unit = service.openUnit(
                Serving.host(service, format, config, generations).withSanitizer(sanitizer));
        containers = new GuestContainers(unit, config.subVersion());
        containers.onRefusal(refusals::add);
        try {
            guest = unit.openGuest(config, containers);
            calls = new CallPlayer(Serving.backend(service, format.model()), unit.platform(), guest::call);
        } catch (RuntimeException e) {
            unit.close();
            throw e;
        }
    }

    /** Counts of the requests of all units' guests, and of the answers. */
    static RequestTally requests(CapturedMachines<GuestMachine> machines) {
        return machines.byUnit().values().stream()
                .map(machine -> machine.containers.requests())
                .reduce(RequestTally.NONE, RequestTally::plus);
    }

    /** The same as all their containers counted it. */
    static RequestTally counted(CapturedMachines<GuestMachine> machines) {
        return machines.byUnit().values().stream()
                .map(machine -> machine.containers.counted())
                .reduce(RequestTally.NONE, RequestTally::plus);
    }

    /** The guest's containers. */
    GuestContainers containers() {
        return containers;
    }

    @Override
    public Unit unit() {
        return unit;
    }

    @Override
    public void write(CaptureRecord.RegisterWrite write, Journal journal) {
        long sent = containers.sent();
        guest.writeRegister(write.offset(), write.sizeBytes(), write.value());
        if (containers.sent() != sent || !refusals.isEmpty()) {
            Register register = registers.at(write.offset());
            CommandCounter counter = journal.source(
                    "write of " + (register == null ? "0x" + Long.toHexString(write.offset()) : register.name()));
            counter.decoded();
            finish(
                    counter,
                    sent,
                    () -> String.join(
                            "; ",
                            hints.registers(unit.subVersion(), write.offset(), write.sizeBytes(), write.value())));
        }
    }

    @Override
    public long read(CaptureRecord.RegisterRead read) {
        return guest.readRegister(read.offset(), read.sizeBytes());
    }

    @Override
    public void command(CaptureRecord.Command command, Journal journal) {
        if (command.hex() == null) {
            journal.command(command.event() == null ? "unknown" : command.event())
                    .refused("the capture does not have its bytes");
            return;
        }
        byte[] bytes = command.bytes();
        Supplier<String> explain = () -> hints.command(bytes);
        CommandCounter counter = command.substitute()
                ? journal.substituted(command.event())
                : journal.named(command.event(), guest.commandName(bytes), explain);
        long sent = containers.sent();
        long handled = containers.handled();
        guest.command(bytes);
        if (containers.sent() == sent && containers.handled() == handled && refusals.isEmpty()) {
            refusals.add("the virtual IOMMU did nothing");
        }
        finish(counter, sent, explain);
    }

    @Override
    public List<CallPlayer.Mismatch> call(CaptureRecord.Call call, Journal journal) {
        CommandCounter counter = journal.command(call.kind());
        long sent = containers.sent();
        List<CallPlayer.Mismatch> mismatches = calls.make(call);
        if (!mismatches.isEmpty()) {
            refusals.add(mismatches.get(0).toString());
        }
        counter.decoded();
        finish(counter, sent, calls::lastHint);
        return mismatches;
    }

    @Override
    public void beforeAccess(int requester, Journal journal) {
        long sent = containers.sent();
        guest.deviceAccess(requester);
        if (containers.sent() != sent || !refusals.isEmpty()) {
            settle(journal.source("access of a device"), sent);
        }
    }

    private void settle(CommandCounter counter, long sentBefore) {
        counter.decoded();
        finish(counter, sentBefore, () -> "");
    }

    private void finish(CommandCounter counter, long sentBefore, Supplier<String> explain) {
        if (containers.sent() != sentBefore) {
            counter.translated();
        }
        if (refusals.isEmpty()) {
            counter.executed();
        } else {
            counter.refused(String.join("; ", refusals), explain);
            refusals.clear();
        }
    }
}
