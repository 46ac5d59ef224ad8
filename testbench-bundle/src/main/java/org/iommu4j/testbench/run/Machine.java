package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.ExplainHints;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;

/** One fresh unit, and with a driver one container in front of it. */
final class Machine implements AutoCloseable {
    private final IommuModel model;
    private final BenchSupport support;
    private final ExplainHints hints;
    private final Unit unit;
    private final NativePort port;
    private final PhysicalMemory memory;
    private final List<byte[]> commands = new ArrayList<>();
    private Recording recording;
    private int interrupts;
    private Container container;

    private Finding.Place place = Finding.Place.UNKNOWN;

    private Machine(
            IommuService service,
            Chip chip,
            BenchSupport support,
            HardwareConfig hardware,
            boolean driver,
            Sanitizer.Mode sanitizer) {
        model = chip.model();
        this.support = support;
        hints = ExplainHints.of(service, model);
        int width = chip.hostAddressWidth() != 0 ? chip.hostAddressWidth() : support.hostAddressWidth(hardware);
        unit = service.openUnit(new UnitConfig(
                model,
                hardware,
                !driver,
                width,
                chip.ram(),
                (address, data) -> interrupts++,
                DevicePort.COMPLETING,
                sanitizer));
        port = new UnitPort(unit);
        memory = unit.platform().memory();
    }

    /** A fresh machine that nobody observes; see {@link #open(IommuService, Chip, Step.Needs, Sanitizer.Mode)}. */
    static Machine open(IommuService service, Chip chip, Step.Needs needs) {
        return open(service, chip, needs, Sanitizer.Mode.OFF);
    }

    /**
     * A fresh machine.
     *
     * @throws BackendException {@code ENODEV} if nobody serves the model, {@code EINVAL} if the configuration makes no
     *     sense, {@code EPROTONOSUPPORT} if the chip cannot have it
     */
    static Machine open(IommuService service, Chip chip, Step.Needs needs, Sanitizer.Mode sanitizer) {
        Backend backend = backend(service, chip.model());
        HardwareConfig wanted = chip.hardware();
        HardwareConfig hardware = new HardwareConfig(
                generation(backend, wanted.subVersion()).subVersion(),
                wanted.fields(),
                wanted.registers(),
                wanted.cache(),
                wanted.options());
        Machine machine = new Machine(service, chip, backend.bench(), hardware, needs.driver(), sanitizer);
        try {
            machine.prepare(needs);
            return machine;
        } catch (RuntimeException e) {
            machine.close();
            throw e;
        }
    }

    private void prepare(Step.Needs needs) {
        if (needs.driver()) {
            unit.tap(commands::add);
        }
        if (needs.interrupts()) {
            support.enableInterrupts(port);
            interrupts = 0;
        }
        if (needs.stepping()) {
            unit.stepping(true);
        }
    }

    private static Backend backend(IommuService service, IommuModel model) {
        Backend backend = service.backend(model);
        if (backend == null) {
            throw new BackendException(Errno.ENODEV, "model '" + model.label() + "' is not installed");
        }
        return backend;
    }

    /** The generation of that number, or the newest for 0. */
    private static Generation generation(Backend backend, int subVersion) {
        List<Generation> generations = backend.describe().generations();
        Generation found = subVersion == 0
                ? generations.get(generations.size() - 1)
                : backend.describe().generation(subVersion);
        if (found == null) {
            throw new BackendException(
                    Errno.ENODEV,
                    "model '" + backend.describe().model().label() + "' has no generation "
                            + Json.hex(Integer.toUnsignedLong(subVersion)) + " here; known: "
                            + String.join(
                                    ", ",
                                    generations.stream()
                                            .map(generation -> Json.hex(generation.subVersion()))
                                            .toList()));
        }
        return found;
    }

    IommuModel model() {
        return model;
    }

    BenchSupport support() {
        return support;
    }

    /** What decodes bytes of the model. */
    ExplainHints hints() {
        return hints;
    }

    Unit unit() {
        return unit;
    }

    NativePort port() {
        return port;
    }

    PhysicalMemory memory() {
        return memory;
    }

    /** Writes to memory. */
    void write(long pa, byte[] source, int offset, int length) {
        memory.write(pa, source, offset, length);
        if (recording != null) {
            recording.add(pa, source, offset, length);
        }
    }

    /** From now on keeps what is written to memory; null for no longer. */
    void record(Recording to) {
        recording = to;
    }

    /** What is done from now on is done by that step. */
    void at(Finding.Place place) {
        this.place = place;
        Sanitizer sanitizer = unit.platform().sanitizer();
        if (sanitizer != null) {
            sanitizer.at(place);
        }
    }

    /** The step that is being done. */
    Finding.Place place() {
        return place;
    }

    /** What the sanitizer found so far; nothing if the machine has none. */
    SanitizerReport findings() {
        Sanitizer sanitizer = unit.platform().sanitizer();
        return sanitizer == null ? SanitizerReport.NONE : sanitizer.report();
    }

    /** Interrupts since the last call. */
    int takeInterrupts() {
        int count = interrupts;
        interrupts = 0;
        return count;
    }

    /** What the driver wrote since the last call. */
    List<byte[]> takeCommands() {
        List<byte[]> taken = List.copyOf(commands);
        commands.clear();
        return taken;
    }

    /** Adds a device to the container; a table of -1 leaves it blocked. */
    void attach(int requester, long table, int levels, Completion completion) {
        if (table == -1) {
            container().attach(requester, completion);
        } else {
            container().attach(requester, table, levels, completion);
        }
    }

    /** Removes a device from the container. */
    void detach(int requester, Completion completion) {
        container().detach(requester, completion);
    }

    /** One request, written in that image. */
    void ioctl(long request, Abi image, byte[] bytes, Completion completion) {
        container().ioctl(image, request, bytes, 0, bytes.length, completion);
    }

    private Container container() {
        if (container == null) {
            container = unit.openContainer(ContainerConfig.of(Offer.exactly(model, unit.subVersion())));
        }
        return container;
    }

    @Override
    public void close() {
        unit.close();
    }

    /** A driver's view of a unit. */
    private record UnitPort(Unit unit) implements NativePort {
        @Override
        public Platform platform() {
            return unit.platform();
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return unit.readRegister(offset, sizeBytes);
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            unit.writeRegister(offset, sizeBytes, value);
        }

        @Override
        public void call(NativeCall call) {
            unit.call(call);
        }
    }
}
