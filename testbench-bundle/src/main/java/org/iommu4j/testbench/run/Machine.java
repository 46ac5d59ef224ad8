package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.json.Json;

/** One fresh unit, and with a driver containers in front of it. */
final class Machine implements AutoCloseable {
    /** Most pages of 4096 bytes that the steps of a case write. */
    static final int MOST_PAGES = 1 << 14;

    /** Most commands of the driver that are kept for the next {@code native} step. */
    static final int MOST_COMMANDS = 1 << 16;

    /** Most containers of a case. */
    static final int MOST_CONTAINERS = 16;

    private static final int PAGE_SHIFT = 12;

    private final IommuModel model;
    private final BenchSupport support;
    private final NativeFormats formats;
    private final ExplainHints hints;
    private final Unit unit;
    private final NativePort port;
    private final PhysicalMemory memory;
    private final List<byte[]> commands = new ArrayList<>();
    private final Set<Long> written = new HashSet<>();
    private Progress progress = new Progress();
    private boolean commandsLost;
    private Recording recording;
    private int interrupts;

    /** By the number that steps have for them; null before the first step that names it. */
    private final Container[] containers = new Container[MOST_CONTAINERS];

    private Finding.Place place = Finding.Place.UNKNOWN;

    private Machine(
            IommuService service,
            Chip chip,
            Backend backend,
            HardwareConfig hardware,
            boolean driver,
            Sanitizer.Mode sanitizer) {
        model = chip.model();
        support = backend.bench();
        formats = backend.formats();
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
        Machine machine = new Machine(service, chip, backend, hardware, needs.driver(), sanitizer);
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
            unit.tap(this::tapped);
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
            throw Absence.of(service, model);
        }
        return backend;
    }

    /** The generation of that number; for 0 the one that the model says, or its newest. */
    private static Generation generation(Backend backend, int subVersion) {
        List<Generation> generations = backend.describe().generations();
        int asked = subVersion == 0 ? backend.bench().generation() : subVersion;
        Generation found = asked == 0
                ? generations.get(generations.size() - 1)
                : backend.describe().generation(asked);
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

    /** The formats that the model recognizes in bytes. */
    NativeFormats formats() {
        return formats;
    }

    /** Command lines that decode bytes of the model. */
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

    /** Chooses the receiver of the steps' progress. */
    void tell(Progress to) {
        progress = to;
    }

    /** Receives how far the steps are. */
    Progress progress() {
        return progress;
    }

    private void tapped(byte[] command) {
        if (commands.size() == MOST_COMMANDS) {
            commandsLost = true;
        } else {
            commands.add(command);
        }
    }

    /**
     * Writes to memory.
     *
     * @throws Step.StepFailure if the steps write to more of it than {@link #MOST_PAGES}
     */
    void write(long pa, byte[] source, int offset, int length) {
        long last = pa + length - 1;
        for (long page = pa >>> PAGE_SHIFT; length > 0 && page <= last >>> PAGE_SHIFT; page++) {
            if (written.add(page) && written.size() > MOST_PAGES) {
                throw new Step.StepFailure("the steps write to more than " + MOST_PAGES + " pages of memory");
            }
        }
        memory.write(pa, source, offset, length);
        if (recording != null) {
            recording.add(pa, source, offset, length);
        }
    }

    /** Keeps writes to memory from now on; null to stop. */
    void record(Recording to) {
        recording = to;
    }

    /** Everything from now on is done by the step at this place. */
    void at(Finding.Place place) {
        this.place = place;
        Sanitizer sanitizer = unit.platform().sanitizer();
        if (sanitizer != null) {
            sanitizer.at(place);
        }
    }

    /** The place of the step that is being carried out. */
    Finding.Place place() {
        return place;
    }

    /** True if a sanitizer watches. */
    boolean isWatched() {
        return unit.platform().sanitizer() != null;
    }

    /** The sanitizer's findings so far; none if the machine has no sanitizer. */
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

    /** Native commands that the driver wrote since the last call; of more than {@link #MOST_COMMANDS} the first ones. */
    List<byte[]> takeCommands() {
        List<byte[]> taken = List.copyOf(commands);
        commands.clear();
        commandsLost = false;
        return taken;
    }

    /**
     * All that the driver wrote since the last call.
     *
     * @throws Step.StepFailure if that is more than {@link #MOST_COMMANDS}
     */
    List<byte[]> takeAllCommands() {
        boolean lost = commandsLost;
        List<byte[]> taken = takeCommands();
        if (lost) {
            throw new Step.StepFailure("the driver wrote more than " + MOST_COMMANDS + " commands since the last look");
        }
        return taken;
    }

    /** Adds a device to a container; a table of -1 leaves it blocked. */
    void attach(int container, int requester, long table, int levels, Completion completion) {
        if (table == -1) {
            container(container).attach(requester, completion);
        } else {
            container(container).attach(requester, table, levels, completion);
        }
    }

    /** Removes a device from a container. */
    void detach(int container, int requester, Completion completion) {
        container(container).detach(requester, completion);
    }

    /** One request to a container, written in that image. */
    void ioctl(int container, long request, Abi image, byte[] bytes, Completion completion) {
        container(container).ioctl(image, request, bytes, 0, bytes.length, completion);
    }

    private Container container(int number) {
        if (containers[number] == null) {
            containers[number] = unit.openContainer(ContainerConfig.of(Offer.exactly(model, unit.subVersion())));
        }
        return containers[number];
    }

    @Override
    public void close() {
        unit.close();
    }
}
