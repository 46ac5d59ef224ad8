package org.iommu4j.testbench.tables;

import java.nio.ByteOrder;
import java.util.Collections;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.command.SpaprRegisters.IodaAddress;
import org.iommu4j.spapr.command.SpaprRegisters.IodaData;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;
import org.iommu4j.spapr.table.Tve;

/** sPAPR: translation control entries in tables of one to five levels, set in the host bridge's own validation table. */
final class SpaprTables {
    private static final int REQUESTER = 0x0100;
    private static final int SLOTS = 2;
    private static final int TARGET_BITS = 52;

    private SpaprTables() {}

    private static final class Entries implements TableEntries {
        @Override
        public long table(int level, long pa) {
            return Tce.RPN.of(pa) | Tce.CONTROL;
        }

        @Override
        public long leaf(int level, long pa, int rights) {
            return Tce.RPN.of(pa) | rights;
        }

        @Override
        public boolean isPresent(int level, long entry) {
            return Tce.isValid(entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return level > 0;
        }

        @Override
        public long address(int level, long entry) {
            return Tce.RPN.get(entry);
        }
    }

    private static TableFormat format(int pageShift, int levels, int levelBits) {
        // A fault stops an endpoint otherwise, and with it every access after it.
        HardwareConfig config =
                new HardwareConfig(SpaprGeneration.IODA3, Map.of(), Map.of(), CacheConfig.NONE, Map.of("eeh", "off"));
        return new TableFormat(
                "TCE, " + levels + " levels of " + levelBits + " bits, pages of 2^" + pageShift,
                new TableShape(
                        pageShift,
                        Collections.nCopies(levels, levelBits),
                        0,
                        TARGET_BITS,
                        TableShape.low(pageShift + levels * levelBits),
                        TableShape.READ_AND_WRITE,
                        ByteOrder.BIG_ENDIAN),
                new Entries(),
                false,
                new SpaprBackend(),
                config,
                REQUESTER,
                (machine, requester, root) -> {
                    long index = (long) SpaprCapabilities.of(config).pe() * SLOTS;
                    TceTable table = new TceTable(root, pageShift, levels, levelBits, 1L << (levels * levelBits));
                    machine.write(
                            IodaAddress.REGISTER, IodaAddress.TABLE.of(IodaAddress.TVT) | IodaAddress.INDEX.of(index));
                    machine.write(IodaData.REGISTER, Tve.of(table));
                });
    }

    static Stream<TableFormat> formats() {
        return Stream.concat(
                IntStream.rangeClosed(1, 5).mapToObj(levels -> format(12, levels, TceTable.MIN_LEVEL_BITS)),
                Stream.of(format(12, 1, 13), format(16, 2, 10), format(21, 3, 9)));
    }
}
