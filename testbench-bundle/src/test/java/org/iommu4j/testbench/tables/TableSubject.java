package org.iommu4j.testbench.tables;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.NavigableMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Mapping;
import org.iommu4j.testbench.tables.TableShape.AddressRange;

/**
 * Tables of a format, the chip that reads them, and a plain map of what they have to say. What the tables say is asked by accesses of
 * a device, never of who wrote them.
 */
final class TableSubject {
    /** What is broken on purpose. */
    record Broken(UnaryOperator<PageTables> tables, Consumer<DmaAccess> chip) {
        static final Broken NOTHING = new Broken(tables -> tables, access -> {});

        static Broken tables(UnaryOperator<PageTables> tables) {
            return new Broken(tables, access -> {});
        }

        static Broken chip(Consumer<DmaAccess> chip) {
            return new Broken(tables -> tables, chip);
        }
    }

    /**
     * How an access ended.
     *
     * @param spa where it goes; -1 if nowhere
     * @param fault the chip's code; 0 if it goes somewhere
     * @param pageBytes size of the translation; 0 if it goes nowhere
     */
    record Answer(long spa, int fault, long pageBytes) {}

    /** Blocks of pages that were taken before the tables were made. */
    final int before;

    final TableFormat format;
    final TableShape shape;
    final TablePool pool;
    final PageTables tables;
    final SplittableRandom random;
    private final Platform platform;
    private final Broken broken;
    private final TableMachine machine;
    private final TreeMap<Long, Mapping> plain = new TreeMap<>(Long::compareUnsigned);

    TableSubject(TableFormat format, Broken broken, long seed) {
        this(format, broken, seed, TableMachine.platformFor(format), null);
    }

    private TableSubject(TableFormat format, Broken broken, long seed, Platform platform, TablePool shared) {
        this.format = format;
        this.broken = broken;
        this.platform = platform;
        shape = format.shape();
        random = new SplittableRandom(seed);
        pool = shared == null ? new TablePool(platform) : shared;
        before = pool.taken();
        tables = broken.tables().apply(format.create(pool));
        machine = new TableMachine(format.backend(), format.config(), platform);
        format.binding().bind(machine, format.requester(), tables.root());
    }

    /** Another address space with tables from the same pages, read by another chip of the machine. */
    TableSubject another() {
        return new TableSubject(format, broken, random.nextLong(), platform, pool);
    }

    // ---- addresses

    /** A device address that is a multiple of a power of two and has room for so many bytes behind it. */
    long address(int shift, long bytes) {
        AddressRange range = shape.ranges().get(random.nextInt(shape.ranges().size()));
        long multiples = (range.last() - range.first() - (bytes - 1)) >>> shift;
        long chosen = multiples == -1L ? random.nextLong() : random.nextLong(multiples + 1);
        return range.first() + (chosen << shift);
    }

    /** Where memory is that is a multiple of a power of two; never the first. */
    long target(int shift, long bytes) {
        long multiples = ((1L << shape.targetBits()) - bytes) >>> shift;
        return (1 + random.nextLong(Math.max(1, multiples - 1))) << shift;
    }

    int rights() {
        return shape.rights().get(random.nextInt(shape.rights().size()));
    }

    /** All that a mapping can allow. */
    static int allRights() {
        return DmaAccess.READ | DmaAccess.WRITE;
    }

    // ---- edits, of the tables and of the plain map

    void map(long iova, long pa, long bytes, int rights) {
        try {
            tables.map(iova, pa, bytes, rights);
        } catch (BackendException e) {
            if (e.errno() == Errno.EEXIST) {
                throw new AssertionError(format + ": nothing is mapped at 0x" + Long.toHexString(iova), e);
            }
            throw e;
        }
        plain.put(iova, new Mapping(iova, pa, bytes, rights));
    }

    void unmap(long first, long last) {
        tables.unmap(first, last);
        tables.release();
        plain.subMap(first, true, last, true).clear();
    }

    /** What is mapped, by its first address. */
    NavigableMap<Long, Mapping> plain() {
        return plain;
    }

    /** True if something from {@code first} to {@code last} is mapped. */
    boolean isMapped(long first, long last) {
        Map.Entry<Long, Mapping> below = plain.floorEntry(last);
        return below != null && Long.compareUnsigned(below.getValue().last(), first) >= 0;
    }

    // ---- questions

    /** What the device meets. */
    Answer ask(long iova, int right) {
        DmaAccess access = machine.access(format.requester(), format.pasid(), iova, right);
        broken.chip().accept(access);
        if (access.outcome() == DmaAccess.Outcome.TRANSLATED) {
            return new Answer(access.spa(), 0, access.pageBytes());
        }
        int fault = access.outcome() == DmaAccess.Outcome.FAULT ? access.faultCode() : -1;
        machine.recover();
        return new Answer(-1, fault, 0);
    }

    private long expected(long iova, int right) {
        Map.Entry<Long, Mapping> entry = plain.floorEntry(iova);
        boolean allowed = entry != null
                && entry.getValue().contains(iova)
                && (entry.getValue().flags() & right) != 0;
        return allowed ? entry.getValue().pa() + (iova - entry.getKey()) : -1;
    }

    /** A device reads and writes there what the plain map says, or nothing. */
    void check(long iova) {
        for (int right : new int[] {DmaAccess.READ, DmaAccess.WRITE}) {
            assertEquals(
                    Long.toHexString(expected(iova, right)),
                    Long.toHexString(ask(iova, right).spa()),
                    () -> format + ": " + (right == DmaAccess.READ ? "read" : "write") + " of 0x"
                            + Long.toHexString(iova));
        }
    }

    /** Checks the first and last byte of a range, one in the middle, and those before and behind. */
    void checkEdges(long first, long last) {
        check(first);
        check(last);
        check(first + ((last - first) >>> 1));
        if (first != 0) {
            check(first - 1);
        }
        if (last != -1) {
            check(last + 1);
        }
    }

    /** Checks the edges of everything that is mapped. */
    void checkAll() {
        plain.values().forEach(mapping -> checkEdges(mapping.iova(), mapping.last()));
    }
}
