package org.iommu4j.testbench.tables;

import java.nio.ByteOrder;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.table.GuestPte;
import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Uapi;
import org.iommu4j.testbench.tables.TableShape.AddressRange;

/** AMD-Vi: host (v1) tables of every mode, guest (v2) tables of 4 and 5 levels. */
final class AmdViTables {
    private static final int REQUESTER = 0x0310;
    private static final int PASID = 1;
    private static final int TARGET_BITS = 52;

    /** Host pages of 512 GiB: an entry of every level may be a page. */
    private static final int LARGEST_HOST_PAGE = 3;

    private AmdViTables() {}

    private static final class Host implements TableEntries {
        @Override
        public long table(int level, long pa) {
            return HostPde.PR.mask()
                    | HostPde.NEXT_LEVEL.of(level)
                    | HostPde.ADDRESS.of(pa)
                    | HostPde.IR.mask()
                    | HostPde.IW.mask();
        }

        @Override
        public long leaf(int level, long pa, int rights) {
            return HostPte.PR.mask()
                    | HostPte.NEXT_LEVEL.of(HostPte.DEFAULT_SIZE)
                    | HostPte.ADDRESS.of(pa)
                    | HostPte.IR.of(rights & DmaAccess.READ)
                    | HostPte.IW.of((rights & DmaAccess.WRITE) != 0 ? 1 : 0);
        }

        @Override
        public boolean isPresent(int level, long entry) {
            return HostPte.PR.isSet(entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return HostPte.NEXT_LEVEL.get(entry) != HostPte.DEFAULT_SIZE;
        }

        @Override
        public long address(int level, long entry) {
            return HostPte.ADDRESS.get(entry);
        }
    }

    private static final class Guest implements TableEntries {
        @Override
        public long table(int level, long pa) {
            return GuestPte.P.mask() | GuestPte.RW.mask() | GuestPte.US.mask() | GuestPte.ADDRESS.of(pa);
        }

        @Override
        public long leaf(int level, long pa, int rights) {
            return GuestPte.P.mask()
                    | GuestPte.US.mask()
                    | GuestPte.RW.of((rights & DmaAccess.WRITE) != 0 ? 1 : 0)
                    | GuestPte.PS.of(level == 0 ? 0 : 1)
                    | GuestPte.ADDRESS.of(pa);
        }

        @Override
        public boolean isPresent(int level, long entry) {
            return GuestPte.P.isSet(entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return !GuestPte.PS.isSet(entry);
        }

        @Override
        public long address(int level, long entry) {
            return GuestPte.ADDRESS.get(entry);
        }
    }

    private static int bits(int levels) {
        return Math.min(Long.SIZE, 12 + 9 * levels);
    }

    private static HardwareConfig config() {
        return HardwareConfig.of(AmdViGeneration.V3).with(CacheConfig.NONE);
    }

    private static TableFormat host(int mode, boolean ofDrivers) {
        int leafLevel = Math.min(mode - 1, ofDrivers ? 2 : LARGEST_HOST_PAGE);
        TableShape shape = new TableShape(
                12,
                Collections.nCopies(mode, 9),
                leafLevel,
                TARGET_BITS,
                TableShape.low(bits(mode)),
                TableShape.READ_AND_WRITE,
                ByteOrder.LITTLE_ENDIAN);
        return new TableFormat(
                "AMD-Vi v1, mode " + mode + (ofDrivers ? "" : ", all pages"),
                shape,
                new Host(),
                ofDrivers,
                new AmdViBackend(),
                config(),
                REQUESTER,
                (machine, requester, root) -> {
                    machine.expect(machine.open(0));
                    machine.expect(machine.attach(0, requester));
                    machine.expect(machine.bind(
                            0,
                            0,
                            BindPgtable.LAYOUT.encode(
                                    root, BindPgtable.REQUESTER.of(requester) | BindPgtable.MODE.of(mode), 0)));
                });
    }

    private static TableFormat guest(int levels) {
        long half = 1L << (bits(levels) - 1);
        return new TableFormat(
                "AMD-Vi v2, " + levels + " levels",
                TableShape.ofPages4K(
                        levels,
                        List.of(new AddressRange(0, half - 1), new AddressRange(-half, -1)),
                        TARGET_BITS,
                        TableShape.READ_OR_BOTH),
                new Guest(),
                true,
                new AmdViBackend(),
                config(),
                REQUESTER,
                PASID,
                (machine, requester, root) -> {
                    machine.expect(machine.open(0));
                    machine.expect(machine.attach(0, requester));
                    machine.expect(machine.bind(
                            0,
                            Uapi.BIND_PASID,
                            0,
                            BindPasid.LAYOUT.encode(
                                    root,
                                    BindPasid.REQUESTER.of(requester) | BindPasid.LEVELS.of(levels),
                                    BindPasid.PASID.of(PASID))));
                });
    }

    static Stream<TableFormat> formats() {
        return Stream.of(
                        IntStream.rangeClosed(1, 6).mapToObj(mode -> host(mode, false)),
                        IntStream.rangeClosed(3, 5).mapToObj(mode -> host(mode, true)),
                        IntStream.rangeClosed(4, 5).mapToObj(AmdViTables::guest))
                .flatMap(formats -> formats);
    }
}
