package org.iommu4j.arm.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A container's memory map as stage 2 below the tables of its guest. */
class GuestMemoryTest {
    private static final int DEVICE = 0x1A8;
    private static final int DOMAIN = 3;
    private static final long PAGE = 4096;
    private static final int PASID = 5;

    /** Guest-physical addresses: context descriptors, stage-1 tables, data. */
    private static final long CONTEXTS = 0x10000;

    private static final long TABLES = 0x200000;
    private static final long TABLE_BYTES = 0x40000;
    private static final long DATA = 0x4000_0000L;

    /** Where the tables are on the host. */
    private static final long HOST_TABLES = 0x8_0000_0000L;

    private static final long HOST_DATA = 0x9_0000_0000L;
    private static final long READ_WRITE = 0xf43;
    private static final long READ_ONLY = 0xfc3;

    private Machine machine;

    /** The ways to bind a guest's table. */
    private enum Bound {
        CONTEXT_TABLE(Uapi.BIND_PASIDTBL),
        PAGE_TABLE(Uapi.BIND_PGTABLE),
        ONE_PASID(Uapi.BIND_PASID);

        private final int operation;

        Bound(int operation) {
            this.operation = operation;
        }

        private byte[] payload() {
            return switch (this) {
                case CONTEXT_TABLE -> Machine.contexts(DEVICE, CONTEXTS, 0, 0);
                case PAGE_TABLE -> Machine.pageTable(DEVICE, TABLES);
                case ONE_PASID -> Machine.pasid(DEVICE, PASID, TABLES);
            };
        }

        private int pasid() {
            return this == ONE_PASID ? PASID : DmaAccess.NO_PASID;
        }
    }

    @BeforeEach
    void open() {
        open(CacheConfig.WORST_CASE, Map.of());
    }

    private void open(CacheConfig caches, Map<String, Long> fields) {
        machine = Machine.watched(
                new HardwareConfig(SmmuGeneration.V3_3, Map.of("idr", fields), Map.of(), caches, Map.of()));
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        done(machine.translator().beginMap(DOMAIN, new Completion()));
        map(CONTEXTS, HOST_TABLES, PAGE);
        map(TABLES, HOST_TABLES + TABLES, TABLE_BYTES);
        long control = ContextDescriptor.T0SZ.of(16)
                | ContextDescriptor.EPD1.mask()
                | ContextDescriptor.V.mask()
                | ContextDescriptor.IPS.of(5)
                | ContextDescriptor.AA64.mask()
                | ContextDescriptor.R.mask()
                | ContextDescriptor.A.mask()
                | ContextDescriptor.ASID.of(7);
        machine.store(HOST_TABLES, control, TABLES, 0, 0xf404ff44L);
    }

    private static void done(int code) {
        assertEquals(0, code);
    }

    private void map(long iova, long pa, long size) {
        map(new Mapping(iova, pa, size, Uapi.MAP_FLAGS_MASK));
    }

    private void map(Mapping mapping) {
        Completion completion = new Completion();
        assertEquals(0, machine.translator().map(DOMAIN, mapping, completion), completion::toString);
    }

    private void unmap(long first, long size) {
        Completion completion = new Completion();
        assertEquals(0, machine.translator().unmap(DOMAIN, first, first + size - 1, completion), completion::toString);
    }

    private void bind(Bound how) {
        assertEquals(Errno.OK, machine.bind(DOMAIN, how.operation, 0, how.payload()), machine.last()::toString);
    }

    private Errno unbind(Bound how) {
        return machine.bind(DOMAIN, how.operation, Uapi.BIND_FLAG_UNBIND, how.payload());
    }

    /** Writes a stage-1 leaf as the guest does: at guest-physical addresses, which are that far from the host's. */
    private void leaf(long iova, long leaf) {
        long table = TABLES;
        for (int level = 0; level < 3; level++) {
            long slot = HOST_TABLES + table + ((iova >>> (39 - 9 * level)) & 0x1ff) * 8;
            if (machine.memory().readLongLe(slot) == 0) {
                usedTables++;
                machine.memory().writeLongLe(slot, (TABLES + usedTables * PAGE) | 3);
            }
            table = machine.memory().readLongLe(slot) & ~0xfffL;
        }
        machine.memory().writeLongLe(HOST_TABLES + table + ((iova >>> 12) & 0x1ff) * 8, leaf);
    }

    private long usedTables;

    private long access(int pasid, long iova, int rights) {
        DmaAccess access = new DmaAccess().begin(DEVICE, iova, rights).withPasid(pasid);
        machine.chip().translate(access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    private void invalidate(Bound how, long iova) {
        int scope = how == Bound.ONE_PASID ? Uapi.SCOPE_PASID | Uapi.SCOPE_VADDR : Uapi.SCOPE_VADDR;
        int flags = how == Bound.ONE_PASID ? 0 : Uapi.FLAGS_NO_PASID;
        byte[] request = new RequestWriter(Abi.LP64_LE, IommuModel.ARM_SMMU, SmmuGeneration.V3_3)
                .invalidate(scope, flags, how == Bound.ONE_PASID ? PASID : 0, iova, PAGE, new byte[0]);
        assertEquals(Errno.OK, machine.submit(DOMAIN, request).errno());
    }

    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldTranslateThroughBothStages(Bound how) {
        bind(how);
        leaf(0x7000, DATA | READ_WRITE);
        assertEquals(-1, access(how.pasid(), 0x7000, DmaAccess.READ));
        map(DATA, HOST_DATA, PAGE);
        assertEquals(HOST_DATA + 0x123, access(how.pasid(), 0x7123, DmaAccess.READ));
        machine.swap();
        assertEquals(HOST_DATA + 0x123, access(how.pasid(), 0x7123, DmaAccess.WRITE));
        unmap(DATA, PAGE);
        assertEquals(-1, access(how.pasid(), 0x7123, DmaAccess.READ));
        map(DATA, HOST_DATA + PAGE, PAGE);
        assertEquals(HOST_DATA + PAGE, access(how.pasid(), 0x7000, DmaAccess.READ));
        assertEquals(Errno.OK, unbind(how), machine.last()::toString);
        assertEquals(-1, access(how.pasid(), 0x7000, DmaAccess.READ));
        assertEquals(Errno.OK, machine.close(DOMAIN));
        expectNothingStale();
    }

    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldFaultWhereTheTablesAreNotMapped(Bound how) {
        bind(how);
        leaf(0x7000, DATA | READ_WRITE);
        map(DATA, HOST_DATA, PAGE);
        assertEquals(HOST_DATA, access(how.pasid(), 0x7000, DmaAccess.READ));
        unmap(TABLES, TABLE_BYTES);
        assertEquals(-1, access(how.pasid(), 0x7000, DmaAccess.READ));
        map(TABLES, HOST_TABLES + TABLES, TABLE_BYTES);
        assertEquals(HOST_DATA, access(how.pasid(), 0x7000, DmaAccess.READ));
        if (how == Bound.CONTEXT_TABLE) {
            unmap(CONTEXTS, PAGE);
            assertEquals(-1, access(how.pasid(), 0x7000, DmaAccess.READ));
        }
        expectNothingStale();
    }

    @Test
    void shouldGrantWhatBothStagesGrant() {
        bind(Bound.PAGE_TABLE);
        leaf(0x7000, DATA | READ_WRITE);
        leaf(0x8000, (DATA + PAGE) | READ_ONLY);
        leaf(0x9000, (DATA + 2 * PAGE) | READ_WRITE);
        map(new Mapping(DATA, HOST_DATA, PAGE, Uapi.MAP_FLAG_READ));
        map(new Mapping(DATA + PAGE, HOST_DATA + PAGE, PAGE, Uapi.MAP_FLAGS_MASK));
        map(new Mapping(DATA + 2 * PAGE, HOST_DATA + 2 * PAGE, PAGE, Uapi.MAP_FLAG_WRITE));
        assertEquals(HOST_DATA, access(DmaAccess.NO_PASID, 0x7000, DmaAccess.READ));
        assertEquals(-1, access(DmaAccess.NO_PASID, 0x7000, DmaAccess.WRITE));
        assertEquals(HOST_DATA + PAGE, access(DmaAccess.NO_PASID, 0x8000, DmaAccess.READ));
        assertEquals(-1, access(DmaAccess.NO_PASID, 0x8000, DmaAccess.WRITE));
        assertEquals(-1, access(DmaAccess.NO_PASID, 0x9000, DmaAccess.READ));
        assertEquals(HOST_DATA + 2 * PAGE, access(DmaAccess.NO_PASID, 0x9000, DmaAccess.WRITE));
    }

    @Test
    void shouldReachGuestPhysicalMemoryWherePassThroughIsBound() {
        int pass = (int) BindPasidTable.FLAG_PASS_THROUGH.mask();
        assertEquals(
                Errno.OK,
                machine.bind(DOMAIN, Uapi.BIND_PASIDTBL, pass, Machine.contexts(DEVICE, 0, 0, 0)),
                machine.last()::toString);
        map(DATA, HOST_DATA, 2 << 20);
        assertEquals(HOST_DATA + 0x1234, access(DmaAccess.NO_PASID, DATA + 0x1234, DmaAccess.WRITE));
        assertEquals(-1, access(DmaAccess.NO_PASID, DATA - 1, DmaAccess.WRITE));
        unmap(DATA, 2 << 20);
        assertEquals(-1, access(DmaAccess.NO_PASID, DATA + 0x1234, DmaAccess.WRITE));
        expectNothingStale();
    }

    @Test
    void shouldKeepTheUpperHalfOfTheIntermediateAddressesForTheHost() {
        assertEquals(47, machine.translator().memoryMap().addressBits());
        bind(Bound.PAGE_TABLE);
        for (long page = 0; page < 64; page++) {
            leaf(0x7000, ((1L << 47) + page * PAGE) | READ_WRITE);
            invalidate(Bound.PAGE_TABLE, 0x7000);
            assertEquals(-1, access(DmaAccess.NO_PASID, 0x7000, DmaAccess.WRITE));
        }
    }

    @Test
    void shouldDropBothStagesAndTheDeviceWhenMemoryIsUnmapped() {
        int deviceTlb = (int) BindPasidTable.FLAG_DEVICE_TLB.mask();
        assertEquals(
                Errno.OK,
                machine.bind(DOMAIN, Uapi.BIND_PASIDTBL, deviceTlb, Machine.contexts(DEVICE, CONTEXTS, 0, 0)));
        map(DATA, HOST_DATA, PAGE);
        machine.takeCommands();
        unmap(DATA, PAGE);
        assertEquals(
                List.of(
                        "000001a800000006 0000000000000000",
                        "0000000000000046 0000000000000000",
                        "000000010000002a 0000000040000000",
                        "0000000100000010 0000000000000000",
                        "0000000000000046 0000000000000000",
                        "000001a800000040 0000000000000034",
                        "0000000000000046 0000000000000000"),
                machine.takeCommands());
    }

    @ParameterizedTest
    @ValueSource(strings = {"S2P", "GRAN4K"})
    void shouldTakeNoMapWithoutItsStage(String missing) {
        machine = Machine.of(new HardwareConfig(
                SmmuGeneration.V3_3, Map.of("idr", Map.of(missing, 0L)), Map.of(), CacheConfig.DEFAULT, Map.of()));
        assertEquals(MemoryMapSupport.NONE, machine.translator().memoryMap());
    }

    /** Random maps, unmaps, edits and swaps against the composition of two plain maps. */
    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldBeTheCompositionOfBothMaps(Bound how) {
        for (CacheConfig caches : new CacheConfig[] {CacheConfig.WORST_CASE, CacheConfig.TINY}) {
            open(caches, Map.of());
            usedTables = 0;
            compose(how, new SplittableRandom(how.operation));
            expectNothingStale();
        }
    }

    private void compose(Bound how, SplittableRandom random) {
        bind(how);
        Map<Long, Long> stage1 = new HashMap<>();
        TreeMap<Long, Mapping> stage2 = new TreeMap<>();
        for (int step = 0; step < 250; step++) {
            int what = random.nextInt(10);
            if (what < 3) {
                boolean large = random.nextInt(4) == 0;
                long unit = large ? 2 << 20 : PAGE;
                long iova = DATA + (large ? random.nextInt(3) * unit : random.nextInt(1024) * unit);
                long size = unit * (1 + random.nextInt(large ? 2 : 40));
                Mapping mapping = new Mapping(iova, HOST_DATA + random.nextInt(64) * unit, size, 3);
                var below = stage2.floorEntry(mapping.last());
                if (below == null || below.getValue().last() < iova) {
                    map(mapping);
                    stage2.put(iova, mapping);
                }
            } else if (what < 5 && !stage2.isEmpty()) {
                List<Mapping> all = new ArrayList<>(stage2.values());
                Mapping gone = all.get(random.nextInt(all.size()));
                unmap(gone.iova(), gone.size());
                stage2.remove(gone.iova());
            } else if (what < 8) {
                long iova = random.nextInt(32) * PAGE;
                long gpa = DATA + random.nextInt(1536) * PAGE;
                leaf(iova, gpa | READ_WRITE);
                invalidate(how, iova);
                stage1.put(iova, gpa);
            } else if (what == 8 && random.nextInt(4) == 0) {
                machine.swap();
            }
            for (int i = 0; i < 12; i++) {
                long iova = random.nextInt(32) * PAGE;
                long gpa = stage1.getOrDefault(iova, -1L);
                var at = gpa < 0 ? null : stage2.floorEntry(gpa);
                boolean there = at != null && at.getValue().contains(gpa);
                long expected = there ? at.getValue().pa() + (gpa - at.getKey()) + 8 : -1;
                assertEquals(expected, access(how.pasid(), iova + 8, DmaAccess.READ));
            }
        }
    }

    private void expectNothingStale() {
        var report = machine.platform().sanitizer().report();
        assertEquals(0, report.chipFaults(), report::toString);
        assertTrue(
                report.counts().keySet().stream().noneMatch(kind -> kind.name().startsWith("MISSING")),
                report::toString);
    }
}
