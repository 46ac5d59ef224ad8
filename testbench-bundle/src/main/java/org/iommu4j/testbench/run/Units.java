package org.iommu4j.testbench.run;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;

/**
 * The units of a case by their names, and what its steps have in common: how far they are, what was saved, who serves. The first
 * one has no name; the others come as steps open them.
 */
final class Units implements AutoCloseable {
    /** Most units of a case. */
    static final int MOST_UNITS = 16;

    private static final String FIRST = "";

    private final IommuService service;
    private Step.Needs needs;
    private final Sanitizer.Mode sanitizer;
    private final Swaps swaps;
    private final Map<String, Machine> machines = new LinkedHashMap<>();
    private final Map<String, SavedMachine> saved = new HashMap<>();
    private Progress progress = new Progress();
    private Finding.Place place = Finding.Place.UNKNOWN;

    private Units(IommuService service, Step.Needs needs, Sanitizer.Mode sanitizer, Swaps swaps) {
        this.service = service;
        this.needs = needs;
        this.sanitizer = sanitizer;
        this.swaps = swaps;
    }

    /**
     * One fresh unit.
     *
     * @param needs what all of them have
     * @param swaps changes who serves; closed with the units
     * @throws BackendException {@code ENODEV} if nobody serves the model, {@code EINVAL} if the configuration makes no
     *     sense, {@code EPROTONOSUPPORT} if the chip cannot have it
     */
    static Units open(IommuService service, Chip chip, Step.Needs needs, Sanitizer.Mode sanitizer, Swaps swaps) {
        Units units = new Units(service, needs, sanitizer, swaps);
        units.add(FIRST, chip);
        return units;
    }

    private Machine add(String name, Chip chip) {
        Machine machine = Machine.open(service, chip, this);
        machines.put(name, machine);
        machine.at(place);
        return machine;
    }

    /** Opens another unit. */
    Machine openAnother(String name, Chip chip) {
        if (machines.containsKey(name)) {
            throw new Step.StepFailure("unit '" + name + "' is there already");
        }
        if (machines.size() == MOST_UNITS) {
            throw new Step.StepFailure("a case has no more than " + MOST_UNITS + " units");
        }
        return add(name, chip);
    }

    /** The same units, fresh, with other needs; their memory holds what steps have written to it. */
    Units reopened(Step.Needs more) {
        Units fresh = new Units(service, more, sanitizer, swaps);
        try {
            machines.forEach((name, machine) -> fresh.add(name, machine.chip()).fill(machine.content()));
        } catch (RuntimeException e) {
            fresh.closeMachines();
            throw e;
        }
        closeMachines();
        return fresh;
    }

    /** From now on they have these needs, too, of which a queue that is held back is the one that a machine can get later. */
    void become(Step.Needs more) {
        if (more.stepping() && !needs.stepping()) {
            machines.values().forEach(machine -> machine.unit().stepping(true));
        }
        needs = more;
    }

    Machine first() {
        return machines.get(FIRST);
    }

    Machine named(String name) {
        Machine machine = machines.get(name);
        if (machine == null) {
            throw new Step.StepFailure("unit '" + name + "' is not open");
        }
        return machine;
    }

    Step.Needs needs() {
        return needs;
    }

    Sanitizer.Mode sanitizer() {
        return sanitizer;
    }

    Swaps swaps() {
        return swaps;
    }

    /** Keeps a state under a name, in place of what had it before. */
    void keep(String name, SavedMachine state) {
        saved.put(name, state);
    }

    SavedMachine kept(String name) {
        SavedMachine state = saved.get(name);
        if (state == null) {
            throw new Step.StepFailure("nothing was saved as '" + name + "'");
        }
        return state;
    }

    /** Chooses the receiver of the steps' progress. */
    void tell(Progress to) {
        progress = to;
    }

    /** Receives how far the steps are. */
    Progress progress() {
        return progress;
    }

    /** Everything from now on is done by the step at this place. */
    void at(Finding.Place next) {
        place = next;
        machines.values().forEach(machine -> machine.at(next));
    }

    /** The place of the step that is being carried out. */
    Finding.Place place() {
        return place;
    }

    /** Findings of the sanitizers of all units so far. */
    SanitizerReport findings() {
        SanitizerReport all = SanitizerReport.NONE;
        for (Machine machine : machines.values()) {
            all = all.plus(machine.findings());
        }
        return all;
    }

    private void closeMachines() {
        Deque<Machine> open = new ArrayDeque<>();
        machines.values().forEach(open::push);
        open.forEach(Machine::close);
        machines.clear();
    }

    /** Closes all units; whoever served before serves again. */
    @Override
    public void close() {
        try {
            closeMachines();
        } finally {
            swaps.close();
        }
    }
}
