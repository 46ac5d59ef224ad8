package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.BOTH;
import static org.iommu4j.intel.hardware.VtdUnit.DEVICE;
import static org.iommu4j.intel.hardware.VtdUnit.DOMAIN;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.WRITE;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.TableBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** CAP.CM: entries that are not present, or wrong, may be cached too. */
class CachingModeTest {
    private static final long RESERVED = 1L << 51;

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldSeeANewMappingAtOnceWithoutCachingMode(CacheConfig cache) {
        VtdUnit unit = recipe().cache(cache).make().translating();
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_NOT_PRESENT);
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.READ_DENIED);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, BOTH);
        unit.assertTranslates(DEVICE, 0x1000, READ, 0x5000);
    }

    @Test
    void shouldKeepAMissingContextUnderDomain0UntilItIsInvalidated() {
        VtdUnit unit = recipe().cap("CM", 1).make().translating().queueing(0);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_NOT_PRESENT);
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, BOTH);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_NOT_PRESENT);
        unit.submit(0x0000031000120031L, 0);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_NOT_PRESENT);
        unit.submit(0x0000031000000031L, 0);
        unit.assertTranslates(DEVICE, 0x1000, READ, 0x5000);
    }

    @Test
    void shouldKeepAMissingMappingUntilItIsInvalidated() {
        VtdUnit unit = recipe().cap("CM", 1).make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.translating().queueing(0);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.READ_DENIED);
        unit.assertFaults(DEVICE, 0x1000, WRITE, FaultReason.WRITE_DENIED);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, BOTH);
        unit.assertFaults(DEVICE, 0x1000, WRITE, FaultReason.WRITE_DENIED);
        unit.submit(0x120032L, 0x1000);
        unit.assertTranslates(DEVICE, 0x1000, WRITE, 0x5000);
    }

    @Test
    void shouldKeepAWrongEntryUntilItIsInvalidated() {
        VtdUnit unit = recipe().cap("CM", 1).make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, 3, 0x1000, RESERVED, 1, READ);
        unit.translating().queueing(0);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.PAGING_ENTRY_RESERVED);
        unit.assertFaults(DEVICE, 0x1000, WRITE, FaultReason.WRITE_DENIED);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, READ);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.PAGING_ENTRY_RESERVED);
        unit.submit(0x120032L, 0x1040);
        unit.assertTranslates(DEVICE, 0x1000, READ, 0x5000);
    }

    @Test
    void shouldKeepAWrongContextWithItsSuppressionOfFaults() {
        VtdUnit unit = recipe().cap("CM", 1).make();
        long table = unit.tables.newTable();
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, READ);
        long low = TableBuilder.context0(ContextEntry.UNTRANSLATED_ONLY, table);
        unit.tables.setContext(unit.root, DEVICE, low | 0x12, TableBuilder.context1(1, DOMAIN));
        unit.translating().queueing(0);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.CONTEXT_RESERVED);
        unit.tables.setContext(unit.root, DEVICE, low, TableBuilder.context1(1, DOMAIN));
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.CONTEXT_RESERVED);
        assertEquals(0, unit.read(VtdUnit.FSTS));
        unit.submit(0x21, 0);
        unit.assertTranslates(DEVICE, 0x1000, READ, 0x5000);
    }

    @Test
    void shouldNotKeepATableThatCouldNotBeRead() {
        VtdUnit unit = recipe().cap("CM", 1).ram(0x100_0000).make();
        unit.tables.setRoot(unit.root, 3, 0x7000_0000_0000L);
        unit.translating();
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.CONTEXT_ACCESS);
        unit.memory.writeLongLe(unit.root + 0x30, 0);
        unit.assertFaults(DEVICE, 0x1000, READ, FaultReason.ROOT_NOT_PRESENT);
    }
}
