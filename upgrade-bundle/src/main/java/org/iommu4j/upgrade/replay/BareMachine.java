package org.iommu4j.upgrade.replay;

import java.util.ArrayDeque;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.GuestRegisters;

/**
 * Direct path: the chip is the guest's own. Its queue is held back: where the capture shows a command after the register write
 * that made it visible, it is put into the ring and consumed when the capture shows it. Where it shows commands before that
 * write, they wait in the ring for it.
 */
final class BareMachine implements CapturedMachine {
    /** More than the largest ring has. */
    private static final int MOST_WAITING = 1 << 20;

    private final CaptureFormat format;
    private final Unit unit;
    private final Function<byte[], String> names;
    private final GuestRegisters registers;
    private final CallPlayer calls;
    private final ExplainHints hints;

    /** Commands in the ring that the chip has not consumed, in order. */
    private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();

    /**
     * A command in the ring.
     *
     * @param explain gives what decodes it
     */
    private record Waiting(CommandCounter counter, Supplier<String> explain) {}

    /** A chip of that configuration. */
    BareMachine(IommuService service, CaptureFormat format, HardwareConfig config, Sanitizer.Mode sanitizer) {
        this.format = format;
        hints = ExplainHints.of(service, format.model());
        registers = new GuestRegisters(format.registers());
        unit = service.openUnit(
                Serving.machine(service, format.model(), config).withoutDriver().withSanitizer(sanitizer));
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
        consume();
    }

    private void consume() {
        int consumed = waiting.isEmpty() ? 0 : unit.step(waiting.size());
        for (int i = 0; i < consumed; i++) {
            waiting.remove().counter().executed();
        }
    }

    @Override
    public void finish() {
        waiting.forEach(command -> command.counter().refused("the chip did not consume it", command.explain()));
        waiting.clear();
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
        CommandCounter counter = command.substitute()
                ? journal.substituted(command.event())
                : journal.named(command.event(), names.apply(bytes), explain);
        if (format.registers().ring() == null) {
            counter.refused("the model has no ring", explain);
            return;
        }
        RegisterRecords.RingBase ring = format.registers().ring();
        long base = ring.address().get(registers.value(ring.register()));
        unit.platform().memory().write(base + (long) command.slot() * bytes.length, bytes, 0, bytes.length);
        waiting.add(new Waiting(counter, explain));
        if (waiting.size() > MOST_WAITING) {
            finish();
        } else {
            consume();
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
