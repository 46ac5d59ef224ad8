package org.iommu4j.driver.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.domain.DomainBooks;
import org.iommu4j.driver.domain.DomainPolicy;
import org.iommu4j.driver.domain.Members;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.junit.jupiter.api.Test;

/** Memory maps of a driver on a chip that carries invalidations out, or does not. */
class MemoryMapsTest {
    private static final long PAGE = 4096;
    private static final int LEVELS = 3;
    private static final int OUTPUT_BITS = 40;
    private static final MemoryMapSupport SUPPORT = new MemoryMapSupport(MapTables.PAGE_SIZES, 39);

    private final Platform platform = new SimulatedPlatform(
            new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING),
            System::nanoTime,
            256 * PAGE);
    private final Chip chip = new Chip();
    private final MemoryMaps<Domain> maps = new MemoryMaps<>(platform, new Format(), LEVELS, SUPPORT, chip);
    private final DomainBooks<Domain, Integer> books = new DomainBooks<>(new Policy());
    private final Completion completion = new Completion();

    /** Entries: bit 0 present, bit 1 a table, and the address. */
    private static final class Format implements EntryFormat {
        @Override
        public long table(int level, long pa) {
            return pa | 3;
        }

        @Override
        public long leaf(int level, long pa, int flags) {
            return pa | 1;
        }

        @Override
        public int outputBits() {
            return OUTPUT_BITS;
        }

        @Override
        public boolean isPresent(long entry) {
            return (entry & 1) != 0;
        }

        @Override
        public boolean isTable(int level, long entry) {
            return (entry & 2) != 0;
        }

        @Override
        public long address(int level, long entry) {
            return entry & -PAGE;
        }
    }

    /** What the policy was told. */
    private static final class Chip implements MapPolicy<Domain> {
        private final List<String> told = new ArrayList<>();
        private Errno outcome = Errno.OK;

        @Override
        public Errno mapped(Domain domain, Mapping mapping) {
            told.add("mapped " + mapping.iova());
            return outcome;
        }

        @Override
        public Errno unmapped(Domain domain, long first, long last, boolean tables) {
            told.add("unmapped " + first + " to " + last + (tables ? " with tables" : ""));
            return outcome;
        }
    }

    private static final class Domain implements MappedDomain<Integer> {
        private final Members<Integer> members;
        private MapTables memory;

        private Domain(int number) {
            members = new Members<>(number);
        }

        @Override
        public Members<Integer> members() {
            return members;
        }

        @Override
        public void rebuild() {
            // Nothing is kept of the devices.
        }

        @Override
        public MapTables memory() {
            return memory;
        }

        @Override
        public void memory(MapTables tables) {
            memory = tables;
        }
    }

    /** Domains without devices. */
    private static final class Policy implements DomainPolicy<Domain, Integer> {
        @Override
        public Domain open(int number, Completion completion) {
            return new Domain(number);
        }

        @Override
        public int close(Domain domain, Completion completion) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Integer device(Domain domain, int requester, Completion completion) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int attach(Domain domain, Integer device, long table, int levels, Completion completion) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int detach(Domain domain, Integer device, Completion completion) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void saveDomain(Domain domain, SnapshotWriter out) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Domain loadDomain(int number, SnapshotReader in) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void saveDevice(Domain domain, Integer device, SnapshotWriter out) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Integer loadDevice(Domain domain, int key, SnapshotReader in) {
            throw new UnsupportedOperationException();
        }
    }

    private Domain mapped(int number) {
        assertEquals(0, books.open(number, completion.begin()));
        Domain domain = books.find(number);
        assertEquals(0, maps.begin(domain, completion.begin()));
        return domain;
    }

    private int map(Domain domain, long iova, long pa) {
        return maps.map(domain, new Mapping(iova, pa, PAGE, 1), completion.begin());
    }

    @Test
    void shouldTellThePolicyWhatIsMappedAndUnmapped() {
        Domain domain = mapped(1);
        assertEquals(0, map(domain, 0x5000, 0x9000));
        assertEquals(0x9123, domain.memory().find(0x5123));
        assertEquals(0, maps.unmap(domain, 0x5000, 0x5fff, completion.begin()));
        assertEquals(MapTables.NONE, domain.memory().find(0x5123));
        assertEquals(List.of("mapped 20480", "unmapped 20480 to 24575 with tables"), chip.told);
    }

    @Test
    void shouldLeaveTheTablesAsTheyWereWhenTheChipDoesNotCarryTheMapOut() {
        Domain domain = mapped(1);
        chip.outcome = Errno.EIO;
        assertEquals(Errno.EIO.code(), map(domain, 0x5000, 0x9000));
        assertEquals(Rule.V38, completion.rule());
        assertEquals(MapTables.NONE, domain.memory().find(0x5000));
        chip.outcome = Errno.OK;
        assertEquals(0, map(domain, 0x5000, 0x9000));
    }

    @Test
    void shouldRefuseMemoryThatNoEntryHolds() {
        Domain domain = mapped(1);
        assertEquals(Errno.EINVAL.code(), map(domain, 0x5000, 1L << OUTPUT_BITS));
        assertEquals(Rule.V42, completion.rule());
        assertEquals(1L << OUTPUT_BITS, completion.value());
        assertEquals(MapTables.NONE, domain.memory().find(0x5000));
        assertEquals(0, map(domain, 0x5000, (1L << OUTPUT_BITS) - PAGE));
    }

    private Snapshot saved() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.AMD, Snapshot.Kind.TRANSLATOR, 1);
        maps.save(books, out);
        return out.build();
    }

    @Test
    void shouldFindTheMapsOfASavedState() {
        map(mapped(3), 0x5000, 0x9000);
        Snapshot state = saved();
        DomainBooks<Domain, Integer> others = new DomainBooks<>(new Policy());
        others.open(3, completion.begin());
        maps.load(others, new SnapshotReader(state));
        assertEquals(0x9000, others.find(3).memory().find(0x5000));
        // Another map of the same domain, and one of a domain that is not open.
        assertThrows(BackendException.class, () -> maps.load(others, new SnapshotReader(state)));
        assertThrows(
                BackendException.class, () -> maps.load(new DomainBooks<>(new Policy()), new SnapshotReader(state)));
    }

    @Test
    void shouldSaveNothingWithoutAMap() {
        books.open(3, completion.begin());
        SnapshotReader in = new SnapshotReader(saved());
        assertFalse(in.has("memory"));
        maps.load(books, in);
        assertNull(books.find(3).memory());
    }
}
