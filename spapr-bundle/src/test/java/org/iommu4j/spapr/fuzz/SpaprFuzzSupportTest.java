package org.iommu4j.spapr.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testing.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The platform against the reference walker, on what random software does. */
class SpaprFuzzSupportTest {
    private final SpaprFuzzSupport support = new SpaprFuzzSupport();

    /** A bare platform whose software a walker is told of. */
    private static final class Bare implements NativePort {
        private final Platform platform =
                new SimulatedPlatform(new PlatformConfig(52, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        private final Hardware chip;
        private final ReferenceWalker walker;

        Bare(HardwareConfig config) {
            chip = new SpaprBackend().createHardware(config, platform);
            walker = new SpaprFuzzSupport().referenceWalker(config, this, false);
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
            long[] arguments = new long[NativeCall.WORDS];
            for (int i = 0; i < arguments.length; i++) {
                arguments[i] = call.word(i);
            }
            chip.call(call);
            walker.called(call, arguments);
        }
    }

    private static boolean agree(Bare bare, int requester, long iova, int rights) {
        DmaAccess wanted = new DmaAccess().begin(requester, iova, rights);
        DmaAccess access = new DmaAccess().begin(requester, iova, rights);
        if (!bare.walker.translate(wanted)) {
            return false;
        }
        bare.chip.translate(access);
        assertEquals(wanted.outcome(), access.outcome());
        assertEquals(wanted.spa(), access.spa());
        assertEquals(wanted.faultCode(), access.faultCode());
        return access.outcome() == DmaAccess.Outcome.TRANSLATED;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void shouldTranslateAsTheWalkerSaysWhateverSoftwareStores(int subVersion) {
        int[] translated = new int[1];
        Property.check(60, random -> {
            HardwareConfig config = support.config(subVersion, random);
            Bare bare = new Bare(config);
            FuzzScene scene = support.bringUp(config, bare, random);
            NativeCall call = new NativeCall();
            for (int i = 0; i < 40; i++) {
                int slot = random.nextInt(scene.addresses().size());
                long iova = scene.addresses().get(slot).base();
                if (random.nextInt(3) == 0) {
                    call.begin(0x20)
                            .word(0, iova < 1L << 40 ? 0x8000_0000L : 0x8000_0001L)
                            .word(1, iova)
                            .word(2, ((long) random.nextInt(1 << 12) << 16) | random.nextInt(4));
                    bare.call(call);
                }
                int requester =
                        scene.requesters().get(random.nextInt(scene.requesters().size()));
                long at = iova + random.nextInt(4096) + (random.nextInt(8) == 0 ? 1L << random.nextInt(62) : 0);
                translated[0] += agree(bare, requester, at, 1 + random.nextInt(3)) ? 1 : 0;
            }
            assertTrue(support.settle(scene, bare));
            bare.chip.visitCache((cache, tag, pasid, iova, length, pa) -> {
                throw new AssertionError("cached after all was dropped");
            });
        });
        assertTrue(translated[0] > 100, () -> "only " + translated[0] + " were translated");
    }

    @org.junit.jupiter.api.Test
    void shouldSayNothingOnceItCannotKnow() {
        Bare bare = new Bare(HardwareConfig.of(4));
        support.bringUp(HardwareConfig.of(4), bare, new java.util.SplittableRandom(1));
        bare.writeRegister(0x210, 8, 1L << 63);
        assertTrue(bare.walker.translate(new DmaAccess().begin(0x8000_0000, 0, DmaAccess.READ)));
        bare.writeRegister(0x168, 8, 1L << 63);
        assertFalse(bare.walker.translate(new DmaAccess().begin(0x8000_0000, 0, DmaAccess.READ)));
    }

    @org.junit.jupiter.api.Test
    void shouldTakeTheHighestFrameForWhatItIs() {
        Bare bare = new Bare(HardwareConfig.of(4));
        support.bringUp(HardwareConfig.of(4), bare, new java.util.SplittableRandom(1));
        bare.platform().memory().writeLongBe(0x40_0000, 0xffff_ffff_ffff_f001L);
        DmaAccess access = new DmaAccess().begin(0x8000_0000, 0, DmaAccess.READ);

        assertTrue(bare.walker.translate(access));

        assertEquals(0xffff_ffff_ffff_f000L, access.spa());
    }
}
