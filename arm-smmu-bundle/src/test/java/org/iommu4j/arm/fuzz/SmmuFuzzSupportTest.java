package org.iommu4j.arm.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.random.RandomGenerator;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SmmuFuzzSupportTest {
    private static final int COMMAND_BYTES = 16;
    private static final int[] RIGHTS = {
        DmaAccess.READ, DmaAccess.WRITE, DmaAccess.READ | DmaAccess.WRITE, DmaAccess.READ | DmaAccess.EXECUTE
    };

    private final SmmuFuzzSupport support = new SmmuFuzzSupport();

    /** A bare chip whose register writes a walker is told of. */
    private static final class Bare implements NativePort {
        private final Platform platform =
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        private Hardware chip;
        private ReferenceWalker walker;

        Bare(HardwareConfig config) {
            chip = new SmmuBackend().createHardware(config, platform);
            forget(config);
        }

        /** Another chip goes on. */
        void restart() {
            chip = new SmmuBackend().restoreHardware(chip.save(), platform);
        }

        /** What the tables were before no longer matters. */
        final void forget(HardwareConfig config) {
            walker = new SmmuFuzzSupport().referenceWalker(config, this, false);
        }

        @Override
        public Platform platform() {
            return platform;
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return chip.readRegister(offset, sizeBytes);
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            chip.writeRegister(offset, sizeBytes, value);
            walker.wrote(offset, sizeBytes, value);
        }

        @Override
        public void call(NativeCall call) {
            chip.call(call);
        }
    }

    private static DmaAccess access(FuzzScene scene, RandomGenerator random) {
        int requester = scene.requesters().get(random.nextInt(scene.requesters().size()));
        List<PlatformConfig.Range> ranges = scene.addresses();
        PlatformConfig.Range range =
                ranges.isEmpty() ? new PlatformConfig.Range(0, 1L << 52) : ranges.get(random.nextInt(ranges.size()));
        int pasid = scene.pasids().isEmpty() || random.nextBoolean()
                ? DmaAccess.NO_PASID
                : scene.pasids().get(random.nextInt(scene.pasids().size()));
        return made(
                requester,
                pasid,
                range.base() + random.nextLong(range.lengthBytes()),
                RIGHTS[random.nextInt(RIGHTS.length)],
                random.nextBoolean());
    }

    private static DmaAccess made(int requester, int pasid, long iova, int rights, boolean privileged) {
        DmaAccess access = new DmaAccess().begin(requester, iova, rights).withPasid(pasid);
        return privileged ? access.asPrivileged() : access;
    }

    /** As many accesses, each asked of both, the walker first; how many were translated. */
    private static int compare(Bare bare, FuzzScene scene, RandomGenerator random, int count, String of) {
        int translated = 0;
        for (int i = 0; i < count; i++) {
            DmaAccess made = access(scene, random);
            DmaAccess wanted = made(made.requester(), made.pasid(), made.iova(), made.rights(), made.privileged());
            if (!bare.walker.translate(wanted)) {
                continue;
            }
            bare.chip.translate(made);
            String what = of + " requester " + made.requester() + " substream " + made.pasid() + " at "
                    + Long.toHexString(made.iova()) + " rights " + made.rights() + " privileged " + made.privileged();
            assertEquals(
                    wanted.outcome(), made.outcome(), what + " codes " + wanted.faultCode() + " " + made.faultCode());
            assertEquals(wanted.spa(), made.spa(), what);
            assertEquals(wanted.faultCode(), made.faultCode(), what);
            translated += made.outcome() == DmaAccess.Outcome.TRANSLATED ? 1 : 0;
        }
        return translated;
    }

    @ParameterizedTest
    @ValueSource(ints = {0x0300, 0x0301, 0x0302, 0x0303, 0x0304})
    void shouldBringUpChipsThatTranslateAsTheWalkerSays(int subVersion) {
        int[] translated = new int[1];
        Property.check(200, random -> {
            HardwareConfig config = support.config(subVersion, random);
            Bare bare = new Bare(config);
            FuzzScene scene = support.bringUp(config, bare, random);
            translated[0] += compare(bare, scene, random, 40, "");
            bare.restart();
            translated[0] += compare(bare, scene, random, 20, "restarted");
            assertTrue(support.settle(scene, bare));
            translated[0] += compare(bare, scene, random, 20, "");
        });
        assertTrue(translated[0] > 400, () -> "only " + translated[0] + " were translated");
    }

    /** One bit of an entry is changed, then the caches are emptied. */
    @ParameterizedTest
    @ValueSource(ints = {0x0300, 0x0301, 0x0302, 0x0303, 0x0304})
    void shouldTranslateAsTheWalkerSaysOfTablesOfAnyContent(int subVersion) {
        Property.check(300, random -> {
            HardwareConfig config = support.config(subVersion, random);
            Bare bare = new Bare(config);
            FuzzScene scene = support.bringUp(config, bare, random);
            PhysicalMemory memory = bare.platform().memory();
            StringBuilder changes = new StringBuilder();
            for (int i = 0; i < 6; i++) {
                FuzzScene.Table table =
                        scene.tables().get(random.nextInt(scene.tables().size()));
                int words = table.layout().words();
                long at = table.pa() + (long) random.nextInt(words) * Long.BYTES;
                int bit = random.nextInt(Long.SIZE);
                changes.append(' ').append(table.layout().name()).append(' ').append(Long.toHexString(table.pa()));
                changes.append('[').append((at - table.pa()) * Byte.SIZE + bit).append(']');
                memory.writeLongLe(at, memory.readLongLe(at) ^ (1L << bit));
                assertTrue(support.settle(scene, bare));
                bare.forget(config);
                compare(bare, scene, random, 10, changes.toString());
            }
        });
    }

    @Test
    void shouldSettleAfterCommandsThatMakeNoSense() {
        Property.check(100, random -> {
            HardwareConfig config = support.config(SmmuGeneration.V3_2, random);
            Bare bare = new Bare(config);
            FuzzScene scene = support.bringUp(config, bare, random);
            byte[] command = new byte[COMMAND_BYTES];
            for (int i = 0; i < 5; i++) {
                random.nextBytes(command);
                support.submit(scene, bare, command);
            }
            assertTrue(support.settle(scene, bare));
            compare(bare, scene, random, 10, "");
        });
    }

    @Test
    void shouldGoOnBehindACommandAtWhichTheQueueHasStopped() {
        Property.check(20, random -> {
            HardwareConfig config = HardwareConfig.of(SmmuGeneration.V3_2);
            Bare bare = new Bare(config);
            FuzzScene scene = support.bringUp(config, bare, random);
            byte[] wrong = new byte[COMMAND_BYTES];
            wrong[0] = (byte) 0xff;
            byte[] sync = new byte[COMMAND_BYTES];
            sync[0] = 0x46;
            support.submit(scene, bare, wrong);
            assertEquals(1, bare.readRegister(0x60, Integer.BYTES) & 1, "GERROR.CMDQ_ERR");
            support.submit(scene, bare, sync);
            support.submit(scene, bare, sync);
            assertEquals(3, bare.readRegister(0x9c, Integer.BYTES) & 0xfffff, "CMDQ_CONS.RD: all three are done");
            long active = bare.readRegister(0x60, Integer.BYTES) ^ bare.readRegister(0x64, Integer.BYTES);
            assertEquals(0, active & 1, "GERROR.CMDQ_ERR is acknowledged");
        });
    }

    @Test
    void shouldSayThatItKnowsNoQueueOfNobodysScene() {
        assertFalse(support.settle(FuzzScene.EMPTY, new Bare(HardwareConfig.of(SmmuGeneration.V3_0))));
    }

    @Test
    void shouldTellTheWalkerOfNewTables() {
        Bare bare = new Bare(HardwareConfig.of(SmmuGeneration.V3_0));
        assertTrue(bare.walker.wrote(StreamTableBase.REGISTER.offset(), Long.BYTES, 0));
        assertFalse(bare.walker.wrote(0x20_0000, Long.BYTES, 0));
    }
}
