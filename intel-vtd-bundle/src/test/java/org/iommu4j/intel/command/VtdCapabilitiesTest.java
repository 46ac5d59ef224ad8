package org.iommu4j.intel.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.FaultRecordRegisters;
import org.iommu4j.intel.command.VtdRegisters.InvalidateAddress;
import org.iommu4j.intel.table.Agaw;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VtdCapabilitiesTest {
    @Test
    void shouldDecodeV22() {
        long cap = 0x00c9008020660262L;
        VtdCapabilities unit = new VtdCapabilities(0x10, cap, 0);
        assertEquals(8, unit.domainIdBits());
        assertTrue(unit.has("PLMR") && unit.has("PHMR") && unit.has("PSI"));
        assertTrue(unit.has("ZLR") && unit.has("DWD") && unit.has("DRD"));
        assertEquals(2, Cap.SAGAW.get(cap));
        assertEquals(39, unit.mgawBits());
        assertEquals(0x200, FaultRecordRegisters.low(unit.cap(), 0).offset());
        assertEquals(9, Cap.MAMV.get(cap));
        assertEquals(1, unit.faultRecords());
    }

    @Test
    void shouldDecodeV23() {
        VtdCapabilities unit = new VtdCapabilities(0x10, 0x00c0000020230272L, 0);
        assertTrue(unit.has("RWBF"));
        assertFalse(unit.has("PSI"));
        assertEquals(36, unit.mgawBits());
        assertEquals(0x200, FaultRecordRegisters.low(unit.cap(), 0).offset());
    }

    @Test
    void shouldDecodeV24() {
        VtdCapabilities unit = new VtdCapabilities(0x10, 0, 0xf0101aL);
        assertTrue(unit.hasQueue() && unit.has("IR") && unit.has("EIM"));
        assertFalse(unit.has("DT"));
        assertEquals(0x100, InvalidateAddress.of(unit.ecap()).offset());
        assertEquals(15, Ecap.MHMV.get(unit.ecap()));
    }

    @Test
    void shouldHaveThePlausibleDefaults() {
        VtdCapabilities queue = VtdCapabilities.of(HardwareConfig.of(VtdGeneration.LEGACY_QI));
        assertEquals(16, queue.domainIdBits());
        assertEquals(48, queue.mgawBits());
        assertEquals(6, Cap.SAGAW.get(queue.cap()));
        assertEquals(3, Cap.SSLPS.get(queue.cap()));
        assertEquals(18, Cap.MAMV.get(queue.cap()));
        assertEquals(0x220, FaultRecordRegisters.low(queue.cap(), 0).offset());
        assertEquals(0xf0, InvalidateAddress.of(queue.ecap()).offset());
        VtdCapabilities registers = VtdCapabilities.of(HardwareConfig.of(VtdGeneration.LEGACY_REG));
        assertFalse(registers.hasQueue());
        assertTrue(registers.hasRegisterInvalidation());
        assertEquals(0x100, InvalidateAddress.of(registers.ecap()).offset());
        assertEquals(39, registers.mgawBits());
    }

    @Test
    void shouldPutFieldsOverRegistersOverDefaults() {
        VtdCapabilities unit = VtdCapabilities.of(new HardwareConfig(
                VtdGeneration.LEGACY_QI,
                Map.of("cap", Map.of("MGAW", 38L), "ecap", Map.of("DT", 0L)),
                Map.of("CAP", 0xd2008c222f0686L, "VER", 0x10L),
                CacheConfig.DEFAULT,
                Map.of("ver", "2.1")));
        assertEquals(0xd2008c22260686L, unit.cap());
        assertEquals(0xf00fdbL, unit.ecap());
        assertEquals(0x21, unit.ver());
    }

    @Test
    void shouldRefuseByNameWhatDoesNotExistOrFit() {
        assertRefused(Errno.EINVAL, "cap.NOPE", Map.of("cap", Map.of("NOPE", 1L)), Map.of(), Map.of());
        assertRefused(Errno.EINVAL, "efr", Map.of("efr", Map.of("X", 1L)), Map.of(), Map.of());
        assertRefused(Errno.EINVAL, "cap.MGAW=0x40", Map.of("cap", Map.of("MGAW", 64L)), Map.of(), Map.of());
        assertRefused(Errno.EINVAL, "ecap.PT", Map.of("ecap", Map.of("PT", -1L)), Map.of(), Map.of());
        assertRefused(Errno.EINVAL, "EFR", Map.of(), Map.of("EFR", 1L), Map.of());
        assertRefused(Errno.EINVAL, "VER", Map.of(), Map.of("VER", 0x100L), Map.of());
        for (String version : new String[] {"", "1", "1.x", "16.0", "1.0.0", "-1.0"}) {
            assertRefused(Errno.EINVAL, "ver=" + version, Map.of(), Map.of(), Map.of("ver", version));
        }
    }

    @Test
    void shouldRefuseByNameWhatIsNotModelled() {
        assertRefused(Errno.EPROTONOSUPPORT, "AFL", Map.of("cap", Map.of("AFL", 1L)), Map.of(), Map.of());
        BackendException unknown =
                assertThrows(BackendException.class, () -> VtdCapabilities.of(HardwareConfig.of(0x0200)));
        assertEquals(Errno.EPROTONOSUPPORT, unknown.errno());
    }

    /** What kernels of machines with these processors say of their units. */
    @ParameterizedTest
    @CsvSource({
        "Broadwell graphics, 0x10, 0x01c0000c40660462, 0x0000007e1ff0505e, false",
        "Broadwell system, 0x10, 0x00d2008c20660462, 0x0000000000f010da, false",
        "Skylake graphics, 0x10, 0x01c0000c40660462, 0x0000007e3ff0505e, false",
        "Skylake system, 0x10, 0x00d2008c40660462, 0x0000000000f050da, false",
        "Gemini Lake graphics, 0x10, 0x01c0000c40660462, 0x0000009e2ff0505e, false",
        "Gemini Lake system, 0x10, 0x00d2008c40660462, 0x0000000000f050da, false",
        "Xeon of version 1, 0x10, 0x08d2078c106f0466, 0x0000000000f020df, false",
        "Sapphire Rapids, 0x60, 0x09ed008c40780466, 0x0003ee9e86f050df, true",
        "Sapphire Rapids server, 0x60, 0x19ed008c40780c66, 0x0003ee9e86f050df, true",
    })
    void shouldMakeUnitsOfRealCapabilityWords(String part, String ver, String cap, String ecap, boolean scalable) {
        for (int generation : new int[] {VtdGeneration.LEGACY_QI, VtdGeneration.SCALABLE}) {
            VtdCapabilities unit = VtdCapabilities.of(new HardwareConfig(
                    generation,
                    Map.of(),
                    Map.of("VER", Long.decode(ver), "CAP", Long.decode(cap), "ECAP", Long.decode(ecap)),
                    CacheConfig.DEFAULT,
                    Map.of()));
            assertEquals(Long.decode(ecap), unit.ecap(), part);
            assertEquals(scalable, unit.hasScalableMode(), part);
        }
        expectToTranslate(Long.decode(ver), Long.decode(cap), Long.decode(ecap), VtdGeneration.LEGACY_QI);
        if (scalable) {
            expectToTranslate(Long.decode(ver), Long.decode(cap), Long.decode(ecap), VtdGeneration.SCALABLE);
        }
    }

    /** A chip with such words can be made, driven, and translates through the widest tables that it has. */
    private static void expectToTranslate(long ver, long cap, long ecap, int generation) {
        Machine machine = Machine.of(new HardwareConfig(
                generation, Map.of(), Map.of("VER", ver, "CAP", cap, "ECAP", ecap), CacheConfig.DEFAULT, Map.of()));
        int aw = Agaw.widest(Cap.SAGAW.get(cap), Cap.MGAW.getInt(cap) + 1);
        machine.map(0x100_0000, Agaw.levels(aw), 0x7000, 0x12_3000, 0x110_0000);
        assertEquals(Errno.OK, machine.open(0));
        assertEquals(Errno.OK, machine.attach(0, 0x310, 0x100_0000, Agaw.levels(aw)));
        assertEquals(0x12_3456, machine.read(0x310, 0x7456));
    }

    @Test
    void shouldHaveThePlausibleDefaultsOfScalableMode() {
        for (int generation :
                new int[] {VtdGeneration.SCALABLE, VtdGeneration.WIDE_TYPE, VtdGeneration.HOST_PERMISSIONS}) {
            VtdCapabilities unit = VtdCapabilities.defaultOf(generation);
            assertTrue(unit.hasScalableMode() && unit.hasLongDescriptors() && unit.hasQueue());
            assertEquals(generation != VtdGeneration.SCALABLE, unit.hasAbortMode());
            assertEquals(20, unit.pasidBits());
            assertEquals(generation == VtdGeneration.HOST_PERMISSIONS, unit.has("HPTS"));
        }
    }

    /** Revisions before 3.0 have another ability in the place of SMTS. */
    @Test
    void shouldNotTakeAnAbilityOfExtendedContextModeForScalableMode() {
        VtdCapabilities unit = new VtdCapabilities(0x10, 0, Ecap.ECS.mask() | Ecap.SMTS.mask() | Ecap.PRS.mask());
        assertFalse(unit.hasScalableMode() || unit.hasPageRequests());
    }

    @Test
    void shouldLoseRegisterInvalidationWithMajorVersion6() {
        assertFalse(new VtdCapabilities(0x60, 0, 0xf00fdfL).hasRegisterInvalidation());
        assertTrue(new VtdCapabilities(0x50, 0, 0xf00fdfL).hasRegisterInvalidation());
    }

    @Test
    void shouldNameFaultReasons() {
        for (FaultReason reason : FaultReason.values()) {
            assertEquals(reason, FaultReason.of(reason.code()));
            assertEquals(reason.name(), FaultReason.nameOf(reason.code()));
        }
        assertNull(FaultReason.of(0));
        assertNull(FaultReason.of(-1));
        assertNull(FaultReason.of(0x1000));
        assertEquals("0x20", FaultReason.nameOf(0x20));
    }

    private static void assertRefused(
            Errno errno,
            String naming,
            Map<String, Map<String, Long>> fields,
            Map<String, Long> registers,
            Map<String, String> options) {
        BackendException refusal = assertThrows(
                BackendException.class,
                () -> VtdCapabilities.of(
                        new HardwareConfig(VtdGeneration.LEGACY_QI, fields, registers, CacheConfig.DEFAULT, options)));
        assertEquals(errno, refusal.errno());
        assertTrue(refusal.getMessage().contains(naming), refusal.getMessage());
    }
}
