package org.iommu4j.intel.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.command.InvalidationWait;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.ForwardingPort;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class VtdFuzzSupportTest {
    private static final int GCMD = 0x18;
    private static final int RTADDR = 0x20;
    private static final int FSTS = 0x34;
    private static final int IQT = 0x88;

    private final VtdFuzzSupport support = new VtdFuzzSupport();

    /** A bare chip whose register writes a walker is told of. */
    private static final class Bare extends ForwardingPort {
        private final ReferenceWalker walker;

        Bare(HardwareConfig config) {
            this(
                    config,
                    new SimulatedPlatform(
                            new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING)));
        }

        private Bare(HardwareConfig config, Platform platform) {
            super(platform, new VtdBackend().createHardware(config, platform));
            walker = new VtdFuzzSupport().referenceWalker(config, this, false);
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            super.writeRegister(offset, sizeBytes, value);
            walker.wrote(offset, sizeBytes, value);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {VtdGeneration.LEGACY_REG, VtdGeneration.LEGACY_QI})
    void shouldBringUpChipsThatTranslateAsTheWalkerSays(int subVersion) {
        int[] translated = new int[1];
        Property.check(200, random -> {
            HardwareConfig config = support.config(subVersion, random);
            Bare bare = new Bare(config);
            FuzzScene scene = support.bringUp(config, bare, random);
            for (int requester : scene.requesters()) {
                for (PlatformConfig.Range range : scene.addresses()) {
                    DmaAccess wanted = new DmaAccess().begin(requester, range.base(), DmaAccess.READ);
                    DmaAccess access = new DmaAccess().begin(requester, range.base(), DmaAccess.READ);
                    assertTrue(bare.walker.translate(wanted));
                    bare.chip().translate(access);
                    assertEquals(wanted.outcome(), access.outcome());
                    assertEquals(wanted.spa(), access.spa());
                    assertEquals(wanted.faultCode(), access.faultCode());
                    translated[0] += access.outcome() == DmaAccess.Outcome.TRANSLATED ? 1 : 0;
                }
            }
            assertTrue(support.settle(scene, bare));
        });
        assertTrue(translated[0] > 100, () -> "only " + translated[0] + " were translated");
    }

    @Test
    void shouldSettleAfterCommandsThatMakeNoSense() {
        Property.check(100, random -> {
            HardwareConfig config = HardwareConfig.of(VtdGeneration.LEGACY_QI);
            Bare bare = new Bare(config);
            FuzzScene scene = support.bringUp(config, bare, random);
            byte[] command = new byte[16];
            for (int i = 0; i < 5; i++) {
                random.nextBytes(command);
                support.submit(scene, bare, command);
            }
            bare.writeRegister(IQT, Long.BYTES, 0x7fff0);
            assertTrue(support.settle(scene, bare));
            assertEquals(0, bare.readRegister(FSTS, Integer.BYTES) & 0x70);
        });
    }

    @Test
    void shouldGoOnBehindACommandAtWhichTheQueueHasStopped() {
        HardwareConfig config = HardwareConfig.of(VtdGeneration.LEGACY_QI);
        Bare bare = new Bare(config);
        FuzzScene scene = support.bringUp(config, bare, new SplittableRandom(1));
        long status = scene.valuesOf("STATUS").get(0);
        support.submit(scene, bare, InvalidationWait.LAYOUT.encode(0xf, 0));
        assertEquals(0x10, bare.readRegister(FSTS, Integer.BYTES) & 0x70);

        support.submit(scene, bare, InvalidationWait.LAYOUT.encode(0x600d_0000_0025L, status));

        assertEquals(0, bare.readRegister(FSTS, Integer.BYTES) & 0x70);
        assertEquals(0x600d, bare.platform().memory().readIntLe(status));
    }

    @Test
    void shouldSayThatItCannotSettleAQueueOfAnotherWidth() {
        HardwareConfig config = HardwareConfig.of(VtdGeneration.LEGACY_QI);
        Bare bare = new Bare(config);
        FuzzScene scene = support.bringUp(config, bare, new SplittableRandom(1));
        bare.writeRegister(GCMD, Integer.BYTES, 0x8000_0000L);
        bare.writeRegister(0x90, Long.BYTES, scene.valuesOf("IQA").get(0) | 0x800);
        bare.writeRegister(GCMD, Integer.BYTES, 0x8400_0000L);

        assertFalse(support.settle(scene, bare));
        assertFalse(support.settle(FuzzScene.EMPTY, bare), "of nobody's scene it knows no queue");
    }

    /** One device, 0:0.0, with a table of three levels at 0x3000, whose first page is at 0x12345000. */
    private static Bare oneDevice() {
        Bare bare = new Bare(HardwareConfig.of(VtdGeneration.LEGACY_QI));
        PhysicalMemory memory = bare.platform().memory();
        memory.writeLongLe(0x1000, 0x2001);
        memory.writeLongLe(0x2000, 0x3001);
        memory.writeLongLe(0x2008, 0x101);
        memory.writeLongLe(0x3000, 0x4003);
        memory.writeLongLe(0x4000, 0x5003);
        memory.writeLongLe(0x5000, 0x1234_5003L);
        bare.writeRegister(RTADDR, Long.BYTES, 0x1000);
        bare.writeRegister(GCMD, Integer.BYTES, 0x4000_0000L);
        bare.writeRegister(GCMD, Integer.BYTES, 0x8000_0000L);
        return bare;
    }

    @Test
    void shouldTranslateByTheTablesInMemory() {
        DmaAccess access = new DmaAccess().begin(0, 0x678, DmaAccess.READ | DmaAccess.WRITE);

        assertTrue(oneDevice().walker.translate(access));

        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
        assertEquals(0x1234_5678L, access.spa());
    }

    @ParameterizedTest
    @CsvSource({
        "0x1000, 0x0, 0x1", "0x2000, 0x0, 0x2", "0x2008, 0x107, 0x3", "0x5000, 0x12345001, 0x5",
        "0x5000, 0x12345002, 0x6", "0x1000, 0x2801, 0xa", "0x2000, 0x3101, 0xb", "0x4000, 0x5803, 0xc",
        "0x5000, 0xfee00003, 0xe"
    })
    void shouldNameTheFaultOfAnEntry(long pa, long word, int fault) {
        Bare bare = oneDevice();
        bare.platform().memory().writeLongLe(pa, word);
        DmaAccess access = new DmaAccess().begin(0, 0, DmaAccess.READ | DmaAccess.WRITE);

        assertTrue(bare.walker.translate(access));

        assertEquals(DmaAccess.Outcome.FAULT, access.outcome());
        assertEquals(fault, access.faultCode());
    }

    @Test
    void shouldNotSayWhatADomainOfTwoTablesComesTo() {
        Bare bare = oneDevice();
        bare.platform().memory().writeLongLe(0x2010, 0x6001);
        bare.platform().memory().writeLongLe(0x2018, 0x101);

        assertFalse(bare.walker.translate(new DmaAccess().begin(0, 0, DmaAccess.READ)));
    }
}
