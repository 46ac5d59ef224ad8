package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.junit.jupiter.api.Test;

/**
 * How software has to fill its invalidations, and in which order, docs/spec/intel-vtd.md 10.3 and 10.5, on a unit that keeps what it
 * may.
 */
class SoftwareDutiesTest {
    private static final ScalableVectors DOCUMENT = new ScalableVectors();
    private static final int NO_PASID = DmaAccess.NO_PASID;
    private static final int PASID = 0x345;
    private static final long SECOND = 0x40201abcL;
    private static final long FIRST = 0x7f0000201abcL;

    private ScalableUnit unit;

    private void start(long withoutCap) {
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.sanitizer = Sanitizer.Mode.ON;
        recipe.cache = CacheConfig.WORST_CASE;
        recipe.cap &= ~withoutCap;
        unit = new ScalableUnit(recipe).store(DOCUMENT.image());
        unit.root(1, false);
        unit.translating().queueing(true);
    }

    private void start() {
        start(0);
    }

    private List<Finding> stale() {
        return unit.platform.sanitizer().report().findings().stream()
                .filter(finding -> finding.kind() != Finding.Kind.SUPERFLUOUS)
                .toList();
    }

    private void submit(String commands) {
        for (String command : (commands + "; 200000025 1000040").split("; ", -1)) {
            String[] words = command.split(" ", -1);
            unit.submit(ScalableVectors.hex(words[0]), ScalableVectors.hex(words[1]));
        }
        assertEquals(-1, unit.queueError());
    }

    private long read(int pasid, long address) {
        unit.dma(0x310, pasid, address, DmaAccess.READ);
        return unit.access.outcome() == DmaAccess.Outcome.TRANSLATED ? unit.access.spa() : -1;
    }

    private void write(String words) {
        unit.store(ScalableVectors.words(words));
    }

    private void ask(int pasid, long address) {
        unit.access
                .begin(0x310, address, DmaAccess.READ)
                .withPasid(pasid)
                .as(DmaAccess.AddressType.TRANSLATION_REQUEST);
        unit.chip.translate(unit.access);
    }

    @Test
    void shouldFindAPasidCacheThatIsInvalidatedAfterTheIotlb() {
        // VTD-ORD.2
        start();
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        write("4400=1c089 1c000=1d003 1d008=1e003 1e008=1f003 1f008=81003");
        submit("120022 0");
        assertEquals(0x80abc, read(NO_PASID, SECOND), "found again by the PASID entry that is still cached");
        submit("1000120017 0");
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        assertNotEquals(List.of(), stale());
        submit("120022 0");
        assertEquals(0x81abc, read(NO_PASID, SECOND));
    }

    @Test
    void shouldFindAContextCacheThatIsInvalidatedAfterThePasidCache() {
        // VTD-ORD.1
        start();
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        write("2200=d01d d000=e001 e400=1c089,800012 1c000=1d003 1d008=1e003 1e008=1f003 1f008=81003");
        submit("120007 0; 120022 0");
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        submit("31000000031 0");
        assertEquals(0x80abc, read(NO_PASID, SECOND), "the PASID entry of the old directory is cached again");
        assertNotEquals(List.of(), stale());
        submit("120007 0; 120022 0");
        assertEquals(0x81abc, read(NO_PASID, SECOND));
    }

    @Test
    void shouldFindADeviceTlbThatIsInvalidatedBeforeTheIotlb() {
        // VTD-ORD.3
        start();
        ask(PASID, FIRST);
        write("23008=a1067");
        submit("34503100008 7f0000201000");
        ask(PASID, FIRST);
        assertEquals(0xa0abc, unit.access.spa());
        submit("34500130036 7f0000201040");
        ask(PASID, FIRST);
        assertEquals(0xa1abc, unit.access.spa());
        assertNotEquals(List.of(), stale());
    }

    @Test
    void shouldAskForAnInvalidationOfEachPageNumberOfALeaf() {
        // VTD-PG.2: two entries of the directory lead to one table.
        start();
        write("12010=13003");
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        assertEquals(0x80abc, read(NO_PASID, 0x40401abcL));
        write("13008=81003");
        submit("120032 40201040");
        assertEquals(0x80abc, read(NO_PASID, 0x40401abcL));
        assertTrue(stale().get(0).rule().contains("VTD-28.10"));
        submit("120032 40401000");
        assertEquals(0x81abc, read(NO_PASID, 0x40401abcL));
        assertEquals(List.of(), stale());
    }

    @Test
    void shouldAskForBothUsesOfAnEntryThatIsUsedAtTwoLevels() {
        // VTD-PG.4: the last entry of the top table leads to itself.
        start();
        write("10ff8=10003");
        long byItself = 0x1ffL << 39 | 0x1ffL << 30 | 0x1ffL << 21;
        assertEquals(0x11000, read(NO_PASID, byItself), "entry 0 of the top table as a leaf");
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        write("10000=1d003 1d008=1e003 1e008=1f003 1f008=81003");
        submit("120032 40201000");
        assertEquals(0x81abc, read(NO_PASID, SECOND));
        assertEquals(0x11000, read(NO_PASID, byItself), "the other use was not invalidated");
        assertNotEquals(List.of(), stale());
        submit("120022 0");
        assertEquals(0x1d000, read(NO_PASID, byItself));
    }

    @Test
    void shouldNotBeContentWithAnAddressMaskThatIsSmallerThanThePage() {
        // VTD-PG.6: a unit may hold a large page in pieces; this one drops all of it.
        start();
        assertEquals(0x2_0005_6789L, read(NO_PASID, 0x40456789L));
        write("12010=400000083");
        submit("120032 40400049");
        assertEquals(0x4_0005_6789L, read(NO_PASID, 0x40456789L));
        assertEquals(List.of(), stale());
    }

    @Test
    void shouldAskForAnInvalidationAfterADirtyFlagWasCleared() {
        // VTD-PG.7: until then a page that is written is not marked again.
        start();
        write("5280=10289");
        unit.dma(0x310, 0x34a, SECOND, DmaAccess.WRITE);
        assertEquals(0x80303, unit.memory.readLongLe(0x13008));
        write("13008=80103");
        unit.dma(0x310, 0x34a, SECOND, DmaAccess.WRITE);
        assertEquals(0x80103, unit.memory.readLongLe(0x13008), "the unit knows that it is dirty");
        submit("120032 40201040");
        unit.dma(0x310, 0x34a, SECOND, DmaAccess.WRITE);
        assertEquals(0x80303, unit.memory.readLongLe(0x13008));
    }

    @Test
    void shouldUseTheOldEntriesAfterANewRootTableUntilAllIsInvalidated() {
        // VTD-SRTP.2, VTD-SRTP.4
        start(Cap.ESRTPS.mask());
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        write("a030=b001 b200=d01d,10 d000=e001 e400=1c089,800012 1c000=1d003 1d008=1e003 1e008=1f003 1f008=81003");
        unit.chip.writeRegister(VtdUnit.RTADDR, 8, 0xa000L | 1 << 10);
        unit.chip.writeRegister(VtdUnit.GCMD, 4, VtdUnit.TE | VtdUnit.QIE | VtdUnit.SRTP);
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        assertNotEquals(List.of(), stale());
        submit("11 0; 37 0; 12 0");
        assertEquals(0x81abc, read(NO_PASID, SECOND));
    }

    @Test
    void shouldDropEverythingWithANewRootTableIfTheUnitSaysSo() {
        // VTD-SRTP.3
        start();
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        write("a030=b001 b200=d01d,10 d000=e001 e400=1c089,800012 1c000=1d003 1d008=1e003 1e008=1f003 1f008=81003");
        unit.chip.writeRegister(VtdUnit.RTADDR, 8, 0xa000L | 1 << 10);
        unit.chip.writeRegister(VtdUnit.GCMD, 4, VtdUnit.TE | VtdUnit.QIE | VtdUnit.SRTP);
        assertEquals(0x81abc, read(NO_PASID, SECOND));
        assertEquals(List.of(), stale());
    }

    @Test
    void shouldDropEverythingWhenTranslationIsSwitchedOff() {
        // VTD-TE.1
        start();
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        assertEquals(0xa0abc, read(PASID, FIRST));
        write("13008=81003 23008=a1007");
        unit.chip.writeRegister(VtdUnit.GCMD, 4, VtdUnit.QIE);
        unit.chip.writeRegister(VtdUnit.GCMD, 4, VtdUnit.TE | VtdUnit.QIE);
        assertEquals(0x81abc, read(NO_PASID, SECOND));
        assertEquals(0xa1abc, read(PASID, FIRST));
        assertEquals(List.of(), stale());
    }

    @Test
    void shouldDenyWhatWasPermittedLaterUntilTheInvalidation() {
        // VTD-OPT.2, VTD-OPT.4: harmless only for devices that ask again. A first-stage page that was not written yet
        // is looked up
        // for its dirty flag anyway.
        start();
        write("13008=80001 23008=a0005");
        unit.dma(0x310, NO_PASID, SECOND, DmaAccess.READ);
        unit.dma(0x310, PASID, FIRST, DmaAccess.READ);
        write("13008=80003 23008=a0027");
        unit.dma(0x310, NO_PASID, SECOND, DmaAccess.WRITE);
        assertEquals(DmaAccess.Outcome.FAULT, unit.access.outcome());
        unit.dma(0x310, PASID, FIRST, DmaAccess.WRITE);
        assertEquals(DmaAccess.Outcome.TRANSLATED, unit.access.outcome());
        submit("120032 40201040");
        unit.dma(0x310, NO_PASID, SECOND, DmaAccess.WRITE);
        assertEquals(DmaAccess.Outcome.TRANSLATED, unit.access.outcome());
    }

    @Test
    void shouldCheckANewHostPermissionAfterItsInvalidation() {
        // VTD-29.4 and VTD-29.5, with the commands V233 and V234
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.subVersion = VtdGeneration.HOST_PERMISSIONS;
        recipe.ecap = ScalableUnit.ECAP_5;
        recipe.ver = 0x80;
        recipe.cache = CacheConfig.WORST_CASE;
        unit = new ScalableUnit(recipe).store(DOCUMENT.image()).store(DOCUMENT.permissions());
        unit.root(1, false);
        unit.translating().queueing(true);
        assertEquals(DmaAccess.Outcome.TRANSLATED, present());
        write("42400=10");
        submit("5003a 802000c9");
        assertEquals(DmaAccess.Outcome.FAULT, present());
        write("42400=30");
        submit("5003a 802000c9; 5002a 0");
        assertEquals(DmaAccess.Outcome.TRANSLATED, present());
    }

    private DmaAccess.Outcome present() {
        unit.access.begin(0x310, 0x80201000L, DmaAccess.WRITE).as(DmaAccess.AddressType.TRANSLATED);
        unit.chip.translate(unit.access);
        return unit.access.outcome();
    }

    @Test
    void shouldUseEitherEntryUntilTheWait() {
        // VTD-DLY.1, VTD-ORD.6: what is used before the wait behind the command is not a fault of the unit.
        start();
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        write("13008=81003");
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        submit("120032 40201040");
        assertTrue(stale().isEmpty());
    }

    @Test
    void shouldLetAHintKeepWhatLedToTheTableOfAChangedLeaf() {
        // VTD-PG.1
        start();
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        int structures = unit.caches.scalable.secondStageTables.size();
        write("13008=81003");
        submit("120032 40201040");
        assertEquals(structures, unit.caches.scalable.secondStageTables.size());
        assertEquals(0x81abc, read(NO_PASID, SECOND));
        assertEquals(List.of(), stale());
    }

    @Test
    void shouldChangeThePageSizeByWayOfAnAbsentEntry() {
        // VTD-PG.5
        start();
        assertEquals(0x80abc, read(NO_PASID, SECOND));
        write("12008=0");
        submit("120032 40200009");
        assertEquals(-1, read(NO_PASID, SECOND));
        write("12008=300000083");
        assertEquals(0x3_0000_1abcL, read(NO_PASID, SECOND));
        assertEquals(List.of(), stale());
    }

    @Test
    void shouldFaultWhereTheRootTableWasNeverSet() {
        // VTD-SRTP.1: the tables of a root pointer count from SRTP on.
        unit = new ScalableUnit(new ScalableUnit.Recipe()).store(DOCUMENT.image());
        unit.chip.writeRegister(VtdUnit.RTADDR, 8, ScalableUnit.ROOT | 1 << 10);
        unit.translating();
        assertEquals(-1, read(NO_PASID, SECOND));
        unit.root(1, false);
        assertEquals(0x80abc, read(NO_PASID, SECOND));
    }

    @Test
    void shouldChangeTheModeWhileTranslationIsOn() {
        // VTD-SRTP.5, on a unit with ESRTPS
        start();
        write("1038=0 2100=10001,1202");
        assertEquals(0xa0abc, read(PASID, FIRST));
        unit.root(0, false);
        assertEquals(-1, read(PASID, FIRST));
        assertEquals(0x80abc, read(NO_PASID, SECOND));
    }

    @Test
    void shouldFaultWhereProgrammingRulesAreBroken() {
        // VTD-PRG.7: a guest's table beyond the second stage. VTD-PRG.9: a page in the interrupt range.
        start();
        write("5180=100c5 5190=8000000000");
        read(0x346, 0x12345678);
        assertEquals(0x5b, unit.access.faultCode());
        read(NO_PASID, 0x40202010);
        assertEquals(0x87, unit.access.faultCode());
    }
}
