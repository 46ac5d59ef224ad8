package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.Machine.Words;
import org.iommu4j.intel.command.BindPgtable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A container's memory map as second stage below the tables of its guest, and alone. */
class GuestMemoryTest {
    private static final int DEVICE = 0x310;
    private static final int DOMAIN = 3;
    private static final long PAGE = 4096;
    private static final int PASID = 5;
    private static final int FIRST_STAGE = (int) BindPgtable.FLAG_FIRST_STAGE.mask();

    /** Guest-physical addresses: first-stage tables, data. */
    private static final long TABLES = 0x20_0000;

    private static final long TABLE_BYTES = 0x4_0000;
    private static final long DATA = 0x4000_0000L;

    /** Where they are on the host. */
    private static final long HOST_TABLES = 0x8_0000_0000L;

    private static final long HOST_DATA = 0x9_0000_0000L;
    private static final int USER_WRITE = 7;
    private static final int USER_READ = 5;

    private Machine machine;
    private long usedTables;

    /** The ways to bind over a map. */
    private enum Bound {
        FIRST_STAGE_TABLE(0x400, GuestMemoryTest.FIRST_STAGE, 0),
        ONE_PASID(0x400, GuestMemoryTest.FIRST_STAGE, PASID),
        PASS_THROUGH_WITH_PASID(0x300, BindPgtable.PASS_THROUGH, PASID),
        PASS_THROUGH(0x500, BindPgtable.PASS_THROUGH, 0),
        PASS_THROUGH_OF_A_QUEUE(0x110, BindPgtable.PASS_THROUGH, 0),
        PASS_THROUGH_OF_REGISTERS(0x100, BindPgtable.PASS_THROUGH, 0);

        private final int subVersion;
        private final int flags;
        private final int pasid;

        Bound(int subVersion, int flags, int pasid) {
            this.subVersion = subVersion;
            this.flags = flags;
            this.pasid = pasid;
        }

        private boolean isNested() {
            return flags == GuestMemoryTest.FIRST_STAGE;
        }

        private long root() {
            return isNested() ? TABLES : 0;
        }

        private int width() {
            return isNested() ? 48 : 0;
        }
    }

    private void open(Bound how, CacheConfig caches, Map<String, Map<String, Long>> fields) {
        usedTables = 0;
        machine = Machine.watched(new HardwareConfig(how.subVersion, fields, Map.of(), caches, Map.of()));
        assertEquals(Errno.OK, machine.open(DOMAIN));
        assertEquals(Errno.OK, machine.attach(DOMAIN, DEVICE));
        assertEquals(0, machine.translator().beginMap(DOMAIN, new Completion()));
        map(TABLES, HOST_TABLES + TABLES, TABLE_BYTES);
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

    private Errno request(Bound how, int more) {
        int flags = how.flags | more;
        return how.pasid == 0
                ? machine.bind(DOMAIN, DEVICE, how.root(), how.width(), 1, flags)
                : machine.bind(
                        DOMAIN,
                        Uapi.BIND_PASID,
                        flags,
                        Machine.pasidPayload(DEVICE, how.root(), how.width(), 1, how.pasid));
    }

    private void bind(Bound how, int more) {
        assertEquals(Errno.OK, request(how, more), machine.last()::toString);
    }

    /** Writes a first-stage leaf as the guest does: at guest-physical addresses, which are that far from the host's. */
    private void leaf(long iova, long entry) {
        long table = TABLES;
        for (int level = 0; level < 3; level++) {
            long slot = HOST_TABLES + table + (iova >>> (39 - 9 * level) & 0x1ff) * 8;
            if (machine.memory().readLongLe(slot) == 0) {
                usedTables++;
                machine.memory().writeLongLe(slot, (TABLES + usedTables * PAGE) | USER_WRITE);
            }
            table = machine.memory().readLongLe(slot) & -PAGE;
        }
        machine.memory().writeLongLe(HOST_TABLES + table + (iova >>> 12 & 0x1ff) * 8, entry);
    }

    private long access(Bound how, long iova, int rights) {
        DmaAccess access =
                new DmaAccess().begin(DEVICE, iova, rights).withPasid(how.pasid == 0 ? DmaAccess.NO_PASID : how.pasid);
        machine.chip().translate(access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    private void invalidate(Bound how, long iova) {
        int scope = Uapi.SCOPE_VADDR | (how.pasid == 0 ? 0 : Uapi.SCOPE_PASID);
        int flags = how.pasid == 0 ? Uapi.FLAGS_NO_PASID : 0;
        Completion done = machine.request(DOMAIN, scope, flags, how.pasid, iova, PAGE, new byte[0]);
        assertEquals(Errno.OK, done.errno(), done::toString);
    }

    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldTranslateThroughTheMapUntilItIsUnmapped(Bound how) {
        open(how);
        bind(how, 0);
        long iova = how.isNested() ? 0x7000 : DATA;
        if (how.isNested()) {
            leaf(iova, DATA | USER_WRITE);
        }
        assertEquals(-1, access(how, iova, DmaAccess.READ));
        map(DATA, HOST_DATA, PAGE);
        assertEquals(HOST_DATA + 0x123, access(how, iova + 0x123, DmaAccess.READ));
        machine.swap();
        assertEquals(HOST_DATA + 0x123, access(how, iova + 0x123, DmaAccess.WRITE));
        unmap(DATA, PAGE);
        assertEquals(-1, access(how, iova + 0x123, DmaAccess.READ));
        map(DATA, HOST_DATA + PAGE, PAGE);
        assertEquals(HOST_DATA + PAGE, access(how, iova, DmaAccess.READ));
        assertEquals(Errno.OK, request(how, Uapi.BIND_FLAG_UNBIND), machine.last()::toString);
        assertEquals(-1, access(how, iova, DmaAccess.READ));
        assertEquals(Errno.OK, machine.close(DOMAIN));
        expectNothingStale();
    }

    @ParameterizedTest
    @EnumSource(
            value = Bound.class,
            names = {"FIRST_STAGE_TABLE", "ONE_PASID"})
    void shouldFaultWhereTheTablesAreNotMapped(Bound how) {
        open(how);
        bind(how, 0);
        leaf(0x7000, DATA | USER_WRITE);
        map(DATA, HOST_DATA, PAGE);
        assertEquals(HOST_DATA, access(how, 0x7000, DmaAccess.READ));
        unmap(TABLES, TABLE_BYTES);
        assertEquals(-1, access(how, 0x7000, DmaAccess.READ));
        map(TABLES, HOST_TABLES + TABLES, TABLE_BYTES);
        assertEquals(HOST_DATA, access(how, 0x7000, DmaAccess.READ));
        expectNothingStale();
    }

    @Test
    void shouldGrantWhatBothStagesGrant() {
        Bound how = Bound.FIRST_STAGE_TABLE;
        open(how);
        bind(how, 0);
        leaf(0x7000, DATA | USER_WRITE);
        leaf(0x8000, (DATA + PAGE) | USER_READ);
        leaf(0x9000, (DATA + 2 * PAGE) | USER_WRITE);
        map(new Mapping(DATA, HOST_DATA, PAGE, Uapi.MAP_FLAG_READ));
        map(new Mapping(DATA + PAGE, HOST_DATA + PAGE, PAGE, Uapi.MAP_FLAGS_MASK));
        map(new Mapping(DATA + 2 * PAGE, HOST_DATA + 2 * PAGE, PAGE, Uapi.MAP_FLAG_WRITE));
        assertEquals(HOST_DATA, access(how, 0x7000, DmaAccess.READ));
        assertEquals(-1, access(how, 0x7000, DmaAccess.WRITE));
        assertEquals(HOST_DATA + PAGE, access(how, 0x8000, DmaAccess.READ));
        assertEquals(-1, access(how, 0x8000, DmaAccess.WRITE));
        assertEquals(-1, access(how, 0x9000, DmaAccess.READ));
        assertEquals(HOST_DATA + 2 * PAGE, access(how, 0x9000, DmaAccess.WRITE));
    }

    @Test
    void shouldTakeNoSecondStageTableOfAGuestOverAMap() {
        for (int subVersion : new int[] {0x100, 0x110, 0x400}) {
            open(subVersion == 0x400 ? Bound.FIRST_STAGE_TABLE : Bound.PASS_THROUGH_OF_A_QUEUE);
            assertEquals(Errno.EOPNOTSUPP, machine.bind(DOMAIN, DEVICE, TABLES, 48, 1, 0));
            assertEquals(Rule.V34, machine.last().rule());
        }
    }

    @ParameterizedTest
    @CsvSource({"NEST, 95", "FSTS, 95"})
    void shouldNestOnlyOnAChipThatDoes(String missing, int errno) {
        Map<String, Long> ecap =
                missing.equals("NEST") ? Map.of("NEST", 0L) : Map.of("NEST", 0L, "FSTS", 0L, "EAFS", 0L);
        Map<String, Map<String, Long>> fields = missing.equals("NEST")
                ? Map.of("ecap", ecap)
                : Map.of("ecap", ecap, "cap", Map.of("FS1GP", 0L, "FS5LP", 0L));
        open(Bound.FIRST_STAGE_TABLE, CacheConfig.WORST_CASE, fields);
        assertEquals(-errno, request(Bound.FIRST_STAGE_TABLE, 0).code());
        bind(Bound.PASS_THROUGH, 0);
    }

    @Test
    void shouldPassThroughAMapWithADeviceTlbAndWithoutPassThroughOfTheChip() {
        Bound how = Bound.PASS_THROUGH_OF_A_QUEUE;
        open(how, CacheConfig.WORST_CASE, Map.of("ecap", Map.of("PT", 0L)));
        bind(how, BindPgtable.DEVICE_TLB);
        map(DATA, HOST_DATA, 2 << 20);
        map(DATA + (8 << 20), HOST_DATA, PAGE);
        assertEquals(HOST_DATA + 0x1234, access(how, DATA + 0x1234, DmaAccess.WRITE));
        assertEquals(-1, access(how, DATA - 1, DmaAccess.WRITE));
        machine.takeCommands();
        unmap(DATA, 2 << 20);
        assertEquals(
                List.of(
                        new Words(0x0000_0000_0001_00f2L, DATA | 0x49),
                        new Words(0x0000_0310_0000_0003L, 0x7fff_ffff_ffff_f001L)),
                machine.takeCommands());
        assertEquals(-1, access(how, DATA + 0x1234, DmaAccess.WRITE));
        expectNothingStale();
    }

    @Test
    void shouldDropThePagesOfEachDomainIdAndAllOfADeviceWhenMemoryIsUnmapped() {
        open(Bound.ONE_PASID);
        bind(Bound.ONE_PASID, BindPgtable.DEVICE_TLB);
        bind(Bound.PASS_THROUGH, BindPgtable.DEVICE_TLB);
        map(DATA, HOST_DATA, PAGE);
        map(DATA + 0x8000, HOST_DATA, PAGE);
        machine.takeCommands();
        unmap(DATA, PAGE);
        Words device = new Words(0x0310_0310_0000_0003L, 0x7fff_ffff_ffff_f001L);
        Words everyPasidOfIt = new Words(0x0310_0000_0310_0008L, 0x7fff_ffff_ffff_f801L);
        assertEquals(
                List.of(
                        new Words(0x0000_0000_0001_00f2L, DATA | 0x40),
                        new Words(0x0000_0000_0002_00f2L, DATA | 0x40),
                        device,
                        everyPasidOfIt),
                machine.takeCommands());
        // The last page of a table: the way to it goes, too.
        unmap(DATA + 0x8000, PAGE);
        assertEquals(
                List.of(
                        new Words(0x0000_0000_0001_00e2L, 0),
                        new Words(0x0000_0000_0002_00e2L, 0),
                        device,
                        everyPasidOfIt),
                machine.takeCommands());
    }

    @ParameterizedTest
    @CsvSource({"0, 12", "1, 21", "3, 30"})
    void shouldHaveThePageSizesOfTheChip(long sizes, int largestShift) {
        Bound how = Bound.PASS_THROUGH_OF_A_QUEUE;
        open(how, CacheConfig.WORST_CASE, Map.of("cap", Map.of("SSLPS", sizes)));
        MemoryMapSupport support = machine.translator().memoryMap();
        assertEquals(1L << largestShift, Long.highestOneBit(support.pageSizes()));
        assertEquals(48, support.addressBits());
        bind(how, 0);
        map(DATA, HOST_DATA & -(1L << 30), 1 << 30);
        assertEquals((HOST_DATA & -(1L << 30)) + 0x3456_7890, access(how, DATA + 0x3456_7890, DmaAccess.READ));
    }

    @Test
    void shouldTakeNoMapWithoutASecondStage() {
        Machine without = Machine.of(new HardwareConfig(
                0x400,
                Map.of("ecap", Map.of("SSTS", 0L, "SSADS", 0L, "NEST", 0L)),
                Map.of(),
                CacheConfig.DEFAULT,
                Map.of()));
        assertEquals(MemoryMapSupport.NONE, without.translator().memoryMap());
    }

    /** Random maps, unmaps, edits and swaps against the composition of two plain maps. */
    @ParameterizedTest
    @EnumSource(Bound.class)
    void shouldBeTheCompositionOfBothMaps(Bound how) {
        for (long cachingMode = 0; cachingMode <= 1; cachingMode++) {
            for (CacheConfig caches : new CacheConfig[] {CacheConfig.WORST_CASE, CacheConfig.TINY}) {
                open(how, caches, Map.of("cap", Map.of("CM", cachingMode)));
                compose(how, new SplittableRandom(how.subVersion + how.pasid));
                expectNothingStale();
            }
        }
    }

    private void compose(Bound how, SplittableRandom random) {
        bind(how, 0);
        Map<Long, Long> stage1 = new HashMap<>();
        TreeMap<Long, Mapping> stage2 = new TreeMap<>();
        for (int step = 0; step < 100; step++) {
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
            } else if (what < 8 && how.isNested()) {
                long iova = random.nextInt(32) * PAGE;
                long gpa = DATA + random.nextInt(1536) * PAGE;
                leaf(iova, gpa | USER_WRITE);
                invalidate(how, iova);
                stage1.put(iova, gpa);
            } else if (what == 8 && random.nextInt(4) == 0) {
                machine.swap();
            }
            for (int i = 0; i < 12; i++) {
                long iova = how.isNested() ? random.nextInt(32) * PAGE : DATA + random.nextInt(1536) * PAGE;
                long gpa = how.isNested() ? stage1.getOrDefault(iova, -1L) : iova;
                var at = gpa < 0 ? null : stage2.floorEntry(gpa);
                boolean there = at != null && at.getValue().contains(gpa);
                long expected = there ? at.getValue().pa() + (gpa - at.getKey()) + 8 : -1;
                assertEquals(expected, access(how, iova + 8, DmaAccess.READ));
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
