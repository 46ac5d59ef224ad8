package org.iommu4j.contract;

import static org.iommu4j.layout.FieldOption.about;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

class BindFormatTest {
    private static final Layout PART = part();

    private static Layout part() {
        Layout.Builder part =
                Layout.named("part").size(Long.SIZE).littleEndian().spec("made up");
        part.address("table_root", 51, 12, about("table"));
        return part.build();
    }

    private static BindFormat format(int operation) {
        return new BindFormat(operation, IommuModel.INTEL, 1, 0, PART);
    }

    @Test
    void shouldReplaceAnAttachedTableByAPageTableOnlyIfNothingElseIsSaid() {
        assertEquals(BindFormat.ATTACHED_TABLE, format(Uapi.BIND_PGTABLE).replaces());
        assertEquals(0, format(Uapi.BIND_PASIDTBL).replaces());
        assertEquals(0, format(Uapi.BIND_PASID).replaces());
        int both = BindFormat.ATTACHED_TABLE | Uapi.BIND_PGTABLE;
        BindFormat replacing = format(Uapi.BIND_PASIDTBL).replacing(both);
        assertEquals(both, replacing.replaces());
        assertEquals("table_root", replacing.table().name());
    }

    @Test
    void shouldReplaceNothingButBindsAndAttachedTables() {
        BindFormat format = format(Uapi.BIND_PGTABLE);
        assertThrows(IllegalArgumentException.class, () -> format.replacing(Uapi.INVAL_IOTLB));
        assertThrows(IllegalArgumentException.class, () -> format.replacing(1 << 8));
    }
}
