package org.iommu4j.upgrade.replay;

import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.core.service.ExplainHints;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.GuestRegisters;

/**
 * Direct path: the chip is the guest's own. Its queue is held back: the capture shows a command after the register write
 * that made it visible, so each is put into the ring and consumed when the capture shows it.
 */
final class BareMachine implements CapturedMachine {
    private final CaptureFormat format;
    private final Unit unit;
    private final Function<byte[], String> names;
    private final GuestRegisters registers;
    private final CallPlayer calls;
    private final ExplainHints hints;

    /** A chip of that configuration. */
    BareMachine(IommuService service, CaptureFormat format, HardwareConfig config, Sanitizer.Mode sanitizer) {
        this.format = format;
        hints = ExplainHints.of(service, format.model());
        registers = new GuestRegisters(format.registers());
        unit = service.openUnit(
                UnitConfig.of(format.model(), config).withoutDriver().withSanitizer(sanitizer));
        try {
            unit.stepping(true);
            Backend backend = Serving.backend(service, format.model());
            calls = new CallPlayer(backend, unit.platform(), unit::call);
            names = format.registers().ring() == null
                    ? bytes -> "unknown"
                    : backend.createGuestDecoder(config, unit.platform())::commandName;
        } catch (RuntimeException e) {
            unit.close();
            throw e;
        }
    }

    @Override
    public Unit unit() {
        return unit;
    }

    @Override
    public void write(CaptureRecord.RegisterWrite write, Journal journal) {
        registers.write(write);
        unit.writeRegister(write.offset(), write.sizeBytes(), write.value());
    }

    @Override
    public long read(CaptureRecord.RegisterRead read) {
        return unit.readRegister(read.offset(), read.sizeBytes());
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
        CommandCounter counter = journal.named(command.event(), names.apply(bytes), explain);
        if (format.registers().ring() == null) {
            counter.refused("the model has no ring", explain);
            return;
        }
        RegisterRecords.RingBase ring = format.registers().ring();
        long base = ring.address().get(registers.value(ring.register()));
        unit.platform().memory().write(base + (long) command.slot() * bytes.length, bytes, 0, bytes.length);
        if (unit.step(1) == 1) {
            counter.executed();
        } else {
            counter.refused("the chip did not consume it", explain);
        }
    }

    @Override
    public List<CallPlayer.Mismatch> call(CaptureRecord.Call call, Journal journal) {
        CommandCounter counter = journal.command(call.kind());
        counter.decoded();
        List<CallPlayer.Mismatch> mismatches = calls.make(call);
        if (mismatches.isEmpty()) {
            counter.executed();
        } else {
            counter.refused(mismatches.get(0).toString(), calls::lastHint);
        }
        return mismatches;
    }

    @Override
    public void beforeAccess(int requester, Journal journal) {
        // The chip reads the guest's structures by itself.
    }
}
