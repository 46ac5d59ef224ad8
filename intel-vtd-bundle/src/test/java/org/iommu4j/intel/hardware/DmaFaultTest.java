package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.BOTH;
import static org.iommu4j.intel.hardware.VtdUnit.DEVICE;
import static org.iommu4j.intel.hardware.VtdUnit.DOMAIN;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.WRITE;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.TableBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Every fault reason of legacy mode, and what passes just beside it. */
class DmaFaultTest {
    private static final long FPD = 2;
    private static final long NOWHERE = 0x7000_0000_0000L;

    private static VtdUnit.Recipe smallMemory() {
        return recipe().ram(0x100_0000);
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldFaultAtTheRootEntry(CacheConfig cache) {
        VtdUnit unit = recipe().cache(cache).host(39).make().translating();
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_NOT_PRESENT);
        long root = unit.root + 3 * 16;
        unit.memory.writeLongLe(root, 0x5003);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_RESERVED);
        unit.memory.writeLongLe(root, 0x5001);
        unit.memory.writeLongLe(root + 8, 1);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_RESERVED);
        unit.memory.writeLongLe(root + 8, 0);
        unit.memory.writeLongLe(root, 1L << 39 | 1);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_RESERVED);
        unit.memory.writeLongLe(root, 0x5001);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.CONTEXT_NOT_PRESENT);
    }

    @Test
    void shouldFaultWhenRootOrContextTableCannotBeRead() {
        VtdUnit unit = smallMemory().make();
        unit.root = NOWHERE;
        unit.translating();
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_ACCESS);
        assertTrue(unit.access.recorded());
        unit = smallMemory().make();
        unit.tables.setRoot(unit.root, 3, NOWHERE);
        unit.translating();
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.CONTEXT_ACCESS);
    }

    @ParameterizedTest
    @CsvSource({
        // low bits of word 0, word 1, result; AW=1 is 39 bits, SAGAW has 39 and 48.
        "0x0, 0x1201, CONTEXT_NOT_PRESENT",
        "0x2, 0x1201, CONTEXT_NOT_PRESENT",
        "0x11, 0x1201, CONTEXT_RESERVED",
        "0x801, 0x1201, CONTEXT_RESERVED",
        "0x1, 0x1281, CONTEXT_RESERVED",
        "0x1, 0x1001201, CONTEXT_RESERVED",
        "0x1, 0x1200, CONTEXT_INVALID",
        "0x1, 0x1203, CONTEXT_INVALID",
        "0x1, 0x1204, CONTEXT_INVALID",
        "0xd, 0x1201, CONTEXT_INVALID",
        "0x5, 0x1279, READ_DENIED",
        "0x1, 0x1202, READ_DENIED",
    })
    void shouldFaultAtTheContextEntry(String low, String high, FaultReason reason) {
        VtdUnit unit = recipe().make();
        long table = unit.tables.newTable();
        unit.tables.setContext(unit.root, DEVICE, Long.decode(low) | table, Long.decode(high));
        unit.translating();
        unit.assertFaults(DEVICE, 0x1000, READ, reason);
        assertEquals((Long.decode(low) & FPD) == 0, unit.access.recorded());
    }

    @Test
    void shouldFaultWhenTheTranslationTypeHasNoCapability() {
        VtdUnit unit = recipe().ecap("DT", 0).ecap("PT", 0).make();
        unit.attach(DEVICE, DOMAIN, 1, ContextEntry.DEVICE_TLB, 0x5000);
        unit.attach(DEVICE + 1, DOMAIN, 1, ContextEntry.PASS_THROUGH, 0);
        unit.translating();
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.CONTEXT_INVALID);
        unit.assertFaults(DEVICE + 1, 0x1000, READ, FaultReason.CONTEXT_INVALID);
    }

    @ParameterizedTest
    @CsvSource({
        // V36 first.
        "1, 48, 0x8000000000, true",
        "1, 48, 0x7ffffff000, false",
        "1, 36, 0x1000000000, true",
        "1, 36, 0xfffffffff, false",
        "2, 48, 0x1000000000000, true",
        "2, 48, 0xffffffffffff, false",
        "2, 48, 0xfffffffffffff000, true",
    })
    void shouldFaultBeyondTheWidth(int aw, int mgaw, String iova, boolean beyond) {
        VtdUnit unit = recipe().cap("MGAW", mgaw - 1).make();
        unit.attach(DEVICE, DOMAIN, aw);
        unit.translating();
        unit.assertFaults(
                DEVICE,
                Long.parseUnsignedLong(iova.substring(2), 16),
                READ,
                beyond ? FaultReason.ADDRESS_BEYOND_WIDTH : FaultReason.READ_DENIED);
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldCheckPermissionsOnEveryLevelInCacheAndTables(CacheConfig cache) {
        VtdUnit unit = recipe().cache(cache).make();
        long table = unit.attach(DEVICE, DOMAIN, 2);
        unit.tables.map(table, 4, 0x1000, 0x5000, 1, READ);
        unit.tables.map(table, 4, 0x2000, 0x6000, 1, WRITE);
        unit.tables.map(table, 4, 0x4000_0000L, 0x7000, 1, BOTH);
        long second = TableBuilder.entryAddress(unit.memory.readLongLe(table) & ~0xfffL, 0x4000_0000L, 3);
        unit.memory.writeLongLe(second, unit.memory.readLongLe(second) & ~2L);
        unit.translating();
        for (int i = 0; i < 3; i++) {
            unit.assertTranslates(DEVICE, 0x1234, READ, 0x5234);
            unit.assertFaults(DEVICE, 0x1234, WRITE, FaultReason.WRITE_DENIED);
            unit.assertFaults(DEVICE, 0x1234, BOTH, FaultReason.WRITE_DENIED);
            unit.assertTranslates(DEVICE, 0x2000, WRITE, 0x6000);
            unit.assertFaults(DEVICE, 0x2000, READ, FaultReason.READ_DENIED);
            unit.assertTranslates(DEVICE, 0x4000_0008L, READ, 0x7008);
            assertEquals(READ, unit.access.grantedRights());
            unit.assertFaults(DEVICE, 0x4000_0008L, WRITE, FaultReason.WRITE_DENIED);
            unit.assertFaults(DEVICE, 0x3000, WRITE, FaultReason.WRITE_DENIED);
            unit.assertFaults(DEVICE, 0x3000, READ, FaultReason.READ_DENIED);
        }
    }

    @Test
    void shouldNeedBothRightsForAnAtomicOp() {
        VtdUnit unit = recipe().make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, READ);
        unit.tables.map(table, 3, 0x2000, 0x6000, 1, WRITE);
        unit.tables.map(table, 3, 0x3000, 0x7000, 1, BOTH);
        unit.translating();
        unit.chip.translate(unit.access.begin(DEVICE, 0x1000, READ).asAtomic());
        unit.assertFault(FaultReason.WRITE_DENIED);
        unit.chip.translate(unit.access.begin(DEVICE, 0x2000, READ).asAtomic());
        unit.assertFault(FaultReason.READ_DENIED);
        unit.chip.translate(unit.access.begin(DEVICE, 0x3000, READ).asAtomic());
        assertEquals(Outcome.TRANSLATED, unit.access.outcome());
    }

    @Test
    void shouldPassZeroLengthReadsOfWriteOnlyPagesOnlyWithZlr() {
        for (int zlr = 0; zlr <= 1; zlr++) {
            VtdUnit unit = recipe().cap("ZLR", zlr).make();
            long table = unit.attach(DEVICE, DOMAIN, 1);
            unit.tables.map(table, 3, 0x2000, 0x6000, 1, WRITE);
            unit.translating();
            for (int i = 0; i < 2; i++) {
                unit.chip.translate(unit.access.begin(DEVICE, 0x2000, READ).withLength(0));
                assertEquals(zlr == 1 ? Outcome.TRANSLATED : Outcome.FAULT, unit.access.outcome());
            }
            unit.chip.translate(unit.access.begin(DEVICE, 0x3000, READ).withLength(0));
            unit.assertFault(FaultReason.READ_DENIED);
            unit.assertFaults(DEVICE, 0x2000, READ, FaultReason.READ_DENIED);
        }
    }

    @Test
    void shouldTellTopTableFromOthersWhenTheyCannotBeRead() {
        VtdUnit unit = smallMemory().make();
        unit.attach(DEVICE, DOMAIN, 1, ContextEntry.UNTRANSLATED_ONLY, NOWHERE);
        long table = unit.attach(DEVICE + 1, DOMAIN + 1, 1);
        unit.memory.writeLongLe(table, TableBuilder.tableEntry(NOWHERE));
        unit.translating();
        for (int i = 0; i < 2; i++) {
            unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.CONTEXT_INVALID);
            unit.assertFaults(DEVICE + 1, 0x1000, READ, FaultReason.PAGING_ENTRY_ACCESS);
        }
    }

    @ParameterizedTest
    @CsvSource({
        // level, entry, capability and its value, legal
        "2, 0x40001083, SSLPS, 3, false", // V38
        "2, 0x40000083, SSLPS, 3, true",
        "2, 0x40000083, SSLPS, 2, false",
        "3, 0x40000083, SSLPS, 2, true",
        "3, 0x40200083, SSLPS, 3, false",
        "3, 0x40000083, SSLPS, 1, false",
        "4, 0x40000083, SSLPS, 15, false",
        "1, 0x40001083, SSLPS, 0, true",
        "1, 0x40001003, SC, 0, true",
        "1, 0x40001803, SC, 1, true",
        "1, 0x40001803, SC, 0, false",
        "2, 0x40000883, SC, 1, true",
        "2, 0x40000803, SC, 1, false",
        "1, 0xbff000004000107b, SC, 1, true",
        "1, 0x4000000040001003, DT, 1, false",
        "1, 0x4000000040001003, DT, 0, false",
        "2, 0x4000000040000003, DT, 1, false",
        "1, 0x0008000040001003, SC, 1, false",
        "1, 0x0001000040001003, SC, 1, false",
    })
    void shouldCheckReservedBitsOfPagingEntries(int level, String word, String capability, long value, boolean legal) {
        VtdUnit.Recipe recipe = recipe();
        VtdUnit unit =
                (capability.equals("SSLPS") ? recipe.cap(capability, value) : recipe.ecap(capability, value)).make();
        long table = unit.attach(DEVICE, DOMAIN, 2);
        unit.tables.map(table, 4, 0, 0x5000, 1, BOTH);
        long at = table;
        for (int above = 4; above > level; above--) {
            at = unit.memory.readLongLe(at) & 0xffff_ffff_f000L;
        }
        long entry = Long.parseUnsignedLong(word.substring(2), 16);
        unit.memory.writeLongLe(at, entry);
        unit.translating();
        if (legal) {
            unit.assertTranslates(DEVICE, 0x123, READ, 0x4000_0123L + (level == 1 ? 0x1000 : 0));
        } else {
            unit.assertFaults(DEVICE, 0x123, READ, FaultReason.PAGING_ENTRY_RESERVED);
            unit.memory.writeLongLe(at, entry & ~2L);
            unit.assertFaults(DEVICE, 0x123, WRITE, FaultReason.WRITE_DENIED);
        }
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldTranslateThroughEveryDepthAndSize(CacheConfig cache) {
        for (int aw = 1; aw <= 3; aw++) {
            int levels = aw + 2;
            for (int leaf = 1; leaf <= Math.min(3, levels); leaf++) {
                VtdUnit unit = recipe().cache(cache)
                        .cap("SAGAW", 0xe)
                        .cap("MGAW", 56)
                        .host(52)
                        .make();
                long table = unit.attach(DEVICE, DOMAIN, aw);
                long size = 1L << (12 + 9 * (leaf - 1));
                long iova = (1L << (30 + 9 * aw - 1)) + size;
                unit.tables.map(table, levels, iova, 0xc_0000_0000_0000L, leaf, BOTH);
                unit.translating();
                for (int i = 0; i < 2; i++) {
                    unit.assertTranslates(DEVICE, iova + size - 1, READ, 0xc_0000_0000_0000L + size - 1);
                    assertEquals(size, unit.access.pageBytes());
                    assertEquals(i == 1 && cache != CacheConfig.NONE, unit.access.hit());
                }
                unit.assertFaults(DEVICE, iova + size, READ, FaultReason.READ_DENIED);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        // page, level, offset of the access in it, blocked, blocked as a translation request
        "0xfee00000, 1, 0x0, true, true",
        "0xfeeff000, 1, 0xfff, true, true",
        "0xfedff000, 1, 0xfff, false, false",
        "0xfef00000, 1, 0x0, false, false",
        "0xfee00000, 2, 0xfffff, true, true",
        "0xfee00000, 2, 0x100000, false, true",
        "0xfec00000, 2, 0x1fffff, false, false",
        "0xc0000000, 3, 0x3ee00000, true, true",
        "0xc0000000, 3, 0x3edfffff, false, true",
        "0x100000000, 3, 0x0, false, false"
    })
    void shouldFaultWhenTheOutputReachesTheInterruptRange(
            String page, int level, String offset, boolean blocked, boolean blockedAsTranslation) {
        for (AddressType type : List.of(AddressType.UNTRANSLATED, AddressType.TRANSLATION_REQUEST)) {
            VtdUnit unit = recipe().make();
            long table = unit.tables.newTable();
            unit.attach(DEVICE, DOMAIN, 1, ContextEntry.DEVICE_TLB, table);
            unit.tables.map(table, 3, 0x4000_0000L, Long.decode(page), level, BOTH);
            unit.translating();
            long iova = 0x4000_0000L + Long.decode(offset);
            for (int i = 0; i < 2; i++) {
                unit.chip.translate(unit.access.begin(DEVICE, iova, WRITE).as(type));
                if (type == AddressType.UNTRANSLATED ? blocked : blockedAsTranslation) {
                    unit.assertFault(FaultReason.INTERRUPT_RANGE_OUTPUT);
                } else {
                    assertEquals(Long.decode(page) + Long.decode(offset), unit.access.spa());
                }
            }
        }
    }

    @Test
    void shouldBlockAPartOfAPageWhoseTranslationIsCached() {
        VtdUnit unit = recipe().make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, 3, 0x4000_0000L, 0xfee0_0000L, 2, BOTH);
        unit.translating();
        unit.assertTranslates(DEVICE, 0x4010_0000L, READ, 0xfef0_0000L);
        assertEquals(1, unit.cached("iotlb"));
        unit.assertFaults(DEVICE, 0x400f_ffffL, READ, FaultReason.INTERRUPT_RANGE_OUTPUT);
    }

    @ParameterizedTest
    @CsvSource({
        // address, rights, bytes, passes
        "0xfee00000, 2, 4, true",
        "0xfeeffffc, 2, 4, true",
        "0xfee00002, 2, 4, false",
        "0xfee00000, 2, 1, false",
        "0xfee00000, 2, 8, false",
        "0xfee00000, 3, 4, false",
        "0xfee00000, 1, 4, false",
        "0xfee00000, 1, 0, true"
    })
    void shouldTakeOnlyInterruptRequestsAndZeroLengthReadsInTheInterruptRange(
            String address, int rights, int bytes, boolean passes) {
        VtdUnit unit = recipe().make().translating();
        unit.access.begin(DEVICE, Long.decode(address), rights).withLength(bytes);
        unit.chip.translate(unit.access);
        if (passes) {
            assertEquals(Outcome.TRANSLATED, unit.access.outcome());
            assertEquals(Long.decode(address), unit.access.spa());
            assertEquals(0, unit.access.pageBytes());
        } else {
            unit.assertFault(FaultReason.INTERRUPT_REQUEST_BLOCKED);
            assertTrue(unit.access.recorded());
        }
    }

    @Test
    void shouldLeaveDeviceTlbsOutOfTheInterruptRange() {
        VtdUnit unit = recipe().make();
        unit.attach(DEVICE, DOMAIN, 1, ContextEntry.DEVICE_TLB, unit.tables.newTable());
        unit.translating();
        unit.chip.translate(unit.access.begin(DEVICE, 0xfee0_0000L, READ).as(AddressType.TRANSLATION_REQUEST));
        assertEquals(Outcome.TRANSLATED, unit.access.outcome());
        assertEquals(WRITE, unit.access.grantedRights());
        assertEquals(0, unit.cached("device-tlb"));
        unit.chip.translate(
                unit.access.begin(DEVICE, 0xfee0_0000L, WRITE).withLength(4).as(AddressType.TRANSLATED));
        unit.assertFault(FaultReason.INTERRUPT_RANGE_OUTPUT);
    }

    @Test
    void shouldCheckAddressesThatNoTableTranslatesAgainstTheHostsWidth() {
        VtdUnit unit = recipe().host(46).cap("NFR", 7).make();
        unit.attach(DEVICE, DOMAIN, 2, ContextEntry.PASS_THROUGH, 0);
        unit.attach(DEVICE + 1, DOMAIN, 2, ContextEntry.DEVICE_TLB, unit.tables.newTable());
        unit.translating();
        unit.assertTranslates(DEVICE, (1L << 46) - 1, WRITE, (1L << 46) - 1);
        unit.assertFaults(DEVICE, 1L << 46, WRITE, FaultReason.ADDRESS_BEYOND_WIDTH);
        unit.chip.translate(unit.access.begin(DEVICE + 1, 1L << 46, READ).as(AddressType.TRANSLATED));
        unit.assertFault(FaultReason.ADDRESS_BEYOND_WIDTH);
        assertTrue(unit.access.recorded());
    }

    @Test
    void shouldIgnoreTheTablePointerOfPassThrough() {
        VtdUnit unit = recipe().host(46).make();
        unit.attach(DEVICE, DOMAIN, 2, ContextEntry.PASS_THROUGH, 1L << 62);
        unit.translating();
        unit.assertTranslates(DEVICE, 0x1000, WRITE, 0x1000);
    }

    @Test
    void shouldFaultADomainIdBeyondItsWidth() {
        VtdUnit unit = recipe().cap("ND", 2).make();
        unit.attach(DEVICE, 0x112, 1);
        unit.translating();
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.CONTEXT_RESERVED);
    }

    @Test
    void shouldReportTheRootTableModeBeforeAPasid() {
        VtdUnit unit = recipe().make();
        unit.root |= 0x800;
        unit.translating();
        unit.chip.translate(unit.access.begin(DEVICE, 0x1000, READ).withPasid(5));
        unit.assertFault(FaultReason.ROOT_ADDRESS_INVALID);
    }

    @Test
    void shouldBlockTranslatedRequestsWithPasidBeforeAnyTable() {
        VtdUnit unit = recipe().make().translating();
        unit.chip.translate(unit.access.begin(DEVICE, 0x1000, READ).withPasid(5).as(AddressType.TRANSLATED));
        assertEquals(Outcome.BLOCKED, unit.access.outcome());
    }

    @Test
    void shouldNotServeDeviceTlbsWhileTranslationIsOff() {
        VtdUnit unit = recipe().make();
        for (AddressType type : List.of(AddressType.TRANSLATED, AddressType.TRANSLATION_REQUEST)) {
            unit.chip.translate(unit.access.begin(DEVICE, 0x1000, READ).as(type));
            assertEquals(Outcome.BLOCKED, unit.access.outcome());
        }
    }

    @Test
    void shouldNotTranslateTheInterruptRange() {
        VtdUnit unit = recipe().make().translating();
        unit.assertFaults(DEVICE, 0xfef0_0000L, WRITE, FaultReason.ROOT_NOT_PRESENT);
        unit.assertFaults(DEVICE, 0xfedf_ffffL, WRITE, FaultReason.ROOT_NOT_PRESENT);
    }

    @Test
    void shouldPassThroughUntranslatedRequestsOnly() {
        VtdUnit unit = recipe().make();
        unit.attach(DEVICE, DOMAIN, 2, ContextEntry.PASS_THROUGH, 0);
        unit.translating();
        unit.assertTranslates(DEVICE, 0x1234_5678L, WRITE, 0x1234_5678L);
        assertEquals(0, unit.access.pageBytes());
        assertEquals(BOTH, unit.access.grantedRights());
        for (AddressType type : new AddressType[] {AddressType.TRANSLATED, AddressType.TRANSLATION_REQUEST}) {
            unit.chip.translate(unit.access.begin(DEVICE, 0x1000, READ).as(type));
            unit.assertFault(FaultReason.TRANSLATION_TYPE_BLOCKED);
        }
        assertEquals(0, unit.cached("iotlb"));
    }

    @Test
    void shouldAnswerTranslationRequestsAndPassTranslatedOnesWithDeviceTlb() {
        VtdUnit unit = recipe().make();
        long table = unit.tables.newTable();
        unit.attach(DEVICE, DOMAIN, 1, ContextEntry.DEVICE_TLB, table);
        unit.tables.map(table, 3, 0x20_0000, 0x4000_0000L, 2, READ);
        unit.translating().queueing(0);
        unit.chip.translate(unit.access.begin(DEVICE, 0x20_3000, READ).as(AddressType.TRANSLATION_REQUEST));
        assertEquals(Outcome.TRANSLATED, unit.access.outcome());
        assertEquals(0x4000_3000L, unit.access.spa());
        assertEquals(0x20_0000, unit.access.pageBytes());
        assertEquals(1, unit.cached("device-tlb"));
        unit.chip.translate(unit.access.begin(DEVICE, 0x4000_3000L, READ).as(AddressType.TRANSLATED));
        assertEquals(0x4000_3000L, unit.access.spa());

        unit.chip.translate(unit.access.begin(DEVICE, 0x1000, READ).as(AddressType.TRANSLATION_REQUEST));
        unit.assertFault(FaultReason.READ_DENIED);
        assertFalse(unit.access.recorded(), "an answer without rights is no fault");
        unit.chip.translate(unit.access.begin(DEVICE, 0x20_0000, WRITE).as(AddressType.TRANSLATION_REQUEST));
        unit.assertFault(FaultReason.WRITE_DENIED);
        assertFalse(unit.access.recorded());

        unit.submit(0x31000000003L, 0x0000_0000_0010_0000L);
        assertEquals(1, unit.cached("device-tlb"), "another page");
        unit.submit(0x31100000003L, 0x7fff_ffff_ffff_f001L);
        assertEquals(1, unit.cached("device-tlb"), "another device");
        unit.submit(0x1200f2L, 0x20_0000L);
        assertEquals(1, unit.cached("device-tlb"), "an IOTLB command");
        unit.submit(0x31000000003L, 0x0000_0000_0020_5000L);
        assertEquals(0, unit.cached("device-tlb"));
        assertEquals(3, unit.deviceInvalidations.size());
    }

    @Test
    void shouldBlockTranslationRequestsWithoutDeviceTlb() {
        VtdUnit unit = recipe().make();
        unit.attach(DEVICE, DOMAIN, 1);
        unit.translating();
        for (AddressType type : new AddressType[] {AddressType.TRANSLATED, AddressType.TRANSLATION_REQUEST}) {
            unit.chip.translate(unit.access.begin(DEVICE, 0x1000, READ).as(type));
            unit.assertFault(FaultReason.TRANSLATION_TYPE_BLOCKED);
        }
    }

    @Test
    void shouldFaultRequestsWithPasid() {
        VtdUnit unit = recipe().make().translating();
        unit.chip.translate(unit.access.begin(DEVICE, 0xfee0_0000L, READ).withPasid(0));
        unit.assertFault(FaultReason.PASID_IN_LEGACY_MODE);
    }

    @Test
    void shouldBlockRequestersThatAreNoSourceId() {
        VtdUnit unit = recipe().make().translating();
        assertEquals(Outcome.BLOCKED, unit.dma(0x1_0000, 0x1000, READ).outcome());
        assertEquals(Outcome.BLOCKED, unit.dma(-1, 0x1000, READ).outcome());
    }

    @Test
    void shouldEndWalksOfTablesThatPointToThemselves() {
        VtdUnit unit = recipe().make();
        long table = unit.attach(DEVICE, DOMAIN, 2);
        for (int i = 0; i < 512; i++) {
            unit.memory.writeLongLe(table + i * 8L, TableBuilder.tableEntry(table));
        }
        unit.translating();
        unit.assertTranslates(DEVICE, 0x1234_5678_9abcL, READ, table | 0xabc);
        VtdUnit selfRoot = recipe().make();
        selfRoot.tables.setRoot(selfRoot.root, 0, selfRoot.root);
        selfRoot.translating();
        selfRoot.dma(0, 0x1000, READ);
        assertEquals(Outcome.FAULT, selfRoot.access.outcome());
    }

    @ParameterizedTest
    @CsvSource({
        "0x1, true", "0x2, false", "0x3, false", "0x4, false", "0x5, false", "0x6, false", "0x7, false",
        "0x8, true", "0x9, true", "0xa, true", "0xb, false", "0xc, false", "0xd, false", "0xe, false"
    })
    void shouldSuppressQualifiedFaultsOnly(int code, boolean recorded) {
        VtdUnit unit = smallMemory().make();
        int rights = code == 5 ? WRITE : READ;
        long iova = code == 4 ? 1L << 50 : 0x1000;
        long table = unit.tables.newTable();
        long low = TableBuilder.context0(ContextEntry.UNTRANSLATED_ONLY, table) | FPD;
        long high = TableBuilder.context1(1, DOMAIN);
        unit.tables.map(table, 3, 0x20_0000, 0x9000, 1, BOTH);
        switch (code) {
            case 2 -> low &= ~1L;
            case 3 -> high = TableBuilder.context1(0, DOMAIN);
            case 7 -> unit.memory.writeLongLe(table, TableBuilder.tableEntry(NOWHERE));
            case 0xb -> low |= 0x10;
            case 0xc -> unit.tables.map(table, 3, 0x1000, 1L << 51, 1, BOTH);
            case 0xe -> unit.tables.map(table, 3, 0x1000, 0xfee0_0000L, 1, BOTH);
            default -> {
                // Nothing of the tables below the root table.
            }
        }
        unit.tables.setContext(unit.root, DEVICE, low, high);
        switch (code) {
            case 1 -> unit.memory.writeLongLe(unit.root + 0x30, 0);
            case 8 -> unit.root = NOWHERE;
            case 9 -> unit.tables.setRoot(unit.root, 3, NOWHERE);
            case 0xa -> unit.memory.writeLongLe(unit.root + 0x38, 1);
            default -> {
                // The root table is right.
            }
        }
        unit.translating();
        unit.access.begin(DEVICE, iova, rights);
        if (code == 0xd) {
            unit.access.as(AddressType.TRANSLATED);
        }
        unit.chip.translate(unit.access);
        unit.assertFault(FaultReason.of(code));
        assertEquals(recorded, unit.access.recorded());
        assertEquals(recorded ? 2 : 0, unit.read(VtdUnit.FSTS));
    }

    @Test
    void shouldShowTheStepsOfAWalk() {
        VtdUnit unit = recipe().make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        long leaf = unit.tables.map(table, 3, 0x1000, 0x5000, 1, BOTH);
        unit.translating();
        StringBuilder steps = new StringBuilder();
        unit.chip.translate(unit.access
                .begin(DEVICE, 0x1000, READ)
                .explainTo((what, pa, word) -> steps.append(what)
                        .append('@')
                        .append(pa)
                        .append('=')
                        .append(word)
                        .append(' ')));
        assertTrue(steps.toString().startsWith("root entry@" + (unit.root + 0x30) + "="), steps.toString());
        assertTrue(
                steps.toString().endsWith("second-stage entry, level 1@" + leaf + "=" + 0x5003 + " "),
                steps.toString());
        assertEquals(5, steps.toString().split("@", -1).length - 1);
    }

    @Test
    void shouldCountWhatItDoes() {
        VtdUnit unit = recipe().make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, READ);
        unit.translating().queueing(0);
        unit.dma(DEVICE, 0x1000, READ);
        unit.dma(DEVICE, 0x1000, READ);
        unit.dma(DEVICE, 0x1000, WRITE);
        unit.submit(0x1200e2L, 0);
        assertEquals(
                "HardwareCounters[commands=1, hits=2, walks=1, faults=1, dropped=2]",
                unit.chip.counters().toString());
        assertEquals(DmaAccess.NO_PASID, unit.access.pasid());
    }
}
