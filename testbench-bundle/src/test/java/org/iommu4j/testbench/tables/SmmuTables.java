package org.iommu4j.testbench.tables;

import java.nio.ByteOrder;
import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.arm.table.Stage1Descriptor;
import org.iommu4j.arm.table.Stage2Descriptor;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;

/** SMMUv3: both stages with each granule. Stage 1 is bound by the driver, stage 2 in a stream table of the test's. */
final class SmmuTables {
    private static final int STREAM = 5;
    private static final int LOG2_STREAMS = 6;
    private static final int BITS = 48;

    /** Code of 48 bits in CD.IPS and STE.S2PS. */
    private static final int OUTPUT_SIZE = 5;

    private static final long ADDRESS = (1L << BITS) - 4096;
    private static final int WRITE_BACK = 15;

    private SmmuTables() {}

    private static final class Stage1 implements TableEntries {
        @Override
        public long table(int level, long pa) {
            return Stage1Descriptor.VALID.mask() | Stage1Descriptor.TABLE.mask() | pa;
        }

        @Override
        public long leaf(int level, long pa, int rights) {
            return Stage1Descriptor.VALID.mask()
                    | Stage1Descriptor.TABLE.of(level == 0 ? 1 : 0)
                    | Stage1Descriptor.UNPRIVILEGED.mask()
                    | Stage1Descriptor.READ_ONLY.of((rights & DmaAccess.WRITE) == 0 ? 1 : 0)
                    | Stage1Descriptor.AF.mask()
                    | Stage1Descriptor.NOT_GLOBAL.mask()
                    | pa;
        }

        @Override
        public boolean isPresent(int level, long entry) {
            return Stage1Descriptor.VALID.isSet(entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return Stage1Descriptor.TABLE.isSet(entry);
        }

        @Override
        public long address(int level, long entry) {
            return entry & ADDRESS;
        }
    }

    private static final class Stage2 implements TableEntries {
        @Override
        public long table(int level, long pa) {
            return Stage2Descriptor.VALID.mask() | Stage2Descriptor.TABLE.mask() | pa;
        }

        @Override
        public long leaf(int level, long pa, int rights) {
            return Stage2Descriptor.VALID.mask()
                    | Stage2Descriptor.TABLE.of(level == 0 ? 1 : 0)
                    | Stage2Descriptor.MEM_ATTR.of(WRITE_BACK)
                    | Stage2Descriptor.READ.of(rights & DmaAccess.READ)
                    | Stage2Descriptor.WRITE.of((rights & DmaAccess.WRITE) != 0 ? 1 : 0)
                    | Stage2Descriptor.AF.mask()
                    | pa;
        }

        @Override
        public boolean isPresent(int level, long entry) {
            return Stage2Descriptor.VALID.isSet(entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return Stage2Descriptor.TABLE.isSet(entry);
        }

        @Override
        public long address(int level, long entry) {
            return entry & ADDRESS;
        }
    }

    /**
     * The shape of 48 bits, or fewer.
     *
     * @param indexBits of each level, from the pages upwards
     */
    private static TableShape shape(Granule granule, int leafLevel, List<Integer> rights, List<Integer> indexBits) {
        int bits = granule.shift() + indexBits.stream().mapToInt(level -> level).sum();
        return new TableShape(
                granule.shift(), indexBits, leafLevel, BITS, TableShape.low(bits), rights, ByteOrder.LITTLE_ENDIAN);
    }

    private static int bits(TableShape shape) {
        return shape.shift(shape.levels());
    }

    private static TableFormat stage1(Granule granule, int leafLevel, Integer... indexBits) {
        TableShape shape = shape(granule, leafLevel, TableShape.READ_OR_BOTH, List.of(indexBits));
        return new TableFormat(
                "SMMU stage 1, " + granule + ", " + shape.levels() + " levels",
                shape,
                new Stage1(),
                granule == Granule.K4,
                new SmmuBackend(),
                HardwareConfig.of(SmmuGeneration.V3_2).with(CacheConfig.NONE),
                STREAM,
                (machine, requester, root) -> {
                    machine.expect(machine.open(0));
                    machine.expect(machine.attach(0, requester));
                    machine.expect(machine.bind(
                            0,
                            0,
                            BindPageTable.LAYOUT.encode(
                                    root,
                                    BindPageTable.REQUESTER.of(requester)
                                            | BindPageTable.T0SZ.of(Long.SIZE - bits(shape))
                                            | BindPageTable.GRANULE.of(granule.lowCode())
                                            | BindPageTable.IPS.of(OUTPUT_SIZE),
                                    0xff)));
                });
    }

    /** Stage 2 with a start level by its code, docs/spec/arm-smmu.md 3.6. */
    private static TableFormat stage2(Granule granule, int leafLevel, int startCode, Integer... indexBits) {
        TableShape shape = shape(granule, leafLevel, TableShape.READ_AND_WRITE, List.of(indexBits));
        boolean whole = granule == Granule.K4 && indexBits[indexBits.length - 1] == granule.levelBits();
        return new TableFormat(
                "SMMU stage 2, " + granule + ", " + bits(shape) + " bits",
                shape,
                new Stage2(),
                whole,
                new SmmuBackend(),
                HardwareConfig.of(SmmuGeneration.V3_2).with(CacheConfig.NONE),
                STREAM,
                (machine, requester, root) -> {
                    long streams = machine.platform().allocatePages(1);
                    long entry = streams + (long) requester * StreamTableEntry.BYTES;
                    machine.memory()
                            .writeLongLe(
                                    entry,
                                    StreamTableEntry.V.mask() | StreamTableEntry.CONFIG.of(StreamTableEntry.STAGE_2));
                    machine.memory()
                            .writeLongLe(
                                    entry + 2 * Long.BYTES,
                                    StreamTableEntry.S2_VMID.of(1)
                                            | StreamTableEntry.S2_T0SZ.of(Long.SIZE - bits(shape))
                                            | StreamTableEntry.S2_SL0.of(startCode)
                                            | StreamTableEntry.S2_TG.of(granule.stage2Code())
                                            | StreamTableEntry.S2_PS.of(OUTPUT_SIZE)
                                            | StreamTableEntry.S2_AA64.mask());
                    machine.memory().writeLongLe(entry + 3 * Long.BYTES, StreamTableEntry.S2_TTB.of(root));
                    machine.write(StreamTableBase.REGISTER, StreamTableBase.ADDR.of(streams));
                    machine.write(StreamTableBase.CONFIG, StreamTableBase.LOG2SIZE.of(LOG2_STREAMS));
                    machine.write(Cr0.REGISTER, Cr0.SMMUEN.mask());
                });
    }

    static Stream<TableFormat> formats() {
        return Stream.of(
                stage1(Granule.K4, 2, 9, 9, 9, 9),
                stage1(Granule.K4, 2, 9, 9, 9),
                stage1(Granule.K16, 1, 11, 11, 11, 1),
                stage1(Granule.K16, 1, 11, 11, 11),
                stage1(Granule.K64, 1, 13, 13, 6),
                stage1(Granule.K64, 1, 13, 13),
                stage2(Granule.K4, 2, 2, 9, 9, 9, 9),
                stage2(Granule.K4, 2, 1, 9, 9, 9),
                // Two tables one after the other at the first level.
                stage2(Granule.K4, 2, 1, 9, 9, 10),
                stage2(Granule.K16, 1, 2, 11, 11, 11),
                stage2(Granule.K16, 1, 2, 11, 11, 12),
                stage2(Granule.K64, 1, 2, 13, 13, 6),
                stage2(Granule.K64, 1, 1, 13, 13));
    }
}
