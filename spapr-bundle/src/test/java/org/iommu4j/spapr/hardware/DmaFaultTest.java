package org.iommu4j.spapr.hardware;

import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.spapr.Machine;
import org.iommu4j.spapr.command.FaultReason;
import org.iommu4j.spapr.command.SpaprCall;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Accesses of devices, faults and the stop that follows; docs/spec/spapr-tce.md 3.5, 3.6 and 2.4. */
class DmaFaultTest {
    private static final long L = 0x8000_0000L;
    private static final int PUT = 0x20;
    private static final int SET_EEH_OPTION = 0x2020;
    private static final int READ_STATE = 0x2022;
    private static final int SET_RESET = 0x2023;
    private static final int READ = DmaAccess.READ;
    private static final int WRITE = DmaAccess.WRITE;

    private final Machine machine = Machine.bare(2);

    private void put(long iova, long tce) {
        assertEquals(0, machine.hcall(PUT, L, iova, tce).result());
    }

    private long state() {
        NativeCall call = machine.rtas(READ_STATE, 4, 0, 0, 0);
        assertEquals(0, call.result());
        assertEquals(1, call.word(1));
        return call.word(0);
    }

    private long option(int function) {
        return machine.rtas(SET_EEH_OPTION, 1, 0, 0, 0, function).result();
    }

    private long reset(int function) {
        return machine.rtas(SET_RESET, 1, 0, 0, 0, function).result();
    }

    @ParameterizedTest
    @CsvSource({
        "3, 1, true",
        "3, 2, true",
        "3, 3, true",
        "1, 1, true",
        "1, 2, false",
        "2, 2, true",
        "2, 1, false",
        "1, 3, false"
    })
    void shouldAllowWhatTheControlFieldAllows(int control, int rights, boolean allowed) {
        // quirk 17: a write-only entry is legal and stays write-only.
        put(0x1234_5000, 0x20_0000 | control);
        DmaAccess access = machine.dma(LIOBN, 0x1234_5678, rights);
        if (allowed) {
            assertEquals(Outcome.TRANSLATED, access.outcome());
            assertEquals(0x20_0678, access.spa());
            assertEquals(4096, access.pageBytes());
            assertEquals(control, access.grantedRights());
        } else {
            assertEquals(Outcome.FAULT, access.outcome());
            assertEquals(FaultReason.TCE_ACCESS_FAULT.code(), access.faultCode());
        }
    }

    @Test
    void shouldTranslateARequesterIdThroughItsEndpoint() {
        put(0x1000, 0x20_0003);
        assertEquals(0x20_0010, machine.read(0x0100, 0x1010));
        assertEquals(0x20_0010, machine.read(0xffff, 0x1010));
    }

    @Test
    void shouldRecordAPageFaultAndStopTheEndpoint() {
        // As vector 5, with the default window.
        DmaAccess access = machine.dma(0x0100, 0x14_0000, READ);
        assertEquals(Outcome.FAULT, access.outcome());
        assertEquals(FaultReason.TCE_PAGE_FAULT.code(), access.faultCode());
        assertTrue(access.recorded());
        assertEquals(List.of("02002000010000000000000000140000"), machine.takeEvents());
        assertEquals(2, state());
        assertEquals(List.of(), machine.takeEvents());
    }

    @Test
    void shouldRecordAnAccessFaultOfAWrite() {
        put(0x13_0000, 0x20_0001);
        machine.dma(0x0100, 0x13_0000, WRITE);
        assertEquals(List.of("00001000010000000000000000130000"), machine.takeEvents());
    }

    @Test
    void shouldDropEverythingOfAStoppedEndpointWithoutAnotherRecord() {
        put(0x1000, 0x20_0003);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000));
        machine.dma(0x0100, 0, READ);
        machine.takeEvents();
        assertEquals(Outcome.BLOCKED, machine.dma(LIOBN, 0x1000, READ).outcome());
        assertEquals(Outcome.BLOCKED, machine.dma(0x0200, 0, READ).outcome());
        assertEquals(List.of(), machine.takeEvents());
    }

    @Test
    void shouldRecoverWithoutReset() {
        // vector 29
        put(0x1000, 0x20_0003);
        machine.dma(0x0100, 0, READ);
        assertEquals(2, state());
        assertEquals(-7, option(3), "DMA is released after MMIO");
        assertEquals(0, option(2));
        assertEquals(4, state());
        assertEquals(Outcome.BLOCKED, machine.dma(LIOBN, 0x1000, READ).outcome());
        assertEquals(0, option(3));
        assertEquals(0, state());
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000));
    }

    @ParameterizedTest
    @CsvSource({"1", "3"})
    void shouldRecoverByReset(int function) {
        put(0x1000, 0x20_0003);
        machine.dma(0x0100, 0, READ);
        assertEquals(0, reset(function));
        assertEquals(1, state());
        assertEquals(Outcome.BLOCKED, machine.dma(LIOBN, 0x1000, READ).outcome());
        assertEquals(0, reset(0));
        assertEquals(0, state());
        assertEquals(0, machine.rtas(0x2024, 1, 0, 0, 0).result());
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000), "a reset clears no table");
    }

    @Test
    void shouldKeepWhatIsCachedOverAStopAndAReset() {
        put(0x1000, 0x20_0003);
        machine.read(LIOBN, 0x1000);
        machine.dma(0x0100, 0, READ);
        reset(1);
        reset(0);
        assertTrue(machine.dma(LIOBN, 0x1000, READ).hit());
    }

    @Test
    void shouldRecordButNotStopWithErrorHandlingOff() {
        assertEquals(0, option(0));
        machine.dma(0x0100, 0, READ);
        assertEquals(1, machine.takeEvents().size());
        assertEquals(0, state());
        assertEquals(0, option(1));
        machine.dma(0x0100, 0, READ);
        assertEquals(2, state());
    }

    @Test
    void shouldRefuseUnknownFunctionsAndCells() {
        assertEquals(-3, option(9));
        assertEquals(-3, reset(2));
        assertEquals(-3, machine.rtas(SET_EEH_OPTION, 1, 0, 0, 0).result());
        assertEquals(-3, machine.rtas(READ_STATE, 3, 0, 0, 0).result());
        assertEquals(0, machine.rtas(READ_STATE, 5, 0, 0, 0).result());
        assertEquals(1, machine.rtas(0x2025, 1, 0, 0, 0, 0, 0, 0, 0, 1).result());
        assertEquals(-3, machine.rtas(0x2025, 1, 0, 0, 0, 0, 0, 0, 0, 3).result());
        assertEquals(0x1_0001, machine.rtas(0x2021, 2, 0x1_0000, 0, 0, 0).word(0));
        assertEquals(2, machine.rtas(0x2021, 2, 0x1_0000, 0, 0, 1).word(0));
    }

    @Test
    void shouldKnowItsUnitIdIfItHasOne() {
        Machine named = Machine.bare(new HardwareConfig(
                2, Map.of("pe", Map.of("buid", 0x8000_0002_0000_000L)), Map.of(), CacheConfig.DEFAULT, Map.of()));
        assertEquals(0, named.rtas(READ_STATE, 4, 0, 0x0800_0000L, 0x2000_0000L).result());
        assertEquals(-3, named.rtas(READ_STATE, 4, 0, 0, 1).result());
    }

    @Test
    void shouldNotWrapAnAddressBeyondTheWindow() {
        // quirk 8: QEMU wraps to the start of the table.
        put(0, 0x20_0003);
        DmaAccess access = machine.dma(LIOBN, 0x4000_0000, READ);
        assertEquals(FaultReason.TCE_EXTENT_ERROR.code(), access.faultCode());
        assertEquals(2, state());
    }

    @Test
    void shouldEndAWindowWhereItsSlotEnds() {
        // docs/spec/spapr-tce.md 3.5 step 4: bit 59 selects the slot, of an address in a window too.
        long base = (1L << 59) - 0x1000;
        NativeCall set = machine.hcall(SpaprCall.H_SET_TCE_TABLE, L, 0, base, 12, 20, 1, 0, SpaprCall.HOST_TABLE);
        assertEquals(0, set.result());
        put(base, 0x20_0003);
        put(base + 0x1000, 0x30_0003);
        assertEquals(0x20_0fff, machine.read(LIOBN, base + 0xfff));
        DmaAccess beyond = machine.dma(LIOBN, base + 0x1000, READ);
        assertEquals(FaultReason.TCE_EXTENT_ERROR.code(), beyond.faultCode());
        assertEquals(2, state());
    }

    @Test
    void shouldLetMessagesPass() {
        DmaAccess access = machine.dma(0x0100, 0x1000_0000_0000_0040L, WRITE);
        assertEquals(Outcome.TRANSLATED, access.outcome());
        assertEquals(0, access.pageBytes());
    }

    @Test
    void shouldTakeTheTopOf4GibForMessagesIfTheOptionSaysSo() {
        Machine msi =
                Machine.bare(new HardwareConfig(2, Map.of(), Map.of(), CacheConfig.DEFAULT, Map.of("msi32", "on")));
        assertEquals(Outcome.TRANSLATED, msi.dma(0x0100, 0xffff_0000L, WRITE).outcome());
        assertEquals(Outcome.FAULT, msi.dma(0x0100, 0xfffe_fffcL, WRITE).outcome());
        assertEquals(Outcome.FAULT, machine.dma(0x0100, 0xffff_0000L, WRITE).outcome());
    }

    @Test
    void shouldRefuseAddressesThatAreNeitherDmaNorMessages() {
        assertEquals(
                FaultReason.ADDRESS_INVALID.code(),
                machine.dma(0x0100, 0x2000_0000_0000_0000L, READ).faultCode());
    }

    @Test
    void shouldHaveNoSecondWindow() {
        assertEquals(
                FaultReason.NO_WINDOW.code(),
                machine.dma(0x0100, 1L << 59, READ).faultCode());
    }

    @Test
    void shouldAbortWhatTheModelDoesNotHave() {
        put(0, 0x20_0003);
        DmaAccess pasid = new DmaAccess().begin(0x0100, 0, READ).withPasid(5);
        machine.chip().translate(pasid);
        assertEquals(Outcome.BLOCKED, pasid.outcome());
        DmaAccess ats = new DmaAccess().begin(0x0100, 0, READ).as(DmaAccess.AddressType.TRANSLATION_REQUEST);
        machine.chip().translate(ats);
        assertEquals(Outcome.BLOCKED, ats.outcome());
        assertEquals(Outcome.BLOCKED, machine.dma(LIOBN + 1, 0, READ).outcome());
        assertEquals(Outcome.BLOCKED, machine.dma(0x1_0000, 0, READ).outcome());
        assertEquals(0, state());
    }

    @Test
    void shouldReplaceAnEntryWithoutAFaultInBetween() {
        // vector 27
        put(0x1234_5000, 0x20_0003);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1234_5000));
        put(0x1234_5000, 0x30_0003);
        assertEquals(0x30_0000, machine.read(LIOBN, 0x1234_5000));
    }

    @Test
    void shouldUseWhatIsCachedUntilACallDropsIt() {
        // vector 28, on the generations without a kill register
        put(0x1234_5000, 0x20_0003);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1234_5000));
        NativeCall query = machine.hcall(0xf101, -1, 0);
        machine.memory().writeLongBe(query.word(5) + 8 * 0x12345L, 0x30_0003);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1234_5000), "stale, and legal");
        machine.hcall(0x1c, L, 0x1234_5000);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1234_5000), "reading an entry drops nothing");
        put(0x1234_6000, 0x40_0003);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1234_5000), "other pages are kept");
        put(0x1234_5000, 0x30_0003);
        assertEquals(0x30_0000, machine.read(LIOBN, 0x1234_5000));
    }

    @Test
    void shouldNotCacheWhatAllowsNothing() {
        option(0);
        machine.dma(LIOBN, 0x1000, READ);
        NativeCall query = machine.hcall(0xf101, -1, 0);
        machine.memory().writeLongBe(query.word(5) + 8, 0x30_0003);
        assertEquals(0x30_0000, machine.read(LIOBN, 0x1000));
        assertFalse(machine.chip().counters().hits() > 0);
    }
}
