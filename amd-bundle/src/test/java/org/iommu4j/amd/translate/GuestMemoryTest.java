package org.iommu4j.amd.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.iommu4j.amd.Machine;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.table.Gcr3Entry;
import org.iommu4j.amd.table.GuestPte;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A container's memory map as host table below the guest tables of its guest. */
class GuestMemoryTest {
    private static final int DEVICE = 0x310;
    private static final int DOMAIN = 3;
    private static final long PAGE = 4096;
    private static final int PASID = 5;
    private static final int GUEST_DOMAIN = 7;

    /** Guest-physical addresses: GCR3 table, guest tables, data. */
    private static final long GCR3 = 0x10000;

    private static final long TABLES = 0x200000;
    private static final long TABLE_BYTES = 0x40000;
    private static final long DATA = 0x4000_0000L;

    /** Where the tables are on the host. */
    private static final long HOST_TABLES = 0x8_0000_0000L;

    private static final long HOST_DATA = 0x9_0000_0000L;
    private static final long READ_ONLY = GuestPte.P.mask() | GuestPte.US.mask();
    private static final long READ_WRITE = READ_ONLY | GuestPte.RW.mask();
    private static final long TABLE_ADDRESS = GuestPte.ADDRESS.mask();

    private Machine machine;
    private long usedTables;

    /** The ways to bind a guest's table. */
    private enum Bound {
        /** The guest's own GCR3 table, at a guest address. */
        GCR3_TABLE(AmdViGeneration.NESTED),
        /** One PASID in a GCR3 table of the host. */
        ONE_PASID(AmdViGeneration.V3),
        /** The same where no device may be without a host table. */
        ONE_PASID_SNP(AmdViGeneration.SNP);

        private final int generation;

        Bound(int generation) {
            this.generation = generation;
        }
    }

    private void open(Bound how, CacheConfig caches, Map<String, Map<String, Long>> fields) {
        machine = Machine.watched(
                new HardwareConfig(how.generation, fields, Map.of(), caches, Map.of()), DevicePort.COMPLETING);
        usedTables = 0;
        begin();
        map(GCR3, HOST_TABLES, PAGE);
        map(TABLES, HOST_TABLES + TABLES, TABLE_BYTES);
        machine.memory()
                .writeLongLe(
                        HOST_TABLES + (long) PASID * Gcr3Entry.BYTES,
                        Gcr3Entry.ADDRESS.of(TABLES) | Gcr3Entry.V.mask());
    }

    private void begin() {
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        assertEquals(0, machine.translator().beginMap(DOMAIN, new Completion()));
    }

    private void open(Bound how) {
        open(how, CacheConfig.WORST_CASE, Map.of());
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

    private Errno bind(Bound how, int flags) {
        return how == Bound.GCR3_TABLE
                ? machine.bindPasidTable(DOMAIN, DEVICE, GCR3, 0, true, GUEST_DOMAIN, flags)
                : machine.bindPasid(DOMAIN, DEVICE, PASID, TABLES, flags);
    }

    private void bind(Bound how) {
        assertEquals(Errno.OK, bind(how, 0), machine.last()::toString);
    }

    private Errno passThrough(int flags) {
        return machine.bindTable(DOMAIN, DEVICE, 0, 0, 0, (int) BindPgtable.FLAG_PASS_THROUGH.mask() | flags);
    }

    /** Writes a guest leaf as the guest does: at guest-physical addresses, which are that far from the host's. */
    private void leaf(long iova, long leaf) {
        long table = TABLES;
        for (int level = 4; level > 1; level--) {
            long slot = HOST_TABLES + table + (long) TableLevel.index(iova, level) * GuestPte.BYTES;
            if (machine.memory().readLongLe(slot) == 0) {
                usedTables++;
                machine.memory().writeLongLe(slot, (TABLES + usedTables * PAGE) | READ_WRITE);
            }
            table = machine.memory().readLongLe(slot) & TABLE_ADDRESS;
        }
        machine.memory().writeLongLe(HOST_TABLES + table + (long) TableLevel.index(iova, 1) * GuestPte.BYTES, leaf);
    }

    private long access(int pasid, long iova, int rights) {
        DmaAccess access = new DmaAccess().begin(DEVICE, iova, rights).withPasid(pasid);
        machine.chip().translate(access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    private void invalidate(Bound how, long iova) {
        byte[] request = new RequestWriter(Abi.LP64_LE, IommuModel.AMD, how.generation)
                .invalidate(Uapi.SCOPE_PASID | Uapi.SCOPE_VADDR, 0, PASID, iova, PAGE, new byte[0]);
        assertEquals(Errno.OK, machine.submit(DOMAIN, request).errno());
    }

    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldTranslateThroughBothTables(Bound how) {
        open(how);
        bind(how);
        leaf(0x7000, DATA | READ_WRITE);
        assertEquals(-1, access(PASID, 0x7000, DmaAccess.READ));
        map(DATA, HOST_DATA, PAGE);
        assertEquals(HOST_DATA + 0x123, access(PASID, 0x7123, DmaAccess.READ));
        machine.swap();
        assertEquals(HOST_DATA + 0x123, access(PASID, 0x7123, DmaAccess.WRITE));
        unmap(DATA, PAGE);
        assertEquals(-1, access(PASID, 0x7123, DmaAccess.READ));
        map(DATA, HOST_DATA + PAGE, PAGE);
        assertEquals(HOST_DATA + PAGE, access(PASID, 0x7000, DmaAccess.READ));
        assertEquals(Errno.OK, bind(how, Uapi.BIND_FLAG_UNBIND), machine.last()::toString);
        assertEquals(-1, access(PASID, 0x7000, DmaAccess.READ));
        assertEquals(Errno.OK, machine.close(DOMAIN));
        expectNothingStale();
    }

    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldFaultWhereTheTablesAreNotMapped(Bound how) {
        open(how);
        bind(how);
        leaf(0x7000, DATA | READ_WRITE);
        map(DATA, HOST_DATA, PAGE);
        assertEquals(HOST_DATA, access(PASID, 0x7000, DmaAccess.READ));
        unmap(TABLES, TABLE_BYTES);
        assertEquals(-1, access(PASID, 0x7000, DmaAccess.READ));
        map(TABLES, HOST_TABLES + TABLES, TABLE_BYTES);
        assertEquals(HOST_DATA, access(PASID, 0x7000, DmaAccess.READ));
        if (how == Bound.GCR3_TABLE) {
            unmap(GCR3, PAGE);
            assertEquals(-1, access(PASID, 0x7000, DmaAccess.READ));
        }
        expectNothingStale();
    }

    @Test
    void shouldGrantWhatBothTablesGrant() {
        open(Bound.GCR3_TABLE);
        bind(Bound.GCR3_TABLE);
        leaf(0x7000, DATA | READ_WRITE);
        leaf(0x8000, (DATA + PAGE) | READ_ONLY);
        leaf(0x9000, (DATA + 2 * PAGE) | READ_WRITE);
        map(new Mapping(DATA, HOST_DATA, PAGE, Uapi.MAP_FLAG_READ));
        map(new Mapping(DATA + PAGE, HOST_DATA + PAGE, PAGE, Uapi.MAP_FLAGS_MASK));
        map(new Mapping(DATA + 2 * PAGE, HOST_DATA + 2 * PAGE, PAGE, Uapi.MAP_FLAG_WRITE));
        assertEquals(HOST_DATA, access(PASID, 0x7000, DmaAccess.READ));
        assertEquals(-1, access(PASID, 0x7000, DmaAccess.WRITE));
        assertEquals(HOST_DATA + PAGE, access(PASID, 0x8000, DmaAccess.READ));
        assertEquals(-1, access(PASID, 0x8000, DmaAccess.WRITE));
        assertEquals(-1, access(PASID, 0x9000, DmaAccess.READ));
        assertEquals(HOST_DATA + 2 * PAGE, access(PASID, 0x9000, DmaAccess.WRITE));
    }

    private static Stream<Arguments> generations() {
        return AmdViGeneration.ALL.stream().map(Arguments::of);
    }

    @ParameterizedTest
    @MethodSource("generations")
    void shouldReachGuestPhysicalMemoryWherePassThroughIsBound(int generation) {
        machine = Machine.watched(
                new HardwareConfig(generation, Map.of(), Map.of(), CacheConfig.WORST_CASE, Map.of()),
                DevicePort.COMPLETING);
        begin();
        map(DATA, HOST_DATA, 2 << 20);
        assertEquals(-1, access(DmaAccess.NO_PASID, DATA, DmaAccess.READ));
        assertEquals(Errno.OK, passThrough(0), machine.last()::toString);
        assertEquals(HOST_DATA + 0x1234, access(DmaAccess.NO_PASID, DATA + 0x1234, DmaAccess.WRITE));
        assertEquals(-1, access(DmaAccess.NO_PASID, DATA - 1, DmaAccess.WRITE));
        machine.swap();
        unmap(DATA, 2 << 20);
        assertEquals(-1, access(DmaAccess.NO_PASID, DATA + 0x1234, DmaAccess.WRITE));
        assertEquals(Errno.OK, passThrough(Uapi.BIND_FLAG_UNBIND), machine.last()::toString);
        expectNothingStale();
    }

    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldKeepRequestsWithoutPasidInTheMapWhilePasidsAreBoundAboveIt(Bound how) {
        open(how);
        map(DATA, HOST_DATA, PAGE);
        assertEquals(Errno.OK, passThrough(0));
        if (how == Bound.GCR3_TABLE) {
            assertEquals(
                    Errno.OK, machine.bindPasidTable(DOMAIN, DEVICE, GCR3, 0, false, 0, 0), machine.last()::toString);
        } else {
            bind(how);
        }
        leaf(0x7000, DATA | READ_WRITE);
        assertEquals(HOST_DATA, access(PASID, 0x7000, DmaAccess.READ));
        assertEquals(HOST_DATA, access(DmaAccess.NO_PASID, DATA, DmaAccess.READ));
        assertEquals(-1, access(DmaAccess.NO_PASID, HOST_DATA, DmaAccess.READ));
        unmap(DATA, PAGE);
        assertEquals(-1, access(DmaAccess.NO_PASID, DATA, DmaAccess.READ));
        expectNothingStale();
    }

    @Test
    void shouldRefuseHostTablesAboveTheMap() {
        open(Bound.GCR3_TABLE);
        assertEquals(Errno.EOPNOTSUPP, machine.bindTable(DOMAIN, DEVICE, TABLES, 4, false));
    }

    @Test
    void shouldRefuseGcr3TablesThatTheChipReadsBesideTheMap() {
        open(Bound.ONE_PASID);
        assertEquals(Errno.EOPNOTSUPP, machine.bindPasidTable(DOMAIN, DEVICE, GCR3, 0, true, false, 0, 0));
        assertEquals(Errno.OK, passThrough(0));
        assertEquals(Errno.EOPNOTSUPP, machine.bindPasidTable(DOMAIN, DEVICE, GCR3, 0, false, false, 0, 0));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldDropOnceForEachHostDomainIdAndAllThatDevicesHoldWhenMemoryIsUnmapped(boolean wholeTable) {
        open(Bound.GCR3_TABLE);
        assertEquals(Errno.OK, passThrough((int) BindPgtable.FLAG_DEVICE_TLB.mask()));
        bind(Bound.GCR3_TABLE);
        assertEquals(Errno.OK, machine.attach(DOMAIN, 0x18));
        assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, 0x18, GCR3, 0, true, 8, 0));
        map(DATA, HOST_DATA, PAGE);
        map(DATA + PAGE, HOST_DATA, PAGE);
        machine.takeCommands();
        unmap(DATA, PAGE);
        if (wholeTable) {
            machine.takeCommands();
            unmap(DATA + PAGE, PAGE);
        }
        String range = wholeTable ? "0000000040001002" : "0000000040000000";
        assertEquals(
                List.of(
                        "3000000200000000 " + range,
                        "3000000100000000 " + range,
                        "4000031020000310 7ffffffffffff001",
                        "4000031020000310 7ffffffffffff005"),
                machine.takeCommands().stream().map(Object::toString).toList());
    }

    /** docs/spec/amd-vi.md 4.4 AMD-D.3. */
    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldDropWhatIsAbsentWhenMemoryIsMapped(Bound how) {
        open(how, CacheConfig.WORST_CASE, Map.of("cap", Map.of("NpCache", 1L)));
        bind(how);
        leaf(0x7000, DATA | READ_WRITE);
        assertEquals(-1, access(PASID, 0x7000, DmaAccess.READ));
        map(DATA, HOST_DATA, PAGE);
        assertEquals(HOST_DATA, access(PASID, 0x7000, DmaAccess.READ));
        expectNothingStale();
    }

    @Test
    void shouldUnmapWhatItCouldNotTellTheChip() {
        boolean[] answers = {true};
        machine = Machine.watched(
                new HardwareConfig(
                        AmdViGeneration.V3,
                        Map.of("cap", Map.of("NpCache", 1L)),
                        Map.of(),
                        CacheConfig.WORST_CASE,
                        Map.of()),
                (requester, pasid, iova, bytes) -> answers[0]);
        begin();
        assertEquals(Errno.OK, passThrough((int) BindPgtable.FLAG_DEVICE_TLB.mask()));
        answers[0] = false;
        Completion completion = new Completion();
        int code =
                machine.translator().map(DOMAIN, new Mapping(DATA, HOST_DATA, PAGE, Uapi.MAP_FLAGS_MASK), completion);
        assertTrue(code < 0, completion::toString);
        assertEquals(-1, access(DmaAccess.NO_PASID, DATA, DmaAccess.READ));
        answers[0] = true;
        map(DATA, HOST_DATA, PAGE);
        assertEquals(HOST_DATA, access(DmaAccess.NO_PASID, DATA, DmaAccess.READ));
    }

    @Test
    void shouldTakeNoMapWithoutHostTables() {
        machine = Machine.of(new HardwareConfig(
                AmdViGeneration.V3, Map.of("efr", Map.of("HATS", 3L)), Map.of(), CacheConfig.DEFAULT, Map.of()));
        assertEquals(MemoryMapSupport.NONE, machine.translator().memoryMap());
    }

    /** Random maps, unmaps, edits and swaps against the composition of two plain maps. */
    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldBeTheCompositionOfBothMaps(Bound how) {
        for (CacheConfig caches : new CacheConfig[] {CacheConfig.WORST_CASE, CacheConfig.TINY}) {
            open(how, caches, Map.of("cap", Map.of("NpCache", caches == CacheConfig.TINY ? 0L : 1L)));
            compose(how, new SplittableRandom(how.generation));
            expectNothingStale();
        }
    }

    private void compose(Bound how, SplittableRandom random) {
        bind(how);
        Map<Long, Long> guest = new TreeMap<>();
        TreeMap<Long, Mapping> host = new TreeMap<>();
        for (int step = 0; step < 150; step++) {
            int what = random.nextInt(10);
            if (what < 3) {
                boolean large = random.nextInt(4) == 0;
                long unit = large ? 2 << 20 : PAGE;
                long iova = DATA + (large ? random.nextInt(3) * unit : random.nextInt(1024) * unit);
                long size = unit * (1 + random.nextInt(large ? 2 : 40));
                Mapping mapping = new Mapping(iova, HOST_DATA + random.nextInt(64) * unit, size, 3);
                var below = host.floorEntry(mapping.last());
                if (below == null || below.getValue().last() < iova) {
                    map(mapping);
                    host.put(iova, mapping);
                }
            } else if (what < 5 && !host.isEmpty()) {
                List<Mapping> all = new ArrayList<>(host.values());
                Mapping gone = all.get(random.nextInt(all.size()));
                unmap(gone.iova(), gone.size());
                host.remove(gone.iova());
            } else if (what < 8) {
                long iova = random.nextInt(32) * PAGE;
                long gpa = DATA + random.nextInt(1536) * PAGE;
                leaf(iova, gpa | READ_WRITE);
                invalidate(how, iova);
                guest.put(iova, gpa);
            } else if (what == 8 && random.nextInt(4) == 0) {
                machine.swap();
            }
            for (int i = 0; i < 12; i++) {
                long iova = random.nextInt(32) * PAGE;
                long gpa = guest.getOrDefault(iova, -1L);
                var at = gpa < 0 ? null : host.floorEntry(gpa);
                boolean there = at != null && at.getValue().contains(gpa);
                long expected = there ? at.getValue().pa() + (gpa - at.getKey()) + 8 : -1;
                assertEquals(expected, access(PASID, iova + 8, DmaAccess.READ));
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
