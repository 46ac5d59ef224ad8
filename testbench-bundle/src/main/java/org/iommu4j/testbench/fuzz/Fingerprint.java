package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Unit;
import org.iommu4j.layout.Register;
import org.iommu4j.testbench.run.StepRunner;

/** A machine's state as it is visible from outside: equal before and after a request that was refused. */
final class Fingerprint {
    private final List<String> names = new ArrayList<>();
    private final List<Object> values = new ArrayList<>();

    /** The state now. */
    Fingerprint(StepRunner runner, Backend backend) {
        Unit unit = runner.unit();
        for (Register register : backend.registers(unit.subVersion())) {
            if (!backend.bench().fuzz().isReadFree(register)) {
                continue;
            }
            add("register " + register.name(), unit.readRegister(register.offset(), register.widthBits() / Byte.SIZE));
        }
        List<String> cached = new ArrayList<>();
        unit.visitCache((cache, tag, pasid, iova, lengthBytes, pa) ->
                cached.add(cache + " " + tag + " " + pasid + " " + iova + " " + lengthBytes + " " + pa));
        cached.sort(null);
        add("what is cached", cached);
        if (!unit.bare()) {
            HardwareCounters done = unit.hardwareCounters();
            // A driver may ask before it refuses. Where it asks by calls, they count as commands.
            long commands = backend.calls().isEmpty() ? done.commands() : 0;
            add(
                    "what the chip has done",
                    new HardwareCounters(commands, done.hits(), done.walks(), done.faults(), done.dropped()));
            add(
                    "the containers' devices",
                    unit.containers().stream().map(Container::devices).toList());
        }
        SanitizerReport report = unit.platform().sanitizer().report();
        add("the number of edits of tables", report.edits());
        if (!unit.bare()) {
            add("the number of invalidations", report.commands());
        }
    }

    private void add(String name, Object value) {
        names.add(name);
        values.add(value);
    }

    /** The first difference, as the end of a sentence; empty if there is none. */
    String difference(Fingerprint after) {
        for (int i = 0; i < values.size(); i++) {
            if (!values.get(i).equals(after.values.get(i))) {
                return names.get(i) + " changed from " + readable(values.get(i)) + " to "
                        + readable(after.values.get(i));
            }
        }
        return "";
    }

    private static String readable(Object value) {
        return value instanceof Long number ? Steps.hex(number) : value.toString();
    }
}
