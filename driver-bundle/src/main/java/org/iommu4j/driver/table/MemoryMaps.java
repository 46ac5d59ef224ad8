package org.iommu4j.driver.table;

import java.util.SortedMap;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainBooks;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The memory maps of a driver's domains. Its methods are those of {@link org.iommu4j.backend.Translator}; what has to be dropped of a
 * chip's caches is the policy's. The tables change first, then comes the policy, then the pages are given back that nothing needs any
 * more.
 *
 * <p>A saved state has the section "memory". A driver that does not know it cannot serve the containers that have a map, so it is
 * there only if one has.
 *
 * @param <D> what the vendor keeps of a domain
 */
public final class MemoryMaps<D extends MappedDomain<?>> {
    private static final String SECTION = "memory";
    private static final String NO_TABLES = "no pages for tables of the memory map";
    private static final int MOST_MAPS = 1 << 16;

    private final Platform platform;
    private final EntryFormat format;
    private final int levels;
    private final MemoryMapSupport support;
    private final MapPolicy<D> policy;

    /**
     * No maps yet.
     *
     * @param levels number of levels of the tables
     * @param support what the chip can carry out
     */
    public MemoryMaps(
            Platform platform, EntryFormat format, int levels, MemoryMapSupport support, MapPolicy<D> policy) {
        this.platform = platform;
        this.format = format;
        this.levels = levels;
        this.support = support;
        this.policy = policy;
    }

    /** The maps that the chip can carry out. */
    public MemoryMapSupport support() {
        return support;
    }

    /** Gives a domain a memory map in which nothing is mapped: {@code ENOMEM} without a page for its first table. */
    public int begin(D domain, Completion completion) {
        try {
            domain.memory(MapTables.create(platform, format, levels));
            return completion.done(Fidelity.EXACT);
        } catch (BackendException e) {
            return completion.fail(e.errno(), NO_TABLES);
        }
    }

    /**
     * Maps memory where nothing is mapped; refused, it has changed nothing: V42 for memory beyond what entries hold, {@code ENOMEM}
     * without pages for tables, V38 if the chip does not carry out what the policy asks of it.
     */
    public int map(D domain, Mapping mapping, Completion completion) {
        if (!MapTables.reaches(format, mapping.pa() + mapping.size() - 1)) {
            return completion.refuse(
                    Rule.V42, "vaddr", -1, mapping.pa(), "it is beyond the output addresses of the tables");
        }
        try {
            domain.memory().map(mapping);
        } catch (BackendException e) {
            return completion.fail(e.errno(), NO_TABLES);
        }
        Errno outcome = policy.mapped(domain, mapping);
        if (outcome != Errno.OK) {
            domain.memory().unmap(mapping.iova(), mapping.last());
        }
        return Answers.of(outcome, completion);
    }

    /** Unmaps memory, and drops all that came of it: V38 if the chip does not carry that out. */
    public int unmap(D domain, long first, long last, Completion completion) {
        boolean tables = domain.memory().unmap(first, last);
        Errno outcome = policy.unmapped(domain, first, last, tables);
        if (outcome == Errno.OK) {
            domain.memory().release();
        }
        return Answers.of(outcome, completion);
    }

    /**
     * Writes the section, if there is a map: int count; for each map int number of its domain, then what {@link MapTables#save}
     * writes.
     */
    public void save(DomainBooks<D, ?> books, SnapshotWriter out) {
        SortedMap<Integer, MapTables> maps = new TreeMap<>();
        for (D domain : books.open()) {
            if (domain.memory() != null) {
                maps.put(domain.members().number(), domain.memory());
            }
        }
        if (!maps.isEmpty()) {
            out.section(SECTION).putInt(maps.size());
            maps.forEach((domain, tables) -> tables.save(out.putInt(domain)));
        }
    }

    /**
     * Reads what {@link #save} wrote, if it did, after the domains have been read.
     *
     * @throws BackendException {@code EINVAL} for the map of a domain that is not open or has one
     */
    public void load(DomainBooks<D, ?> books, SnapshotReader in) {
        if (!in.has(SECTION)) {
            return;
        }
        in.section(SECTION);
        int count = in.getCount(MOST_MAPS);
        for (int i = 0; i < count; i++) {
            int number = in.getInt();
            MapTables tables = MapTables.load(platform, format, levels, in);
            D domain = books.find(number);
            if (domain == null || domain.memory() != null) {
                throw in.invalid("memory map of domain " + number + ", which is not open or has one");
            }
            domain.memory(tables);
        }
        in.endSection();
    }
}
