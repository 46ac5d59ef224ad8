package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.FuzzScene;
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
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A client's other thread writes to the bytes of a request during the call. */
class ChangingBytesTest {
    private static final long NANOS = Long.getLong("iommu4j.changing.millis", 300) * 1_000_000;

    /** As long as it may take until the other thread has changed a request. */
    private static final long MOST_NANOS = 20_000_000_000L;

    static List<Backend> backends() {
        return List.of(new VtdBackend(), new SpaprBackend(), new ZpciBackend());
    }

    private record Port(Unit unit) implements NativePort {
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

    /** Writes other values to single bytes, and the right ones again. */
    private static final class Flipper extends Thread {
        private final byte[] right;
        private final byte[] bytes;
        private volatile boolean stopped;

        Flipper(byte[] bytes) {
            super("flipper");
            this.bytes = bytes;
            right = bytes.clone();
        }

        @Override
        public void run() {
            SplittableRandom random = new SplittableRandom(1);
            while (!stopped) {
                int at = random.nextInt(bytes.length);
                bytes[at] ^= (byte) (1 << random.nextInt(Byte.SIZE));
                Thread.onSpinWait();
                bytes[at] = right[at];
            }
        }

        void finish() throws InterruptedException {
            stopped = true;
            join();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void shouldAnswerByWhatTheBytesWereOrAreOrRefuse(Backend backend) throws InterruptedException {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            List<Generation> generations = backend.describe().generations();
            int subVersion = generations.get(generations.size() - 1).subVersion();
            HardwareConfig config = HardwareConfig.of(subVersion);
            Unit unit = core.openUnit(new UnitConfig(
                    backend.describe().model(),
                    config,
                    false,
                    backend.bench().hostAddressWidth(config),
                    List.of(),
                    (address, data) -> {},
                    DevicePort.COMPLETING,
                    Sanitizer.Mode.OFF));
            FuzzScene scene = backend.bench().fuzz().prepare(config, new Port(unit), new SplittableRandom(7));
            Container container = unit.openContainer(
                    ContainerConfig.of(Offer.exactly(backend.describe().model(), subVersion)));
            scene.requesters().forEach(requester -> container.attach(requester, new Completion()));
            RequestWriter writer =
                    new RequestWriter(Abi.LP64_LE, backend.describe().model(), subVersion);
            FuzzScene.Bind bind = scene.binds().get(0);
            byte[] payload = new byte[backend.payloads(subVersion).get(0).sizeBytes()];

            bombard(container, writer.bind(bind.operation(), bind.flags(), bind.payload()));
            bombard(container, writer.invalidate(0, 0, 0, 0, 0, new byte[0]));
            bombard(container, writer.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, 0x1000, 0x1000, payload));
        }
    }

    private static void bombard(Container container, byte[] bytes) throws InterruptedException {
        Flipper flipper = new Flipper(bytes);
        flipper.start();
        Completion completion = new Completion();
        Set<Errno> answers = new HashSet<>();
        long begun = System.nanoTime();
        try {
            while (System.nanoTime() - begun < (answers.size() > 1 ? NANOS / 3 : MOST_NANOS)) {
                container.ioctl(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, completion);
                answers.add(completion.errno());
                assertNotEquals(Errno.EIO, completion.errno(), completion::toString);
            }
        } finally {
            flipper.finish();
        }
        assertTrue(answers.size() > 1, answers::toString);
    }
}
