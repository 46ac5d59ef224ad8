package org.iommu4j.intel.hardware;

import java.util.Map;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.Finding;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.FsPte;
import org.iommu4j.intel.table.HostPermissionEntry;
import org.iommu4j.intel.table.PasidDirectoryEntry;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.RootEntry;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.ScalableRootEntry;
import org.iommu4j.intel.table.SlPte;
import org.iommu4j.intel.table.SsPte;
import org.iommu4j.layout.BitField;

/**
 * What software owes after it has changed an entry: the rows of tables 28 and 29 of the specification, VT-d 6.5.3.3 and 6.5.3.4, by
 * their numbers in docs/spec/intel-vtd.md 10.1 and 10.2.
 */
final class InvalidationDuties {
    private static final String TABLE_28 = "VT-d table 28, ";
    private static final String TABLE_29 = "VT-d table 29, ";

    /** Rows of which the changed structure alone decides, by the name of its layout. */
    private static final Map<String, String> ROWS = Map.of(
            RootEntry.LAYOUT.name(),
            TABLE_28 + "VTD-28.12, changed root entry: cc_inv_dsc G=1, iotlb_inv_dsc G=1, dev_tlb_inv_dsc",
            SlPte.LAYOUT.name(),
            TABLE_28 + "VTD-28.11, changed second-stage table: iotlb_inv_dsc G=3 of each domain, dev_tlb_inv_dsc",
            ScalableRootEntry.LAYOUT.name(),
            TABLE_28 + "VTD-28.01, changed root entry: cc_inv_dsc G=1, pc_inv_dsc G=3, iotlb_inv_dsc G=1,"
                    + " dev_tlb_inv_dsc",
            PasidDirectoryEntry.LAYOUT.name(),
            TABLE_28 + "VTD-28.03, changed PASID directory entry: pc_inv_dsc G=1 of each PASID, iotlb_inv_dsc G=2,"
                    + " dev_tlb_inv_dsc",
            FsPte.LAYOUT.name(),
            TABLE_28 + "VTD-28.09, changed first-stage table: p_iotlb_inv_dsc G=3 of each PASID, device TLBs",
            SsPte.LAYOUT.name(),
            TABLE_28 + "VTD-28.10, changed second-stage table: iotlb_inv_dsc G=3 of each domain, device TLBs",
            HostPermissionEntry.LAYOUT.name(),
            TABLE_29 + "VTD-29.3, changed host permission table: hpt_inv_dsc G=3");

    private InvalidationDuties() {}

    /** The row of a change after which an entry of a kind is still cached; null if none is known. */
    static String row(CachedKind kind, Finding.Edit edit) {
        String row = ROWS.get(edit.format());
        if (edit.format().equals(ContextEntry.LAYOUT.name())) {
            row = legacyContext(edit);
        } else if (edit.format().equals(ScalableContextEntry.LAYOUT.name())) {
            row = scalableContext(edit);
        } else if (edit.format().equals(PasidEntry.LAYOUT.name())) {
            row = pasid(edit);
        }
        return row != null && kind == CachedKind.PAGING_STRUCTURE
                ? row + ", VTD-PG.3 where it led to a table: IH=0"
                : row;
    }

    private static String legacyContext(Finding.Edit edit) {
        String row = TABLE_28 + "VTD-28.13, changed context entry: cc_inv_dsc G=3, iotlb_inv_dsc G=2, dev_tlb_inv_dsc";
        return isChanged(edit, ContextEntry.BYTES, ContextEntry.DID)
                ? row + "; VTD-28.14 for a domain id that comes into use again: cc_inv_dsc G=2, iotlb_inv_dsc G=2"
                : row;
    }

    private static String scalableContext(Finding.Edit edit) {
        int bytes = ScalableContextEntry.BYTES;
        boolean permissions =
                isCleared(edit, bytes, ScalableContextEntry.HPTE) || isCleared(edit, bytes, ScalableContextEntry.EPTR);
        String row = TABLE_28 + "VTD-28.02, changed context entry: cc_inv_dsc G=3, pc_inv_dsc G=0 and iotlb_inv_dsc G=2"
                + " of each domain, dev_tlb_inv_dsc";
        return permissions ? row + "; " + TABLE_29 + "VTD-29.1: hpt_inv_dsc G=2" : row;
    }

    private static String pasid(Finding.Edit edit) {
        int bytes = PasidEntry.BYTES;
        if (isChanged(edit, bytes, PasidEntry.HPTSZ)
                || isChanged(edit, bytes, PasidEntry.HPTPTR)
                || isChanged(edit, bytes, PasidEntry.HPTDID)) {
            return TABLE_29 + "VTD-29.2, changed host permission table of a PASID: hpt_inv_dsc G=2 IH=3";
        }
        boolean gone = isCleared(edit, bytes, PasidEntry.P)
                || (isChanged(edit, bytes, PasidEntry.SSADE) && !isCleared(edit, bytes, PasidEntry.SSADE));
        String row = TABLE_28
                + (gone
                        ? "VTD-28.04 for RID_PASID, else VTD-28.05, P cleared or SSADE set: pc_inv_dsc G=1, iotlb_inv_dsc"
                                + " G=2 (with a second stage) or p_iotlb_inv_dsc G=2"
                        : "VTD-28.06 for RID_PASID, else VTD-28.07, changed PASID entry: pc_inv_dsc G=1, p_iotlb_inv_dsc G=2")
                + ", device TLBs";
        return isChanged(edit, bytes, PasidEntry.DID)
                ? row + "; VTD-28.08 for a domain id that comes into use again: pc_inv_dsc G=0, iotlb_inv_dsc G=2"
                : row;
    }

    private static boolean isOfWord(Finding.Edit edit, int bytes, BitField field) {
        return (edit.pa() & (bytes - 1)) / Long.BYTES == field.word();
    }

    private static boolean isChanged(Finding.Edit edit, int bytes, BitField field) {
        return isOfWord(edit, bytes, field) && ((edit.before() ^ edit.after()) & field.mask()) != 0;
    }

    private static boolean isCleared(Finding.Edit edit, int bytes, BitField field) {
        return isOfWord(edit, bytes, field) && field.isSet(edit.before() & ~edit.after());
    }
}
