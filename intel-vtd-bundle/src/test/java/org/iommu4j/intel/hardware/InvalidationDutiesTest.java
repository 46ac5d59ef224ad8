package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.Finding;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which row of tables 28 and 29 a change falls under, docs/spec/intel-vtd.md 10.1 and 10.2. */
class InvalidationDutiesTest {
    private static Finding.Edit edit(String format, long pa, long before, long after) {
        return new Finding.Edit(1, pa, before, after, format, Finding.Place.UNKNOWN);
    }

    @ParameterizedTest
    @CsvSource({
        "VTD-28.01, scalable_root_entry, 0x1030, 0x2001, 0",
        "VTD-28.02, scalable_context_entry, 0x2200, 0x301d, 0x301c",
        "VTD-28.02, scalable_context_entry, 0x2208, 0x10, 0x11",
        "VTD-28.03, pasid_directory_entry, 0x3068, 0x5001, 0",
        "VTD-28.04, pasid_entry, 0x5140, 0x41, 0x40",
        "VTD-28.05, pasid_entry, 0x5140, 0x10089, 0x10289",
        "VTD-28.06, pasid_entry, 0x5140, 0x10289, 0x10089",
        "VTD-28.07, pasid_entry, 0x5150, 0x20000, 0x20010",
        "VTD-28.08, pasid_entry, 0x5148, 0x800013, 0x800015",
        "VTD-28.09, fs_paging_entry, 0x23008, 0xa0007, 0",
        "VTD-28.10, scalable_ss_paging_entry, 0x13008, 0x80003, 0",
        "VTD-28.11, ss_paging_entry, 0x13008, 0x80003, 0",
        "VTD-28.12, root_entry, 0x1030, 0x2001, 0",
        "VTD-28.13, context_entry, 0x2100, 0x10001, 0",
        "VTD-28.14, context_entry, 0x2108, 0x1202, 0x1302",
        "VTD-29.1, scalable_context_entry, 0x2200, 0x303d, 0x301d",
        "VTD-29.1, scalable_context_entry, 0x2200, 0x305d, 0x301d",
        "VTD-29.2, pasid_entry, 0x5160, 0x40000, 0x40001",
        "VTD-29.2, pasid_entry, 0x5168, 0x5, 0x6",
        "VTD-29.3, host_permission_entry, 0x42400, 0x30, 0x10",
    })
    void shouldNameTheRowOfAChange(String row, String format, long pa, long before, long after) {
        String named = InvalidationDuties.row(CachedKind.TRANSLATION, edit(format, pa, before, after));
        assertTrue(named.contains(row), named);
    }

    @Test
    void shouldNameNoRowOfAnUnknownStructure() {
        assertNull(InvalidationDuties.row(CachedKind.TRANSLATION, edit("", 0, 0, 1)));
    }
}
