package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.Backend;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;

/** Commands, outcomes and errors that were reached, and how often. */
final class Coverage {
    private final Map<String, Map<String, Long>> reached = new TreeMap<>();
    private final List<Opcode> opcodes = new ArrayList<>();
    private long steps;
    private long accesses;
    private long compared;

    /** A command, and the fields by which it is told from its siblings. */
    private record Opcode(String name, Layout layout, List<BitField> fields) {
        boolean matches(byte[] bytes) {
            if (bytes.length != layout.sizeBytes()) {
                return false;
            }
            long[] words = layout.decode(bytes, 0);
            return fields.stream()
                    .allMatch(field -> field.get(words) == field.codes().get(0).value());
        }
    }

    /** Counts for a backend's commands. */
    Coverage(Backend backend) {
        for (CommandFormat command : backend.commands()) {
            List<BitField> fields = command.layout().fields().stream()
                    .filter(field -> field.codes().size() == 1)
                    .toList();
            opcodes.add(new Opcode(command.name(), command.layout(), fields));
        }
    }

    void step(String op) {
        steps++;
        count("steps", op);
    }

    void access(String outcome, boolean wasCompared) {
        accesses++;
        compared += wasCompared ? 1 : 0;
        count("accesses", outcome);
    }

    void command(byte[] bytes) {
        count(
                "commands",
                opcodes.stream()
                        .filter(opcode -> opcode.matches(bytes))
                        .map(Opcode::name)
                        .findFirst()
                        .orElse("unknown"));
    }

    void count(String group, String name) {
        reached.computeIfAbsent(group, key -> new TreeMap<>()).merge(name, 1L, Long::sum);
    }

    /** Adds what another case reached. */
    void add(Coverage other) {
        steps += other.steps;
        accesses += other.accesses;
        compared += other.compared;
        other.reached.forEach((group, names) -> names.forEach((name, count) ->
                reached.computeIfAbsent(group, key -> new TreeMap<>()).merge(name, count, Long::sum)));
    }

    Map<String, Map<String, Long>> reached() {
        return reached;
    }

    long steps() {
        return steps;
    }

    long accesses() {
        return accesses;
    }

    long compared() {
        return compared;
    }
}
