package org.iommu4j.testbench.tables;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.table.FsPte;
import org.iommu4j.intel.table.SlPte;
import org.iommu4j.testbench.tables.TableShape.AddressRange;

/** VT-d: second stage in legacy and in scalable mode, first stage. */
final class VtdTables {
    private static final int REQUESTER = 0x0310;
    private static final int TARGET_BITS = 52;

    private VtdTables() {}

    private static final class SecondStage implements TableEntries {
        @Override
        public long table(int level, long pa) {
            return SlPte.R.mask() | SlPte.W.mask() | SlPte.ADDR.of(pa);
        }

        @Override
        public long leaf(int level, long pa, int rights) {
            return SlPte.R.of(rights & DmaAccess.READ)
                    | SlPte.W.of((rights & DmaAccess.WRITE) != 0 ? 1 : 0)
                    | SlPte.PS.of(level == 0 ? 0 : 1)
                    | SlPte.ADDR.of(pa);
        }

        @Override
        public boolean isPresent(int level, long entry) {
            return SlPte.R.isSet(entry) || SlPte.W.isSet(entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return !SlPte.PS.isSet(entry);
        }

        @Override
        public long address(int level, long entry) {
            return SlPte.ADDR.get(entry);
        }
    }

    private static final class FirstStage implements TableEntries {
        @Override
        public long table(int level, long pa) {
            return FsPte.P.mask() | FsPte.RW.mask() | FsPte.US.mask() | FsPte.ADDR.of(pa);
        }

        @Override
        public long leaf(int level, long pa, int rights) {
            return FsPte.P.mask()
                    | FsPte.US.mask()
                    | FsPte.RW.of((rights & DmaAccess.WRITE) != 0 ? 1 : 0)
                    | FsPte.PS.of(level == 0 ? 0 : 1)
                    | FsPte.ADDR.of(pa);
        }

        @Override
        public boolean isPresent(int level, long entry) {
            return FsPte.P.isSet(entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return !FsPte.PS.isSet(entry);
        }

        @Override
        public long address(int level, long entry) {
            return FsPte.ADDR.get(entry);
        }
    }

    static Stream<TableFormat> formats() {
        HardwareConfig legacy = new HardwareConfig(
                VtdGeneration.LEGACY_QI,
                Map.of("cap", Map.of("SAGAW", 0xeL, "MGAW", 0x38L)),
                Map.of(),
                CacheConfig.NONE,
                Map.of());
        HardwareConfig scalable = HardwareConfig.of(VtdGeneration.WIDE_TYPE).with(CacheConfig.NONE);
        return Stream.of(
                        IntStream.rangeClosed(3, 5).mapToObj(levels -> secondStage("legacy", legacy, levels)),
                        IntStream.rangeClosed(3, 5).mapToObj(levels -> secondStage("scalable", scalable, levels)),
                        IntStream.rangeClosed(4, 5).mapToObj(levels -> firstStage(scalable, levels)))
                .flatMap(formats -> formats);
    }

    private static int bits(int levels) {
        return 12 + 9 * levels;
    }

    private static TableFormat secondStage(String mode, HardwareConfig config, int levels) {
        return new TableFormat(
                "VT-d second stage, " + mode + ", " + levels + " levels",
                TableShape.ofPages4K(levels, TableShape.low(bits(levels)), TARGET_BITS, TableShape.READ_AND_WRITE),
                new SecondStage(),
                true,
                new VtdBackend(),
                config,
                REQUESTER,
                (machine, requester, root) -> {
                    machine.expect(machine.open(0));
                    machine.expect(machine.attach(0, requester, root, levels));
                });
    }

    private static TableFormat firstStage(HardwareConfig config, int levels) {
        int bits = bits(levels);
        long half = 1L << (bits - 1);
        return new TableFormat(
                "VT-d first stage, " + levels + " levels",
                TableShape.ofPages4K(
                        levels,
                        List.of(new AddressRange(0, half - 1), new AddressRange(-half, -1)),
                        TARGET_BITS,
                        TableShape.READ_OR_BOTH),
                new FirstStage(),
                true,
                new VtdBackend(),
                config,
                REQUESTER,
                (machine, requester, root) -> {
                    machine.expect(machine.open(0));
                    machine.expect(machine.attach(0, requester));
                    machine.expect(machine.bind(
                            0,
                            (int) BindPgtable.FLAG_FIRST_STAGE.mask(),
                            BindPgtable.LAYOUT.encode(
                                    root,
                                    BindPgtable.REQUESTER.of(requester) | BindPgtable.ADDRESS_WIDTH.of(bits),
                                    0)));
                });
    }
}
