package org.iommu4j.s390.hardware;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.layout.Layout;
import org.iommu4j.s390.command.AvailabilityRecord;
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.s390.command.ErrorRecord;
import org.iommu4j.s390.command.Fib;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.InvalidateData;
import org.iommu4j.s390.command.RequestRegister;
import org.iommu4j.s390.command.ZpciCommand;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.s390.table.PageEntry;
import org.iommu4j.s390.table.RegionEntry;
import org.iommu4j.s390.table.SegmentEntry;

/** Every layout of this release, for explanations and documentation. */
public final class ZpciLayouts {
    private ZpciLayouts() {}

    /** Contract payloads, instructions, blocks, events, tables; each layout once. */
    public static List<Layout> all() {
        List<Layout> layouts = new ArrayList<>(payloads());
        for (ZpciCommand command : ZpciCommand.values()) {
            layouts.add(command.layout());
        }
        layouts.addAll(blocks());
        layouts.addAll(events());
        layouts.addAll(structures());
        return layouts;
    }

    /** Vendor parts of the contract. */
    static List<Layout> payloads() {
        return List.of(InvalidateData.LAYOUT, BindPgtable.LAYOUT, BindPgtable.FLAGS_LAYOUT);
    }

    /** Registers and blocks of the instructions. */
    static List<Layout> blocks() {
        return List.of(
                RequestRegister.LAYOUT,
                FunctionHandle.LAYOUT,
                Fib.LAYOUT,
                Clp.Header.LAYOUT,
                Clp.Request.LAYOUT,
                Clp.GroupRequest.LAYOUT,
                Clp.ListResponse.LAYOUT,
                Clp.ListEntry.LAYOUT,
                Clp.FunctionResponse.LAYOUT,
                Clp.GroupResponse.LAYOUT,
                Clp.SetResponse.LAYOUT);
    }

    /** Contents of events. */
    static List<Layout> events() {
        return List.of(ErrorRecord.LAYOUT, AvailabilityRecord.LAYOUT);
    }

    /** Structures in memory. */
    static List<Layout> structures() {
        return List.of(Iota.LAYOUT, RegionEntry.LAYOUT, SegmentEntry.LAYOUT, PageEntry.LAYOUT);
    }
}
