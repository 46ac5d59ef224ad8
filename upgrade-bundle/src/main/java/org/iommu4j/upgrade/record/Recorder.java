package org.iommu4j.upgrade.record;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.core.service.UnitInterposer;
import org.iommu4j.layout.Register;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.UpgradeException;

/** Records the units that are opened while it is there, but for those without a driver: they have no requests. */
final class Recorder implements Recording, UnitInterposer {
    private final IommuService service;
    private final Path file;
    private final RecordWriter writer;
    private final AutoCloseable interposing;
    private final List<RecordedUnit> recorded = new CopyOnWriteArrayList<>();
    private final AtomicLong units = new AtomicLong();
    private final AtomicLong requests = new AtomicLong();
    private volatile boolean recording = true;

    /**
     * Begins a record.
     *
     * @throws UpgradeException if the file cannot be written
     */
    Recorder(IommuService service, Path file) {
        this.service = service;
        this.file = file;
        try {
            writer = new RecordWriter(file);
        } catch (IOException e) {
            throw new UpgradeException("cannot write " + file + ": " + OneLine.reason(e), e);
        }
        interposing = service.interpose(this);
    }

    @Override
    public Unit interpose(Unit unit, UnitConfig config) {
        if (!isRecording() || unit.bare()) {
            return unit;
        }
        try {
            return begin(unit, config);
        } catch (RuntimeException e) {
            fail("a unit could not be recorded: " + e);
            throw e;
        }
    }

    private Unit begin(Unit unit, UnitConfig config) {
        BackendStatus serving = serving(unit.model());
        int number = (int) units.incrementAndGet();
        RecordedUnit shown = new RecordedUnit(unit, number, this);
        write(new RecordLine.UnitOpened(
                number,
                unit.model(),
                serving == null ? "" : serving.name(),
                serving == null ? "" : serving.version(),
                config.hardware(),
                unit.platform().hostAddressWidth(),
                config.ram(),
                registers(service, unit)));
        shown.listen();
        recorded.add(shown);
        return shown;
    }

    /** Values of the registers of a unit's chip that the backend names. */
    static Map<String, Long> registers(IommuService service, Unit unit) {
        Map<String, Long> values = new HashMap<>();
        Backend backend = service.backend(unit.model());
        if (backend != null) {
            for (Register register : backend.registers(unit.subVersion())) {
                values.put(register.name(), unit.readRegister(register.offset(), register.widthBits() / Byte.SIZE));
            }
        }
        return values;
    }

    /** The backend that serves a model, or null. */
    private BackendStatus serving(IommuModel model) {
        for (BackendStatus status : service.backends()) {
            if (status.model() == model && status.state() == BackendStatus.State.ACTIVE) {
                return status;
            }
        }
        return null;
    }

    /** True if a backend serves a model, so that a unit of it answers at once. */
    boolean isServed(IommuModel model) {
        return service.backend(model) != null;
    }

    /** The line that says who has taken over a unit. */
    RecordLine swapped(int unit, IommuModel model) {
        BackendStatus serving = serving(model);
        return new RecordLine.Swapped(
                unit, serving == null ? "" : serving.name(), serving == null ? "" : serving.version());
    }

    /** True until it is closed or has failed. */
    boolean isRecording() {
        return recording && !writer.hasFailed();
    }

    /** Adds a line. */
    void write(RecordLine line) {
        writer.write(line);
    }

    /** Adds lines that must stand together. */
    void write(List<? extends RecordLine> lines) {
        writer.write(lines);
    }

    /** Counts requests. */
    void count(long more) {
        requests.addAndGet(more);
    }

    /** A unit is closed. */
    void closed(RecordedUnit unit) {
        recorded.remove(unit);
    }

    /** Nothing more can be recorded in order. */
    void fail(String why) {
        writer.fail(why);
    }

    @Override
    public Path file() {
        return file;
    }

    @Override
    public long units() {
        return units.get();
    }

    @Override
    public long requests() {
        return requests.get();
    }

    @Override
    public void close() {
        recording = false;
        try {
            interposing.close();
        } catch (Exception e) {
            throw new UpgradeException("cannot end the record " + file + ": " + e.getMessage(), e);
        }
        recorded.forEach(RecordedUnit::unlisten);
        recorded.clear();
        try {
            writer.close();
        } catch (IOException e) {
            throw new UpgradeException("cannot write " + file + ", the record is lost: " + OneLine.reason(e), e);
        }
    }
}
