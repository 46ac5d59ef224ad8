package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.s390.ZpciBackend;
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
        List<Generation> generations = backend.describe().generations();
        int subVersion = generations.get(generations.size() - 1).subVersion();
        byte[] payload = new byte[backend.payloads(subVersion).get(0).sizeBytes()];
        try (IommuCore core = SceneMachine.core(backend);
                SceneMachine machine = machine(core, backend, subVersion)) {
            bombard(machine.container, bind(machine));
        }
        // Bound by the right bytes: a table that changed bytes have named may leave a driver no other answer than EIO.
        try (IommuCore core = SceneMachine.core(backend);
                SceneMachine machine = machine(core, backend, subVersion)) {
            RequestWriter writer = machine.writer;
            byte[] bind = bind(machine);
            machine.container.ioctl(Uapi.VFIO_IOMMU_OP, bind, 0, bind.length, new Completion());

            bombard(machine.container, writer.invalidate(0, 0, 0, 0, 0, new byte[0]));
            bombard(
                    machine.container,
                    writer.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, 0x1000, 0x1000, payload));
        }
    }

    private static SceneMachine machine(IommuCore core, Backend backend, int subVersion) {
        SceneMachine machine = new SceneMachine(core, backend, subVersion, false);
        machine.scene.requesters().forEach(requester -> machine.container.attach(requester, new Completion()));
        return machine;
    }

    private static byte[] bind(SceneMachine machine) {
        FuzzScene.Bind bind = machine.scene.binds().get(0);
        return machine.writer.bind(bind.operation(), bind.flags(), bind.payload());
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
