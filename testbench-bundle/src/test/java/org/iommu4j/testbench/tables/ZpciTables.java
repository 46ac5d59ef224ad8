package org.iommu4j.testbench.tables;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.ZpciGeneration;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.s390.table.PageEntry;
import org.iommu4j.s390.table.RegionEntry;
import org.iommu4j.s390.table.SegmentEntry;
import org.iommu4j.s390.table.TableLevel;

/** zPCI: tables of two to five levels, by the type of their anchor. The chip reads them itself. */
final class ZpciTables {
    private static final int TARGET_BITS = 52;
    private static final int PAGE_INDEX_BITS = 8;

    private ZpciTables() {}

    private static final class Entries implements TableEntries {
        @Override
        public long absent(int level) {
            return level == TableLevel.PAGE ? PageEntry.I.mask() : SegmentEntry.I.mask();
        }

        @Override
        public long table(int level, long pa) {
            return level == TableLevel.SEGMENT
                    ? SegmentEntry.ORIGIN.of(pa)
                    : RegionEntry.ORIGIN.of(pa)
                            | RegionEntry.TT.of(TableLevel.typeCode(level))
                            | RegionEntry.TL.of(RegionEntry.FULL_LENGTH);
        }

        @Override
        public long leaf(int level, long pa, int rights) {
            // Protection is at the same place at every level.
            return pa
                    | PageEntry.P.of((rights & DmaAccess.WRITE) == 0 ? 1 : 0)
                    | (level == TableLevel.SEGMENT ? SegmentEntry.FC.mask() : 0);
        }

        @Override
        public boolean isPresent(int level, long entry) {
            return (entry & absent(level)) == 0;
        }

        @Override
        public boolean isTable(int level, long entry) {
            return level > TableLevel.SEGMENT || !SegmentEntry.FC.isSet(entry);
        }

        @Override
        public long address(int level, long entry) {
            return level == TableLevel.SEGMENT ? SegmentEntry.ORIGIN.get(entry) : RegionEntry.ORIGIN.get(entry);
        }
    }

    private static TableFormat format(int type) {
        HardwareConfig config = new HardwareConfig(
                ZpciGeneration.TABLES,
                Map.of("clp", Map.of("sdma", 0L, "edma", -1L, "refresh", 0L)),
                Map.of(),
                CacheConfig.NONE,
                Map.of());
        int levels = type + 2;
        List<Integer> indexBits = new ArrayList<>(Collections.nCopies(levels, TableLevel.INDEX_BITS));
        indexBits.set(TableLevel.PAGE, PAGE_INDEX_BITS);
        return new TableFormat(
                "zPCI, " + levels + " levels",
                new TableShape(
                        TableLevel.PAGE_SHIFT,
                        List.copyOf(indexBits),
                        TableLevel.SEGMENT,
                        TARGET_BITS,
                        TableShape.low(TableLevel.reach(type)),
                        TableShape.READ_OR_BOTH,
                        ByteOrder.BIG_ENDIAN),
                new Entries(),
                false,
                new ZpciBackend(),
                config,
                FunctionHandle.of(0, 0, true),
                (machine, requester, root) -> {
                    machine.expect(machine.open(0));
                    machine.expect(machine.attach(0, requester));
                    machine.expect(machine.bind(
                            0, 0, BindPgtable.of(requester, Iota.of(root, type), 0, TableLevel.lastAddress(type))));
                });
    }

    static Stream<TableFormat> formats() {
        return IntStream.rangeClosed(0, TableLevel.MAX_TYPE).mapToObj(ZpciTables::format);
    }
}
