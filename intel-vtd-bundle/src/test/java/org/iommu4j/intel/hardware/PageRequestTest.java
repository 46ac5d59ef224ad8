package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Requests for pages, docs/spec/intel-vtd.md 3.15 and 8.11: records, events, overflow and what is dropped of the caches. */
class PageRequestTest {
    private static final ScalableVectors DOCUMENT = new ScalableVectors();
    private static final long QUEUE = 0x200_0000L;
    private static final int PQH = 0xc0;
    private static final int PQT = 0xc8;
    private static final int PQA = 0xd0;
    private static final int PRS = 0xdc;
    private static final int PECTL = 0xe0;
    private static final int PPR = 1;
    private static final int PRO = 2;
    private static final int RECORDS = 128;
    private static final PageRequest WRITE =
            new PageRequest(0x310, 0x345, 0x7f0000201abcL, false, true, false, false, true, 7);

    private ScalableUnit unit;

    @BeforeEach
    void makeUnit() {
        unit = new ScalableUnit(new ScalableUnit.Recipe()).store(DOCUMENT.image());
        unit.root(1, false);
        unit.translating().queueing(true);
        unit.chip.writeRegister(PQA, 8, QUEUE);
    }

    private String record(int number) {
        long at = QUEUE + number * 32L;
        assertEquals(0, unit.memory.readLongLe(at + 16));
        assertEquals(0, unit.memory.readLongLe(at + 24));
        return String.format("%016x %016x", unit.memory.readLongLe(at), unit.memory.readLongLe(at + 8));
    }

    @Test
    void shouldWriteTheRecordsOfTheDocument() {
        assertEquals(Outcome.QUEUED, unit.chip.request(WRITE));
        assertEquals("0000034503100101 00007f000020103e", record(0));
        PageRequest both =
                new PageRequest(0x310, DmaAccess.NO_PASID, 0x40201000, true, true, false, false, false, 0x1ff);
        assertEquals(Outcome.QUEUED, unit.chip.request(both));
        assertEquals("0000000003100001 0000000040201ffb", record(1));
        PageRequest stop = new PageRequest(0x310, 0x345, 0, false, false, false, false, true, 0);
        assertEquals(Outcome.QUEUED, unit.chip.request(stop));
        assertEquals("0000034503100101 0000000000000004", record(2));
        assertEquals(0x60, unit.chip.readRegister(PQT, 8));
    }

    @Test
    void shouldRaiseTheEventOnceUntilSoftwareHasCleared() {
        unit.chip.writeRegister(PECTL + 8, 4, 0xfee01000L);
        unit.chip.writeRegister(PECTL + 4, 4, 0x41);
        unit.chip.writeRegister(PECTL, 4, 0);
        unit.chip.request(WRITE);
        unit.chip.request(WRITE);
        assertEquals(1, unit.interrupts.size());
        assertEquals(0xfee01000L, unit.interrupts.get(0)[0]);
        assertEquals(0x41, unit.interrupts.get(0)[1]);
        unit.chip.writeRegister(PRS, 4, PPR);
        assertEquals(0, unit.chip.readRegister(PRS, 4));
        unit.chip.request(WRITE);
        assertEquals(2, unit.interrupts.size());
    }

    @Test
    void shouldAnswerItselfWhileThereIsNoRoom() {
        for (int i = 0; i < RECORDS - 1; i++) {
            assertEquals(Outcome.QUEUED, unit.chip.request(WRITE));
        }
        assertEquals(Outcome.ANSWERED, unit.chip.request(WRITE));
        assertEquals(PPR | PRO, unit.chip.readRegister(PRS, 4));
        PageRequest more = new PageRequest(0x310, 0x345, 0x1000, true, false, false, false, false, 7);
        assertEquals(Outcome.DROPPED, unit.chip.request(more));
        unit.chip.writeRegister(PQH, 8, 0x20);
        assertEquals(Outcome.ANSWERED, unit.chip.request(WRITE));
        unit.chip.writeRegister(PRS, 4, PRO);
        assertEquals(Outcome.QUEUED, unit.chip.request(WRITE));
        assertEquals(0, unit.chip.readRegister(PQT, 8));
    }

    @Test
    void shouldDropWhatPassesThroughOfThePage() {
        // V245
        unit.dma(0x310, 0x347, 0x40201abcL, DmaAccess.READ);
        assertEquals(1, unit.caches.scalable.secondStage.size());
        unit.chip.request(new PageRequest(0x310, 0x347, 0x40201000L, true, false, false, false, true, 1));
        assertEquals(0, unit.caches.scalable.secondStage.size());
    }

    @Test
    void shouldDropWhatIsCachedOfThePage() {
        // V242 to V244
        unit.dma(0x310, 0x345, 0x7f0000201abcL, DmaAccess.READ);
        assertEquals(DmaAccess.Outcome.TRANSLATED, unit.access.outcome());
        assertNotEquals(0, unit.caches.scalable.firstStage.size());
        unit.chip.request(WRITE);
        assertEquals(0, unit.caches.scalable.firstStage.size());
        assertEquals(0, unit.caches.scalable.firstStageTables.size());
        unit.dma(0x310, DmaAccess.NO_PASID, 0x40201abcL, DmaAccess.READ);
        assertEquals(1, unit.caches.scalable.secondStage.size());
        unit.chip.request(new PageRequest(0x310, DmaAccess.NO_PASID, 0x40201000L, true, false, false, false, true, 1));
        assertEquals(0, unit.caches.scalable.secondStage.size());
        unit.dma(0x310, 0x346, 0x12345678L, DmaAccess.READ);
        assertNotEquals(0, unit.caches.scalable.secondStageTables.size());
        unit.chip.request(new PageRequest(0x310, 0x346, 0x1000, true, false, false, false, true, 1));
        assertEquals(0, unit.caches.scalable.secondStageTables.size());
        assertEquals(0, unit.caches.scalable.firstStage.size());
    }

    @Test
    void shouldTakeNoRequestWhileTranslationIsOff() {
        ScalableUnit off = new ScalableUnit(new ScalableUnit.Recipe());
        off.root(1, false);
        assertEquals(Outcome.DROPPED, off.chip.request(WRITE));
        assertEquals(0, off.faults().size());
    }
}
