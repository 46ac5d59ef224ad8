package org.iommu4j.arm.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.layout.Register;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SmmuCapabilitiesTest {
    private static HardwareConfig config(int subVersion, String field, long value) {
        return new HardwareConfig(
                subVersion, Map.of("idr", Map.of(field, value)), Map.of(), CacheConfig.DEFAULT, Map.of());
    }

    @ParameterizedTest
    @CsvSource({
        "0x300, 16, 0, 48, 8, 8, false, false, false",
        "0x301, 16, 20, 48, 16, 16, true, false, false",
        "0x302, 16, 20, 48, 16, 16, true, true, false",
        "0x303, 16, 20, 48, 16, 16, true, true, false",
        "0x304, 16, 20, 48, 16, 16, true, true, true"
    })
    void shouldHaveTheDefaultsOfEachGeneration(
            int subVersion, int sid, int ssid, int oas, int asid, int vmid, boolean ats, boolean ril, boolean ds) {
        SmmuCapabilities chip = SmmuCapabilities.defaultOf(subVersion);
        assertEquals(sid, chip.streamIdBits());
        assertEquals(ssid, chip.substreamIdBits());
        assertEquals(oas, chip.outputBits());
        assertEquals(asid, chip.asidBits());
        assertEquals(vmid, chip.vmidBits());
        assertEquals(ats, chip.has("ATS"));
        assertEquals(ril, chip.has("RIL"));
        assertEquals(ds, chip.has("DS"));
        assertTrue(chip.hasStage1());
        assertTrue(chip.hasStage2());
    }

    @Test
    void shouldTakeAFeatureOfTheNextVersionBeforeIt() {
        assertTrue(SmmuCapabilities.of(config(SmmuGeneration.V3_1, "RIL", 1)).has("RIL"));
    }

    @Test
    void shouldRefuseWhatIsNotModelledOrTheVersionCannotHave() {
        for (Map.Entry<String, Long> wrong : Map.of("D128", 1L, "TTF", 3L, "RME_IMPL", 1L, "ECMDQ", 1L, "HTTU", 3L)
                .entrySet()) {
            BackendException refused = assertThrows(
                    BackendException.class,
                    () -> SmmuCapabilities.of(config(SmmuGeneration.V3_3, wrong.getKey(), wrong.getValue())));
            assertEquals(Errno.EPROTONOSUPPORT, refused.errno(), wrong.getKey());
        }
        assertThrows(BackendException.class, () -> SmmuCapabilities.of(config(SmmuGeneration.V3_0, "RIL", 1)));
        assertThrows(BackendException.class, () -> SmmuCapabilities.of(config(SmmuGeneration.V3_3, "DS", 1)));
        assertThrows(BackendException.class, () -> SmmuCapabilities.defaultOf(0x0305));
    }

    @Test
    void shouldLimitAnAddressSizeToTheOutputSize() {
        SmmuCapabilities chip = SmmuCapabilities.defaultOf(SmmuGeneration.V3_3);
        assertEquals(40, chip.addressBits(2));
        assertEquals(48, chip.addressBits(6));
        SmmuCapabilities wide = SmmuCapabilities.of(config(SmmuGeneration.V3_3, "OAS", 6));
        assertEquals(52, wide.addressBits(7));
        assertEquals(48, SmmuCapabilities.defaultOf(SmmuGeneration.V3_0).addressBits(7));
    }

    @Test
    void shouldHaveTheRegistersOfItsCapabilitiesAtTheirPlaces() {
        List<Register> all = SmmuRegisters.of(SmmuCapabilities.defaultOf(SmmuGeneration.V3_3), false);
        assertEquals(0x100AC, offset(all, "EVENTQ_CONS"));
        assertEquals(0x100C8, offset(all, "PRIQ_PROD"));
        assertEquals(0x0D0, offset(all, "PRIQ_IRQ_CFG0"));
        assertEquals(0x09C, offset(all, "CMDQ_CONS"));
        List<Register> plain = SmmuRegisters.of(SmmuCapabilities.defaultOf(SmmuGeneration.V3_0), false);
        assertFalse(plain.stream()
                .anyMatch(row -> row.name().startsWith("PRIQ") || row.name().contains("IRQ_CFG")));
    }

    private static int offset(List<Register> rows, String name) {
        return rows.stream()
                .filter(row -> row.name().equals(name))
                .findFirst()
                .orElseThrow()
                .offset();
    }

    @ParameterizedTest
    @CsvSource({"HAD, 0", "XNX, 0", "FWB, 0", "BBML, 1", "E0PD, 0", "EPAN, 0"})
    void shouldRefuseAVirtualUnitThatOffersWhatTheChipWouldIgnore(String field, long there) {
        SmmuBackend backend = new SmmuBackend();
        HardwareConfig guest = config(SmmuGeneration.V3_4, "BBML", 2);
        backend.checkGuest(guest, guest);
        backend.checkGuest(config(SmmuGeneration.V3_4, field, there), guest);
        HardwareConfig host = config(SmmuGeneration.V3_4, field, there);
        BackendException refused = assertThrows(BackendException.class, () -> backend.checkGuest(guest, host));
        assertEquals(Errno.EOPNOTSUPP, refused.errno());
        assertTrue(refused.getMessage().contains("IDR3." + field), refused.getMessage());
        // A chip that refuses what it has not says so when it is bound.
        backend.checkGuest(guest, config(SmmuGeneration.V3_4, "GRAN16K", 0));
    }

    @Test
    void shouldNameTheFourCodesOfAGranule() {
        // TLBI.TG, CD.TG0, CD.TG1, STE.S2TG, docs/spec/arm-smmu.md 3.4.
        assertEquals(Granule.K4, Granule.ofRange(1));
        assertEquals(Granule.K16, Granule.ofRange(2));
        assertEquals(Granule.K64, Granule.ofRange(3));
        assertEquals(Granule.K64, Granule.ofHalf(false, 1));
        assertEquals(Granule.K16, Granule.ofHalf(false, 2));
        assertEquals(Granule.K16, Granule.ofHalf(true, 1));
        assertEquals(Granule.K4, Granule.ofHalf(true, 2));
        assertEquals(Granule.K64, Granule.ofStage2(1));
        assertEquals(null, Granule.ofStage2(3));
    }

    @ParameterizedTest
    @CsvSource({
        "K4, 48, 0",
        "K4, 39, 1",
        "K4, 30, 2",
        "K4, 25, 2",
        "K4, 21, 3",
        "K16, 48, 0",
        "K16, 47, 1",
        "K16, 36, 2",
        "K16, 25, 3",
        "K64, 52, 1",
        "K64, 42, 2",
        "K64, 29, 3"
    })
    void shouldBeginTheWalkAtTheLevelOfTheInputSize(Granule granule, int bits, int level) {
        assertEquals(level, granule.startLevel(bits));
    }
}
