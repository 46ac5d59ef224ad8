package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every value at a boundary of every field of a bind, an attachment and a call, of every model, and with
 * {@code -Diommu4j.boundaries.all=true} of every generation: the answer is one of the contract's, and what is refused has changed nothing: what translated before translates the same way.
 */
class BoundaryValuesTest {
    private static final long SEED = 7;

    /** All generations, or the newest of each model. */
    private static final boolean ALL = Boolean.getBoolean("iommu4j.boundaries.all");

    private static final int NARROW = 8;
    private static final int MOST_PROBES = 8;

    /** A generation of a model. */
    record Chip(Backend backend, int subVersion) {
        @Override
        public String toString() {
            return backend.describe().model().label() + " 0x" + Integer.toHexString(subVersion);
        }

        FuzzSupport fuzz() {
            return backend.bench().fuzz();
        }
    }

    static List<Chip> chips() {
        return Stream.of(new VtdBackend(), new SpaprBackend(), new ZpciBackend())
                .flatMap(backend -> backend.describe().generations().stream()
                        .skip(ALL ? 0 : backend.describe().generations().size() - 1)
                        .map(Generation::subVersion)
                        .map(subVersion -> new Chip(backend, subVersion)))
                .toList();
    }

    /** An access that goes through, and where to. */
    private record Probe(int requester, long iova, long spa) {}

    /** A fresh machine with a scene. */
    private static final class Machine implements AutoCloseable, NativePort {
        private final IommuCore core = new IommuCore(new SimulatedPlatformFactory());
        private final Unit unit;
        private final FuzzScene scene;
        private final Container container;
        private final RequestWriter writer;

        Machine(Chip chip, boolean bare) {
            Backend backend = chip.backend();
            core.arrived(backend);
            HardwareConfig config = HardwareConfig.of(chip.subVersion());
            unit = core.openUnit(new UnitConfig(
                    backend.describe().model(),
                    config,
                    bare,
                    backend.bench().hostAddressWidth(config),
                    List.of(),
                    (address, data) -> {},
                    DevicePort.COMPLETING,
                    Sanitizer.Mode.OFF));
            SplittableRandom random = new SplittableRandom(SEED);
            scene = bare
                    ? chip.fuzz().bringUp(config, this, random)
                    : chip.fuzz().prepare(config, this, random);
            container = bare
                    ? null
                    : unit.openContainer(
                            ContainerConfig.of(Offer.exactly(backend.describe().model(), chip.subVersion())));
            writer = new RequestWriter(Abi.LP64_LE, backend.describe().model(), chip.subVersion());
        }

        /** As a guest does it: every device in the container, and one of the binds of the scene. */
        Machine bound(FuzzScene.Bind bind) {
            for (int requester : scene.requesters()) {
                container.attach(requester, new Completion());
            }
            bind(bind.operation(), bind.flags(), bind.payload());
            return this;
        }

        Completion bind(int operation, int flags, byte[] payload) {
            byte[] bytes = writer.bind(operation, flags, payload);
            Completion completion = new Completion();
            container.ioctl(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, completion);
            return completion;
        }

        /** Where a read of a device goes; -1 if nowhere. */
        long read(int requester, long iova) {
            DmaAccess access = new DmaAccess().begin(requester, iova, DmaAccess.READ);
            unit.dma(access);
            return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
        }

        void check(List<Probe> probes, String after) {
            for (Probe probe : probes) {
                assertEquals(probe.spa(), read(probe.requester(), probe.iova()), () -> after + " changed " + probe);
            }
        }

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

        @Override
        public void close() {
            core.close();
        }
    }

    /** Machines that are alike, and what goes through on them; a fault may stop a device, so each is tried on one of its own. */
    private abstract static class Alike {
        abstract Machine fresh();

        List<Probe> probes() {
            List<Probe> probes = new ArrayList<>();
            FuzzScene scene;
            try (Machine machine = fresh()) {
                scene = machine.scene;
            }
            for (int requester : scene.requesters()) {
                for (var range : scene.addresses()) {
                    if (probes.size() < MOST_PROBES) {
                        try (Machine machine = fresh()) {
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
            Machine fresh() {
                return new Machine(chip, false).bound(bind);
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
        try (Machine machine = new Machine(chip, false)) {
            scene = machine.scene;
        }
        boolean translates = false;
        for (FuzzScene.Bind bind :
                scene.binds().subList(0, Math.min(2, scene.binds().size()))) {
            Alike alike = bound(chip, bind);
            List<Probe> probes = alike.probes();
            translates |= !probes.isEmpty();
            Layout layout = chip.backend().bindFormats().get(0).layout();
            Machine machine = alike.fresh();
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
                        machine.check(probes, what);
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
                    machine.check(probes, what);
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
        try (Machine machine = new Machine(chip, false)) {
            scene = machine.scene;
        }
        Alike alike = bound(chip, scene.binds().get(0));
        List<Probe> probes = alike.probes();
        Machine machine = alike.fresh();
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
                machine.check(probes, what);
            }
        }
        machine.close();
    }

    @ParameterizedTest
    @MethodSource("chips")
    void shouldCarryOutACallOrLeaveAllAsItWas(Chip chip) {
        Alike alike = new Alike() {
            @Override
            Machine fresh() {
                return new Machine(chip, true);
            }
        };
        List<Probe> probes = alike.probes();
        Machine machine = alike.fresh();
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
                    machine.call(call);
                    if (chip.fuzz().refused(call)) {
                        machine.check(probes, what);
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
