package org.iommu4j.s390.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.Errno;
import org.iommu4j.s390.Machine;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** The fuzzer's second opinion and the chip agree on every access, whatever software does in between. */
class ReferenceWalkerPropertyTest {
    private final FuzzSupport fuzz = new ZpciFuzzSupport();

    /** A port that tells the walker of every call. */
    private static final class ToldPort implements NativePort {
        private final Machine machine;
        private ReferenceWalker walker;

        ToldPort(Machine machine) {
            this.machine = machine;
        }

        @Override
        public Platform platform() {
            return machine.platform();
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return 0;
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            throw new AssertionError("zPCI has no registers");
        }

        @Override
        public void call(NativeCall call) {
            long[] arguments = new long[NativeCall.WORDS];
            for (int word = 0; word < arguments.length; word++) {
                arguments[word] = call.word(word);
            }
            machine.call(call);
            walker.called(call, arguments);
        }
    }

    @Test
    void shouldAgreeWithTheChip() {
        int[] compared = new int[2];
        Property.check(200, random -> {
            int generation = random.nextInt(1, 6);
            HardwareConfig config = fuzz.config(generation, random);
            Machine machine = Machine.of(config);
            ToldPort port = new ToldPort(machine);
            port.walker = fuzz.referenceWalker(config, port, false);
            FuzzScene scene = fuzz.bringUp(config, port, random);
            assertFalse(scene.tables().isEmpty());
            for (int i = 0; i < 60; i++) {
                switch (random.nextInt(6)) {
                    case 0 -> {
                        if (generation > 1) {
                            edit(random, scene, machine);
                        }
                    }
                    case 1 ->
                        port.call(new NativeCall()
                                .begin(0xB9D3)
                                .word(0, (long) handle(random, scene) << 32)
                                .word(1, address(random, scene))
                                .word(2, random.nextInt(0x40_0000)));
                    case 2 -> assertTrue(fuzz.settle(scene, port));
                    default -> compare(random, scene, machine, port.walker, compared);
                }
            }
        });
        assertTrue(compared[0] > 200 && compared[1] > 1000, compared[0] + " translated, " + compared[1] + " refused");
    }

    private static void edit(SplittableRandom random, FuzzScene scene, Machine machine) {
        FuzzScene.Table table = scene.tables().get(random.nextInt(scene.tables().size()));
        long word = machine.memory().readLongBe(table.pa());
        machine.write(table.pa(), random.nextInt(3) == 0 ? random.nextLong() : word ^ 1L << random.nextInt(40));
    }

    private static int handle(SplittableRandom random, FuzzScene scene) {
        return scene.requesters().get(random.nextInt(scene.requesters().size()));
    }

    private static long address(SplittableRandom random, FuzzScene scene) {
        var range = scene.addresses().get(random.nextInt(scene.addresses().size()));
        return range.base() + random.nextInt(4) * 0x10_0000L + random.nextInt(0x9000);
    }

    private static void compare(
            SplittableRandom random, FuzzScene scene, Machine machine, ReferenceWalker walker, int[] compared) {
        int rights = random.nextInt(3) == 0 ? DmaAccess.WRITE : DmaAccess.READ;
        int handle = handle(random, scene);
        long iova = address(random, scene);
        DmaAccess expected = new DmaAccess().begin(handle, iova, rights);
        boolean knows = walker.translate(expected);
        DmaAccess got = machine.dma(handle, iova, rights);
        if (!knows) {
            if (got.outcome() != DmaAccess.Outcome.TRANSLATED) {
                // What the walker did not see it must not guess either: the function is brought back to what it knows.
                NativeCall call = new NativeCall().begin(0xE3D0).word(0, (long) handle << 32 | 7);
                call.word(1, scene.valuesOf("block").get(0));
                machine.call(call);
            }
            return;
        }
        assertEquals(expected.outcome(), got.outcome());
        assertEquals(expected.spa(), got.spa());
        assertEquals(expected.faultCode(), got.faultCode());
        compared[got.outcome() == DmaAccess.Outcome.TRANSLATED ? 0 : 1]++;
    }

    @Test
    void shouldPrepareBindsThatAreRight() {
        Property.check(50, random -> {
            HardwareConfig config = fuzz.config(random.nextInt(1, 6), random);
            Machine machine = Machine.of(config);
            FuzzScene scene = fuzz.prepare(config, machine, random);
            machine.open(0);
            for (int requester : scene.requesters()) {
                machine.attach(0, requester);
            }
            for (FuzzScene.Bind bind : scene.binds()) {
                machine.bind(0, bind.flags(), bind.payload());
                assertEquals(Errno.OK, machine.last().errno(), machine.last()::toString);
            }
        });
    }
}
