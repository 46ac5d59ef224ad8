package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.spapr.SpaprBackend;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every value at a boundary of every field of a bind, an attachment and a call, of every model, and with
 * {@code -Diommu4j.boundaries.all=true} of every generation: the answer is one of the contract's, and what is refused has changed nothing: what translated before translates the same way.
 */
class BoundaryValuesTest {
    /** All generations, or the newest of each model. */
    private static final boolean ALL = Boolean.getBoolean("iommu4j.boundaries.all");

    private static final int NARROW = 8;
    private static final int MOST_PROBES = 8;

    private static final List<IommuCore> CORES = new ArrayList<>();

    /** A generation of a model, and the core that makes its machines. */
    record Chip(IommuCore core, Backend backend, int subVersion) {
        @Override
        public String toString() {
            return backend.describe().model().label() + " 0x" + Integer.toHexString(subVersion);
        }

        SceneMachine machine(boolean bare) {
            return new SceneMachine(core, backend, subVersion, bare);
        }

        FuzzSupport fuzz() {
            return backend.bench().fuzz();
        }
    }

    static List<Chip> chips() {
        return Stream.of(new VtdBackend(), new SpaprBackend(), new ZpciBackend())
                .flatMap(BoundaryValuesTest::generations)
                .toList();
    }

    private static Stream<Chip> generations(Backend backend) {
        IommuCore core = SceneMachine.core(backend);
        CORES.add(core);
        return backend.describe().generations().stream()
                .skip(ALL ? 0 : backend.describe().generations().size() - 1)
                .map(generation -> new Chip(core, backend, generation.subVersion()));
    }

    @AfterAll
    static void closeCores() {
        CORES.forEach(IommuCore::close);
        CORES.clear();
    }

    /** An access that goes through, and where to. */
    private record Probe(int requester, long iova, long spa) {}

    private static void check(SceneMachine machine, List<Probe> probes, String after) {
        for (Probe probe : probes) {
            assertEquals(probe.spa(), machine.read(probe.requester(), probe.iova()), () -> after + " changed " + probe);
        }
    }

    /** Machines that are alike, and what goes through on them; a fault may stop a device, so each is tried on one of its own. */
    private abstract static class Alike {
        abstract SceneMachine fresh();

        List<Probe> probes() {
            List<Probe> probes = new ArrayList<>();
            FuzzScene scene;
            try (SceneMachine machine = fresh()) {
                scene = machine.scene;
            }
            for (int requester : scene.requesters()) {
                for (var range : scene.addresses()) {
                    if (probes.size() < MOST_PROBES) {
                        try (SceneMachine machine = fresh()) {
                            long spa = machine.read(requester, range.base());
                            if (spa != -1) {
                                probes.add(new Probe(requester, range.base(), spa));
                            }
                        }
                    }
                }
            }
            return probes;
        }
    }

    private static Alike bound(Chip chip, FuzzScene.Bind bind) {
        return new Alike() {
            @Override
            SceneMachine fresh() {
                return chip.machine(false).bound(bind);
            }
        };
    }

    /** Every value of a narrow field; of a wide one the smallest, the largest, every single bit, and their neighbours. */
    private static Set<Long> boundaries(int width) {
        Set<Long> values = new LinkedHashSet<>();
        long mask = -1L >>> (Long.SIZE - width);
        if (width <= NARROW) {
            for (long value = 0; value <= mask; value++) {
                values.add(value);
            }
            return values;
        }
        for (int bit = 0; bit < width; bit++) {
            values.add(1L << bit);
            values.add((1L << bit) - 1);
            values.add(-1L << bit & mask);
        }
        values.add(mask);
        return values;
    }

    private static void isTyped(Completion completion, String what) {
        assertNotEquals(Errno.EIO, completion.errno(), () -> what + ": " + completion);
        assertFalse(completion.reason().contains("the backend failed"), () -> what + ": " + completion);
    }

    @ParameterizedTest
    @MethodSource("chips")
    void shouldRefuseABindOrCarryItOut(Chip chip) {
        FuzzScene scene;
        try (SceneMachine machine = chip.machine(false)) {
            scene = machine.scene;
        }
        boolean translates = false;
        for (FuzzScene.Bind bind :
                scene.binds().subList(0, Math.min(2, scene.binds().size()))) {
            Alike alike = bound(chip, bind);
            List<Probe> probes = alike.probes();
            translates |= !probes.isEmpty();
            Layout layout = chip.backend().bindFormats().get(0).layout();
            SceneMachine machine = alike.fresh();
            for (BitField field : layout.fields()) {
                for (long value : boundaries(field.width())) {
                    long[] words = layout.decode(bind.payload(), 0);
                    words[field.word()] =
                            field.set(words[field.word()], field.inPlace() ? value << field.shift() : value);
                    String what = field.name() + " = 0x" + Long.toHexString(value);
                    Completion completion = machine.bind(bind.operation(), bind.flags(), layout.encode(words));
                    isTyped(completion, what);
                    if (completion.errno() == Errno.OK) {
                        machine.close();
                        machine = alike.fresh();
                    } else {
                        check(machine, probes, what);
                    }
                }
            }
            for (int bit = 0; bit < Integer.SIZE; bit++) {
                String what = "flag 0x" + Integer.toHexString(1 << bit);
                Completion completion = machine.bind(bind.operation(), bind.flags() ^ 1 << bit, bind.payload());
                isTyped(completion, what);
                if (completion.errno() == Errno.OK) {
                    machine.close();
                    machine = alike.fresh();
                } else {
                    check(machine, probes, what);
                }
            }
            machine.close();
        }
        assertTrue(translates, "no bind of the scene translates anything");
    }

    @ParameterizedTest
    @MethodSource("chips")
    void shouldRefuseAnAttachmentOrCarryItOut(Chip chip) {
        FuzzScene scene;
        try (SceneMachine machine = chip.machine(false)) {
            scene = machine.scene;
        }
        Alike alike = bound(chip, scene.binds().get(0));
        List<Probe> probes = alike.probes();
        SceneMachine machine = alike.fresh();
        int another = scene.requesters().get(0) ^ 1;
        FuzzScene.Root root = scene.roots().isEmpty()
                ? new FuzzScene.Root(0x10_0000, 2)
                : scene.roots().get(0);
        List<long[]> attachments = new ArrayList<>();
        boundaries(Integer.SIZE).forEach(value -> {
            attachments.add(new long[] {value, root.table(), root.levels()});
            attachments.add(new long[] {another, root.table(), value});
        });
        boundaries(Long.SIZE).forEach(value -> attachments.add(new long[] {another, value, root.levels()}));
        for (long[] attachment : attachments) {
            int requester = (int) attachment[0];
            String what = String.format("attach %x %x %x", requester, attachment[1], attachment[2]);
            Completion completion = new Completion();
            machine.container.attach(requester, attachment[1], (int) attachment[2], completion);
            isTyped(completion, what);
            if (completion.errno() == Errno.OK) {
                machine.close();
                machine = alike.fresh();
            } else {
                check(machine, probes, what);
            }
        }
        machine.close();
    }

    @ParameterizedTest
    @MethodSource("chips")
    void shouldCarryOutACallOrLeaveAllAsItWas(Chip chip) {
        Alike alike = new Alike() {
            @Override
            SceneMachine fresh() {
                return chip.machine(true);
            }
        };
        List<Probe> probes = alike.probes();
        SceneMachine machine = alike.fresh();
        for (CallFormat format : chip.backend().calls()) {
            for (CallFormat.Operand operand : format.operands()) {
                for (long value : boundaries(operand.width())) {
                    NativeCall call = new NativeCall().begin(format.function());
                    for (CallFormat.Operand other : format.operands()) {
                        List<Long> usual = machine.scene.valuesOf(other.name());
                        long mask = -1L >>> (Long.SIZE - other.width());
                        other.set(call, usual.isEmpty() ? 0 : usual.get(0) & mask);
                    }
                    operand.set(call, value);
                    String what = format.name() + " with " + operand.name() + " = 0x" + Long.toHexString(value);
                    machine.unit.call(call);
                    if (chip.fuzz().refused(call)) {
                        check(machine, probes, what);
                    } else {
                        machine.close();
                        machine = alike.fresh();
                    }
                }
            }
        }
        machine.close();
    }
}
