package org.iommu4j.testbench.model;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.testbench.model.ModelOp.Kind;

/** Steps that end in something wrong, made as few as they can be, and as a case that a device meets. */
final class Counterexample {
    private final ModelVendor vendor;
    private List<ModelOp> ops;

    /** A counterexample of steps that are wrong on a new machine. */
    Counterexample(ModelVendor vendor, List<ModelOp> wrong) {
        this.vendor = vendor;
        ops = meeting(wrong);
        shrink();
    }

    private boolean isMet(List<ModelOp> candidate) {
        return candidate.get(candidate.size() - 1).kind() == Kind.ACCESS && what(candidate) != null;
    }

    private String what(List<ModelOp> candidate) {
        return new ModelMachine(vendor).met(candidate);
    }

    /** What is only cached so far is met by a device after a step or two. */
    private List<ModelOp> meeting(List<ModelOp> wrong) {
        if (isMet(wrong)) {
            return wrong;
        }
        for (ModelOp last : ModelOp.ALL) {
            if (last.kind() == Kind.ACCESS) {
                List<ModelOp> longer = with(wrong, last);
                if (isMet(longer)) {
                    return longer;
                }
            }
        }
        for (ModelOp before : ModelOp.ALL) {
            for (ModelOp last : ModelOp.ALL) {
                if (last.kind() == Kind.ACCESS) {
                    List<ModelOp> longer = with(with(wrong, before), last);
                    if (isMet(longer)) {
                        return longer;
                    }
                }
            }
        }
        return wrong;
    }

    private static List<ModelOp> with(List<ModelOp> ops, ModelOp last) {
        List<ModelOp> longer = new ArrayList<>(ops);
        longer.add(last);
        return longer;
    }

    private void shrink() {
        for (int i = ops.size() - 2; i >= 0; i--) {
            List<ModelOp> fewer = new ArrayList<>(ops);
            fewer.remove(i);
            if (isMet(fewer)) {
                ops = fewer;
            }
        }
    }

    /** The steps that are left. */
    List<ModelOp> ops() {
        return ops;
    }

    /** True if a device meets what is wrong; else it is only cached. */
    boolean isMet() {
        return isMet(ops);
    }

    /** A line of a case file. */
    String toCase() {
        Set<Integer> domains = new HashSet<>();
        for (ModelOp op : ops) {
            switch (op.kind()) {
                case ATTACH -> domains.add(op.object());
                case MAP, UNMAP, MOVE, INVALIDATE -> domains.add(op.subject());
                default -> {
                    // Devices have no tables.
                }
            }
        }
        ModelScript script = new ModelScript(vendor, domains);
        ModelMachine machine = new ModelMachine(vendor, script);
        String wrong = machine.met(ops);
        return script.line("small-model", vendor + ": " + (wrong == null ? ops : wrong));
    }
}
