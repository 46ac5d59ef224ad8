package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.iommu4j.backend.DmaAccess;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Flags that cannot be stored into an entry, VT-d 7.1.3: reasons 0x7D (condition SSS.6) and 0x91 (SFS.10), on the machine of
 * docs/spec/intel-vtd.md 8.3 whose tables can be read only.
 */
class FlagFaultsTest {
    private static final int DEVICE = 0x310;

    private ScalableUnit unit;

    @BeforeEach
    void make() {
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.tablesAreReadOnly = true;
        unit = new ScalableUnit(recipe).store(new ScalableVectors().image());
        unit.root(1, false);
        unit.translating();
    }

    private void expectFault(int reason, int pasid, long address) {
        DmaAccess access = unit.dma(DEVICE, pasid, address, DmaAccess.READ);
        assertEquals(reason, access.faultCode());
        assertEquals(List.of(String.format("c%05x%02x80000310 %016x", pasid, reason, address & -4096)), unit.faults());
    }

    @Test
    void shouldSayThatAnAccessedFlagOfTheFirstStageFailed() {
        expectFault(0x91, 0x345, 0x7f00_0020_1abcL);
    }

    @Test
    void shouldSayThatAnAccessedFlagOfTheFirstStageFailedNested() {
        expectFault(0x91, 0x346, 0x1234_5abcL);
    }

    @Test
    void shouldSayThatAnAccessedFlagOfTheSecondStageFailed() {
        unit.store(Map.of(0x5280L, 0x10289L, 0x5288L, 0x80_0012L));
        expectFault(0x7d, 0x34a, 0x4020_1abcL);
    }

    @Test
    void shouldSayThatAnAccessedFlagOfTheSecondStageFailedNested() {
        unit.store(Map.of(0x5180L, 0x102c9L, 0x5188L, 0x80_0012L));
        expectFault(0x7d, 0x346, 0x1234_5abcL);
    }
}
