package org.iommu4j.arm.hardware;

import static org.iommu4j.arm.hardware.SmmuUnit.CMDQEN;
import static org.iommu4j.arm.hardware.SmmuUnit.CMDQ_BASE;
import static org.iommu4j.arm.hardware.SmmuUnit.CMDQ_CONS;
import static org.iommu4j.arm.hardware.SmmuUnit.CMDQ_PROD;
import static org.iommu4j.arm.hardware.SmmuUnit.CR0;
import static org.iommu4j.arm.hardware.SmmuUnit.CR0ACK;
import static org.iommu4j.arm.hardware.SmmuUnit.CR2;
import static org.iommu4j.arm.hardware.SmmuUnit.EVENTQEN;
import static org.iommu4j.arm.hardware.SmmuUnit.EVENTQ_BASE;
import static org.iommu4j.arm.hardware.SmmuUnit.EVENTQ_CONS;
import static org.iommu4j.arm.hardware.SmmuUnit.EVENTQ_PROD;
import static org.iommu4j.arm.hardware.SmmuUnit.GBPA;
import static org.iommu4j.arm.hardware.SmmuUnit.GERROR;
import static org.iommu4j.arm.hardware.SmmuUnit.GERRORN;
import static org.iommu4j.arm.hardware.SmmuUnit.IRQ_CTRL;
import static org.iommu4j.arm.hardware.SmmuUnit.IRQ_CTRLACK;
import static org.iommu4j.arm.hardware.SmmuUnit.SMMUEN;
import static org.iommu4j.arm.hardware.SmmuUnit.STRTAB_BASE;
import static org.iommu4j.arm.hardware.SmmuUnit.STRTAB_BASE_CFG;
import static org.iommu4j.arm.hardware.SmmuUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.iommu4j.backend.PageRequest;
import org.junit.jupiter.api.Test;

/** Registers with their handshakes, queues with their errors, stalls and page requests: IHI 0070 6.3, 7 and 8. */
class SmmuRegisterTest {
    private static final long SYNC = 0x46;
    private static final int STREAM = 0x1A8;

    @Test
    void shouldAcknowledgeWhatItIsToldAndKeepAbsentFunctionsOff() {
        SmmuUnit unit = recipe().generation(SmmuGeneration.V3_0).make();
        unit.write(CR0, 0x1FF);
        assertEquals(SMMUEN | EVENTQEN | CMDQEN, unit.read(CR0));
        assertEquals(unit.read(CR0), unit.read(CR0ACK));
        unit.write(IRQ_CTRL, 7);
        assertEquals(5, unit.read(IRQ_CTRLACK));
        unit.write(CR0, 0);
        unit.write(CR2, 0xF);
        assertEquals(2, unit.read(CR2));
        // GBPA counts only with Update.
        unit.write(GBPA, 1 << 20);
        assertEquals(0x1000, unit.read(GBPA));
        unit.write(GBPA, 1L << 31 | 1 << 20);
        assertEquals(1 << 20, unit.read(GBPA));
        assertEquals(
                Outcome.BLOCKED,
                unit.dma(STREAM, -1, 0x1000, DmaAccess.READ, false).outcome());
    }

    @Test
    void shouldIgnoreWritesWhileAFunctionIsOnUnlessAnOldChipTakesThem() {
        for (boolean applies : new boolean[] {false, true}) {
            SmmuUnit.Recipe recipe = recipe().generation(SmmuGeneration.V3_1);
            SmmuUnit unit = (applies ? recipe.option("legacy-guards", "apply") : recipe)
                    .make()
                    .translating(true);
            for (int register : new int[] {STRTAB_BASE, CMDQ_BASE, EVENTQ_BASE}) {
                long before = unit.read8(register);
                unit.write8(register, 0x5000_0000L);
                assertEquals(applies ? 0x5000_0000L : before, unit.read8(register));
            }
            long before = unit.read(STRTAB_BASE_CFG);
            unit.write(STRTAB_BASE_CFG, 4);
            assertEquals(applies ? 4 : before, unit.read(STRTAB_BASE_CFG));
            unit.write(CR2, 0);
            assertEquals(applies ? 0 : 2, unit.read(CR2));
        }
    }

    @Test
    void shouldStopAtAnIllegalCommandUntilItIsAcknowledged() {
        SmmuUnit unit = recipe().make().queues();
        unit.write(IRQ_CTRL, 1);
        unit.store(SmmuUnit.COMMANDS, SYNC, 0, 0xFE, 0, SYNC, 0);
        unit.write(CMDQ_PROD, 3);
        assertEquals(1 << 24 | 1, unit.read(CMDQ_CONS));
        assertEquals(1, unit.read(GERROR));
        assertEquals(1, unit.interrupts.size());
        unit.write(CMDQ_PROD, 3);
        assertEquals(1 << 24 | 1, unit.read(CMDQ_CONS));
        unit.store(SmmuUnit.COMMANDS + 16, SYNC, 0);
        unit.write(GERRORN, 1);
        assertEquals(3, unit.read(CMDQ_CONS) & 0xFFFFF);
        // The next error flips the bit back.
        unit.store(SmmuUnit.COMMANDS + 48, 0xFE, 0);
        unit.write(CMDQ_PROD, 4);
        assertEquals(0, unit.read(GERROR));
        unit.store(SmmuUnit.COMMANDS + 48, SYNC, 0);
        unit.write(GERRORN, 0);
        assertEquals(4, unit.read(CMDQ_CONS) & 0xFFFFF);
    }

    @Test
    void shouldStopWhereACommandCannotBeFetchedAndFetchItAgain() {
        SmmuUnit unit = recipe().make().queues();
        unit.machine.aborting.add(SmmuUnit.COMMANDS);
        unit.store(SmmuUnit.COMMANDS, SYNC, 0);
        unit.write(CMDQ_PROD, 1);
        assertEquals(2 << 24, unit.read(CMDQ_CONS));
        unit.machine.aborting.clear();
        unit.write(GERRORN, 1);
        assertEquals(1, unit.read(CMDQ_CONS) & 0xFFFFF);
    }

    @Test
    void shouldWrapAndTellFullFromEmpty() {
        // V23: LOG2SIZE 3
        SmmuUnit unit = recipe().make();
        for (int slot = 0; slot < 8; slot++) {
            unit.store(SmmuUnit.COMMANDS + 16L * slot, SYNC, 0);
        }
        unit.write8(CMDQ_BASE, SmmuUnit.COMMANDS | 3);
        unit.write(CMDQ_CONS, 5);
        unit.write(CMDQ_PROD, 0xA);
        unit.write(CR0, CMDQEN);
        assertEquals(5, unit.chip.counters().commands());
        assertEquals(0xA, unit.read(CMDQ_CONS));
        unit.write(CMDQ_PROD, 0x2);
        assertEquals(13, unit.chip.counters().commands());
        // More than a lap apart: nothing is consumed.
        unit.write(CMDQ_PROD, 0xB);
        assertEquals(13, unit.chip.counters().commands());
    }

    @Test
    void shouldSignalTheCompletionAsTheCommandSays() {
        SmmuUnit unit = recipe().make().queues();
        unit.accepted(0x0000cafe0fc01046L, 0x12345004L);
        assertEquals(0xcafe, unit.machine.all.readIntLe(0x12345004L));
        assertEquals(0, unit.interrupts.size());
        unit.accepted(0x0fc01046L, 0);
        assertEquals(1, unit.interrupts.size());
        unit.accepted(0x0fc02046L, 0x12345000L);
        assertEquals(0, unit.machine.all.readIntLe(0x12345000L));
        unit.machine.aborting.add(0x12345000L);
        unit.command(0x0fc01046L, 0x12345000L);
        assertEquals(1 << 4, unit.read(GERROR));
        assertEquals(3 + 1, unit.read(CMDQ_CONS));
    }

    @Test
    void shouldFailTheNextSyncAfterADeviceThatDidNotAnswer() {
        SmmuUnit unit = recipe().make().translating(true);
        unit.devicesAnswer = false;
        unit.accepted(0x1a800005840L, 0x8003);
        assertEquals(List.of("424", "5", "32768", "32768"), text(unit.deviceInvalidations.get(0)));
        unit.command(SYNC, 0);
        assertEquals(3 << 24 | 1, unit.read(CMDQ_CONS));
        unit.write(GERRORN, 1);
        assertEquals(2, unit.read(CMDQ_CONS) & 0xFFFFF);
    }

    private static List<String> text(long[] numbers) {
        return Arrays.stream(numbers).mapToObj(Long::toString).toList();
    }

    private static void fault(SmmuUnit unit) {
        unit.dma(0x1AD, -1, 0x1000, DmaAccess.READ, false);
    }

    @Test
    void shouldFlipTheOverflowFlagOnceAndGoOnWritingWhenThereIsRoom() {
        SmmuUnit unit = recipe().make();
        unit.write8(EVENTQ_BASE, SmmuUnit.EVENTS | 1);
        unit.write8(STRTAB_BASE, 0x10000000L);
        unit.write(STRTAB_BASE_CFG, 9);
        unit.write(CR0, SMMUEN | EVENTQEN);
        for (int i = 0; i < 4; i++) {
            fault(unit);
        }
        assertEquals(1L << 31 | 2, unit.read(EVENTQ_PROD));
        unit.write(EVENTQ_CONS, 1);
        fault(unit);
        assertEquals(1L << 31 | 3, unit.read(EVENTQ_PROD));
        unit.write(EVENTQ_CONS, 1L << 31 | 1);
        fault(unit);
        assertEquals(3, unit.read(EVENTQ_PROD));
    }

    @Test
    void shouldStopWritingEventsAfterAnAbortUntilItIsAcknowledged() {
        SmmuUnit unit = recipe().make().translating(true);
        unit.machine.aborting.add(SmmuUnit.EVENTS);
        fault(unit);
        assertEquals(1 << 2, unit.read(GERROR));
        assertEquals(0, unit.read(EVENTQ_PROD));
        unit.machine.aborting.clear();
        fault(unit);
        assertEquals(0, unit.read(EVENTQ_PROD));
        unit.write(GERRORN, 1 << 2);
        fault(unit);
        assertEquals(1, unit.read(EVENTQ_PROD));
    }

    private static SmmuUnit stalling() {
        SmmuUnit unit = recipe().idr("HTTU", 0).make();
        new SpecificationVectors().image().forEach((address, word) -> unit.store(address, word));
        return unit.translating(true);
    }

    @Test
    void shouldResumeAStalledTransactionOnceItsPageIsThere() {
        SmmuUnit unit = stalling();
        unit.dma(STREAM, 9, 0x1234577000L, DmaAccess.WRITE, true);
        unit.dma(STREAM, 9, 0x1234578000L, DmaAccess.WRITE, true);
        List<long[]> events = unit.events();
        assertEquals(2, events.size());
        assertEquals(0x0000020280000000L, events.get(0)[1]);
        assertEquals(0x0000020280000001L, events.get(1)[1]);
        assertEquals(2, unit.chip.stalled());
        // Another stream's tag has no effect.
        unit.accepted(0x000001a900001044L, 0);
        assertEquals(2, unit.chip.stalled());
        unit.store(0x43000bb8L, 0x0000000087654f47L);
        unit.accepted(0x000001a800001044L, 0);
        assertEquals(1, unit.chip.stalled());
        assertTrue(unit.events().isEmpty());
        // Still no page: it stalls anew, with a record of its own.
        unit.accepted(0x000001a800001044L, 1);
        assertEquals(1, unit.chip.stalled());
        assertEquals(1, unit.events().size());
        unit.accepted(0x000001a800000045L, 0);
        assertEquals(0, unit.chip.stalled());
    }

    @Test
    void shouldKeepTheRecordOfAStallUntilTheQueueIsWritable() {
        SmmuUnit unit = stalling();
        unit.write(CR0, SMMUEN | CMDQEN);
        unit.dma(STREAM, 9, 0x1234577000L, DmaAccess.WRITE, true);
        assertEquals(1, unit.chip.stalled());
        assertEquals(0, unit.read(EVENTQ_PROD));
        unit.write(CR0, SMMUEN | CMDQEN | EVENTQEN);
        assertEquals(1, unit.read(EVENTQ_PROD));
        unit.write(CR0, CMDQEN | EVENTQEN);
        assertEquals(0, unit.chip.stalled());
    }

    @Test
    void shouldQueuePageRequestsAndAnswerThemItselfAfterAnOverflow() {
        // V50
        SmmuUnit unit = recipe().make();
        unit.write8(SmmuUnit.PRIQ_BASE, 0x0D000000L);
        unit.write(CR0, SmmuUnit.PRIQEN);
        PageRequest last = pageRequest(5, true);
        assertEquals(PageRequest.Outcome.INVALID, unit.chip.request(last));
        unit.write(CR0, SmmuUnit.PRIQEN | SMMUEN);
        assertEquals(PageRequest.Outcome.QUEUED, unit.chip.request(last));
        assertEquals(1L << 62 | 1L << 60 | 1L << 63 | STREAM, unit.machine.all.readLongLe(0x0D000000L));
        assertEquals(0x10005, unit.machine.all.readLongLe(0x0D000008L));
        assertEquals(PageRequest.Outcome.ANSWERED, unit.chip.request(last));
        assertEquals(1L << 31 | 1, unit.read(SmmuUnit.PRIQ_PROD));
        unit.write(SmmuUnit.PRIQ_CONS, 1);
        assertEquals(PageRequest.Outcome.ANSWERED, unit.chip.request(last));
        assertEquals(PageRequest.Outcome.DROPPED, unit.chip.request(pageRequest(6, false)));
        unit.write(SmmuUnit.PRIQ_CONS, 1L << 31 | 1);
        assertEquals(PageRequest.Outcome.QUEUED, unit.chip.request(last));
    }

    private static PageRequest pageRequest(int group, boolean last) {
        return new PageRequest(STREAM, 0, 0x10000, true, false, false, false, last, group);
    }

    private static DmaAccess request(SmmuUnit unit, int streamId, int substream, long address, boolean writes) {
        int rights = writes ? DmaAccess.READ | DmaAccess.WRITE : DmaAccess.READ;
        unit.access.begin(streamId, address, rights).withPasid(substream).as(AddressType.TRANSLATION_REQUEST);
        unit.chip.translate(unit.access);
        return unit.access;
    }

    @Test
    void shouldAnswerTranslationRequests() {
        // V195 to V198
        SmmuUnit unit = stalling();
        assertEquals(3, request(unit, STREAM, 5, 0x1234567000L, true).grantedRights());
        assertEquals(0x87654000L, unit.access.spa());
        assertEquals(1, request(unit, STREAM, 5, 0x1234567000L, false).grantedRights());
        assertEquals(1, request(unit, STREAM, 5, 0x1234569000L, true).grantedRights());
        assertEquals(0x87656000L, unit.access.spa());
        assertEquals(
                Outcome.FAULT, request(unit, STREAM, 5, 0x1234577000L, true).outcome());
        assertEquals(false, unit.access.recorded());
        // V199: CD.V=0 with REC_CFG_ATS=0
        assertEquals(0x0A, request(unit, STREAM, 0xC, 0x1000, true).faultCode());
        assertEquals(false, unit.access.recorded());
        // V201 and V202
        request(unit, 0x1A9, -1, 0x87654000L, true);
        long[] event = unit.events().get(0);
        assertEquals(0x000001a900000005L, event[0]);
        assertEquals(0x00000000c0000001L, event[1]);
        assertEquals(0x0000000087654000L, event[2]);
        assertEquals(Outcome.BLOCKED, request(unit, 0x1AC, -1, 0x1000, true).outcome());
        // V203
        unit.write(CR0, CMDQEN | EVENTQEN);
        request(unit, STREAM, -1, 0x1234567000L, false);
        event = unit.events().get(0);
        assertEquals(0x000001a800000005L, event[0]);
        assertEquals(0x0000000080000001L, event[1]);
        // V200: recorded with REC_CFG_ATS=1
        unit.write(CR2, 2 | 8);
        unit.write(CR0, CMDQEN | EVENTQEN | SMMUEN);
        request(unit, STREAM, 0xC, 0x1000, true);
        assertEquals(0x000001a80000c80aL, unit.events().get(0)[0]);
    }

    @Test
    void shouldCheckTranslatedTransactionsOnlyIfItIsToldTo() {
        SmmuUnit unit = stalling();
        assertEquals(0x87654abcL, translated(unit, 0x1A9).spa());
        unit.write(CR0, CMDQEN | EVENTQEN | SMMUEN | SmmuUnit.ATSCHK);
        assertEquals(Outcome.TRANSLATED, translated(unit, STREAM).outcome());
        assertEquals(7, translated(unit, 0x1A9).faultCode());
        assertEquals(0x000001a900000007L, unit.events().get(0)[0]);
    }

    private static DmaAccess translated(SmmuUnit unit, int streamId) {
        unit.access.begin(streamId, 0x87654abcL, DmaAccess.READ).as(AddressType.TRANSLATED);
        unit.chip.translate(unit.access);
        return unit.access;
    }

    @Test
    void shouldGoOnFromASavedState() {
        SmmuUnit unit = stalling();
        unit.dma(STREAM, 9, 0x1234577000L, DmaAccess.WRITE, true);
        SimulatedSmmu restored = SimulatedSmmu.restore(unit.chip.save(), unit.machine);
        assertEquals(1, restored.stalled());
        assertEquals(unit.chip.save(), restored.save());
        unit.access.begin(STREAM, 0x1234567abcL, DmaAccess.READ).withPasid(5);
        restored.translate(unit.access);
        assertEquals(0x87654abcL, unit.access.spa());
    }
}
