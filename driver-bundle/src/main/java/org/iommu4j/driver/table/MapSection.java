package org.iommu4j.driver.table;

import java.util.SortedMap;
import java.util.TreeMap;
import org.iommu4j.backend.Platform;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The section "memory" of a driver's saved state: the tables of the memory maps, each with the number of its domain. A driver that
 * does not know the section cannot serve the containers that have a map, so it is there only if one has.
 */
public final class MapSection {
    private static final String NAME = "memory";
    private static final int MOST_MAPS = 1 << 16;

    private MapSection() {}

    /**
     * Writes the section, if there is a map: int count; for each map int number of its domain, then what {@link MapTables#save}
     * writes.
     *
     * @param maps by the number of the domain
     */
    public static void save(SortedMap<Integer, MapTables> maps, SnapshotWriter out) {
        if (!maps.isEmpty()) {
            out.section(NAME).putInt(maps.size());
            maps.forEach((domain, tables) -> tables.save(out.putInt(domain)));
        }
    }

    /**
     * Reads what {@link #save} wrote; empty if there is no such section.
     *
     * @param levels number of levels of the tables
     * @return the maps by the number of the domain
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} if a domain has two
     */
    public static SortedMap<Integer, MapTables> load(
            Platform platform, EntryFormat format, int levels, SnapshotReader in) {
        SortedMap<Integer, MapTables> maps = new TreeMap<>();
        if (!in.has(NAME)) {
            return maps;
        }
        in.section(NAME);
        int count = in.getCount(MOST_MAPS);
        for (int i = 0; i < count; i++) {
            int domain = in.getInt();
            if (maps.put(domain, MapTables.load(platform, format, levels, in)) != null) {
                throw in.invalid("two memory maps of domain " + domain);
            }
        }
        in.endSection();
        return maps;
    }
}
