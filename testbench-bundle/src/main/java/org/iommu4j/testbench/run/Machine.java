package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
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

/** One unit of a case, and with a driver the containers in front of it. */
final class Machine implements AutoCloseable {
    /** Most pages of 4096 bytes that the steps of a case write. */
    static final int MOST_PAGES = 1 << 14;

    /** Most commands of the driver that are kept for the next {@code native} step. */
    static final int MOST_COMMANDS = 1 << 16;

    /** Most requests that changed something, of a machine that is saved. */
    static final int MOST_REQUESTS = 1 << 14;

    /** Most containers of a unit. */
    static final int MOST_CONTAINERS = 64;

    private static final int PAGE_SHIFT = 12;
    private static final int PAGE_BYTES = 1 << PAGE_SHIFT;

    private final Units units;
    private final Chip chip;
    private final IommuModel model;

    /** True if software speaks to its chips by calls. */
    private final boolean registerless;

    private final BenchSupport support;
    private final NativeFormats formats;
    private final ExplainHints hints;
    private final Unit unit;
    private final NativePort port;
    private final PhysicalMemory memory;
    private final List<byte[]> commands = new ArrayList<>();
    private final Set<Long> written = new HashSet<>();

    /** Devices that do not answer invalidations of their TLBs. */
    private final Set<Integer> silent = ConcurrentHashMap.newKeySet();

    private final Map<String, Container> containers = new LinkedHashMap<>();

    /** By the name of a container, the generation of its client where it is not the chip's. */
    private final Map<String, Integer> offers = new LinkedHashMap<>();

    private final List<SavedMachine.Request> requests = new ArrayList<>();
    private boolean commandsLost;
    private int interrupts;

    /** Null if nothing is to be written. */
    private volatile Pending pending;

    private Machine(IommuService service, Chip chip, Backend backend, HardwareConfig hardware, Units units) {
        this.units = units;
        this.chip = chip;
        model = chip.model();
        support = backend.bench();
        formats = backend.formats();
        hints = ExplainHints.of(service, model);
        registerless = !backend.calls().isEmpty();
        int width = chip.hostAddressWidth() != 0 ? chip.hostAddressWidth() : support.hostAddressWidth(hardware);
        unit = service.openUnit(new UnitConfig(
                model,
                hardware,
                !units.needs().driver(),
                width,
                chip.ram(),
                (address, data) -> interrupts++,
                (requester, pasid, iova, lengthBytes) -> !silent.contains(requester),
                units.sanitizer(),
                units.needs().observed() ? this::readOf : null));
        port = new UnitPort(unit);
        memory = unit.platform().memory();
    }

    /** A fresh machine among the units of a case; errors as of {@link Units#open}. */
    static Machine open(IommuService service, Chip chip, Units units) {
        Backend backend = backend(service, chip.model());
        HardwareConfig wanted = chip.hardware();
        HardwareConfig hardware = new HardwareConfig(
                generation(backend, wanted.subVersion()).subVersion(),
                wanted.fields(),
                wanted.registers(),
                wanted.cache(),
                wanted.options());
        Machine machine = new Machine(service, chip, backend, hardware, units);
        try {
            machine.prepare(units.needs());
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

    /** The units of the case, of which this is one. */
    Units units() {
        return units;
    }

    /** Configuration with which it was made. */
    Chip chip() {
        return chip;
    }

    /** Receives how far the steps are. */
    Progress progress() {
        return units.progress();
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
    }

    /** The pages that steps have written, as they are now, and as far as there is memory. */
    List<SavedMachine.Piece> content() {
        List<SavedMachine.Piece> pieces = new ArrayList<>();
        for (long page : written) {
            int begin = 0;
            while (begin < PAGE_BYTES) {
                long pa = (page << PAGE_SHIFT) + begin;
                int length =
                        memory.contains(pa, PAGE_BYTES - begin) ? PAGE_BYTES - begin : extent(pa, PAGE_BYTES - begin);
                if (length > 0) {
                    byte[] bytes = new byte[length];
                    memory.read(pa, bytes, 0, length);
                    pieces.add(new SavedMachine.Piece(pa, bytes));
                }
                begin += Math.max(1, length);
            }
        }
        return pieces;
    }

    /** How many bytes from an address on are memory. */
    private int extent(long pa, int most) {
        int length = 0;
        while (length < most && memory.contains(pa + length, 1)) {
            length++;
        }
        return length;
    }

    /** Writes some pages. */
    void fill(List<SavedMachine.Piece> pieces) {
        pieces.forEach(piece -> write(piece.pa(), piece.bytes(), 0, piece.bytes().length));
    }

    /** Everything from now on is done by the step at this place. */
    void at(Finding.Place place) {
        Sanitizer sanitizer = unit.platform().sanitizer();
        if (sanitizer != null) {
            sanitizer.at(place);
        }
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

    /** A device answers invalidations of its TLB, or does not from now on. */
    void answers(int requester, boolean answers) {
        if (answers) {
            silent.remove(requester);
        } else {
            silent.add(requester);
        }
    }

    /** The chip is as after power-on, or with a driver as the driver sets it up; memory stays. */
    void reset() {
        unit.reset();
        if (units.needs().interrupts()) {
            support.enableInterrupts(port);
            interrupts = 0;
        }
    }

    /** Takes the chip from its bus. */
    void unplug() {
        if (registerless) {
            throw new Step.StepFailure("model '" + model.label() + "' has no registers that could read as all ones");
        }
        unit.unplug();
    }

    /** The parts that move with the guest. */
    SavedMachine save() {
        if (requests.size() > MOST_REQUESTS) {
            throw new Step.StepFailure("more than " + MOST_REQUESTS + " requests were carried out");
        }
        return new SavedMachine(unit.bare() ? unit.save() : null, content(), List.copyOf(requests), Map.copyOf(offers));
    }

    /** Goes on from a saved state: of a bare chip its state, else what its containers asked for, which is asked again. */
    void restore(SavedMachine state) {
        if (unit.bare() == (state.chip() == null)) {
            throw new Step.StepFailure("one of the two machines has a driver, the other has none");
        }
        if (!unit.bare() && !containers.isEmpty()) {
            throw new Step.StepFailure("the unit has containers already, whose requests would mix with the saved ones");
        }
        fill(state.memory());
        if (unit.bare()) {
            unit.restore(state.chip());
        }
        offers.putAll(state.offers());
        for (SavedMachine.Request request : state.requests()) {
            Completion completion = new Completion();
            done(request, completion);
            if (completion.errno() != Errno.OK) {
                throw new Step.StepFailure(request.what() + " of the saved machine is refused here: " + completion);
            }
        }
    }

    /** Makes a request, and keeps it for a machine that this one moves to if it was carried out. */
    void done(SavedMachine.Request request, Completion completion) {
        request.call().on(container(request.container()), completion.begin());
        if (completion.errno() == Errno.OK && requests.size() <= MOST_REQUESTS) {
            requests.add(request);
        }
    }

    /** One request, written in that image. */
    void ioctl(String container, long request, Abi image, byte[] bytes, Completion completion) {
        byte[] given = bytes.clone();
        container(container).ioctl(image, request, bytes, 0, bytes.length, completion);
        if (completion.errno() == Errno.OK && requests.size() <= MOST_REQUESTS) {
            requests.add(new SavedMachine.Request(
                    container,
                    "request " + Json.hex(request),
                    (other, answer) -> other.ioctl(image, request, given.clone(), 0, given.length, answer)));
        }
    }

    /**
     * Opens a container for a client of a generation.
     *
     * @throws BackendException if client and chip do not meet
     */
    void offer(String name, int subVersion, Completion completion) {
        if (containers.containsKey(name)) {
            throw new Step.StepFailure("the container is open already: an offer is its first step");
        }
        offers.put(name, subVersion);
        completion.done(container(name).agreement().fidelity());
    }

    private Container container(String name) {
        Container open = containers.get(name);
        if (open == null) {
            if (containers.size() == MOST_CONTAINERS) {
                throw new Step.StepFailure("a unit has no more than " + MOST_CONTAINERS + " containers");
            }
            int client = offers.getOrDefault(name, unit.subVersion());
            open = unit.openContainer(ContainerConfig.of(Offer.exactly(model, client)));
            containers.put(name, open);
        }
        return open;
    }

    /**
     * Something is written while the chip reads: as soon as it has read the byte at {@code after}, once. In place of an earlier one.
     */
    void writeWhen(long after, long pa, byte[] bytes) {
        pending = new Pending(after, pa, bytes);
    }

    /** True if the write has come about; it does not any more. */
    boolean endWriteWhen() {
        boolean come = pending == null;
        pending = null;
        return come;
    }

    private void readOf(long pa, int lengthBytes) {
        Pending next = pending;
        if (next != null && Long.compareUnsigned(next.after - pa, lengthBytes) < 0) {
            pending = null;
            write(next.pa, next.bytes, 0, next.bytes.length);
        }
    }

    /** A write that waits for a read. */
    private record Pending(long after, long pa, byte[] bytes) {}

    @Override
    public void close() {
        unit.close();
    }
}
