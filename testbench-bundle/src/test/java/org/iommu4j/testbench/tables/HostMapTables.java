package org.iommu4j.testbench.tables;

import org.iommu4j.contract.Mapping;
import org.iommu4j.driver.table.EntryFormat;
import org.iommu4j.driver.table.MapTables;

/** The tables that drivers write themselves, in a format with 512 entries a table. */
final class HostMapTables implements PageTables {
    private final TableShape shape;
    private final MapTables tables;

    HostMapTables(TableShape shape, TableEntries entries, TablePool pool) {
        this.shape = shape;
        tables = MapTables.create(pool, new Format(entries), shape.levels());
    }

    private record Format(TableEntries entries) implements EntryFormat {
        @Override
        public long table(int level, long pa) {
            return entries.table(level, pa);
        }

        @Override
        public long leaf(int level, long pa, int flags) {
            return entries.leaf(level, pa, flags);
        }

        @Override
        public boolean isPresent(long entry) {
            return entries.isPresent(0, entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return level > 0 && entries.isTable(level, entry);
        }

        @Override
        public long address(int level, long entry) {
            return entries.address(level, entry);
        }
    }

    @Override
    public long root() {
        return tables.root();
    }

    @Override
    public void map(long iova, long pa, long bytes, int rights) {
        tables.map(new Mapping(shape.offset(iova), pa, bytes, rights));
    }

    @Override
    public void unmap(long first, long last) {
        tables.unmap(shape.offset(first), shape.offset(last));
    }

    @Override
    public void release() {
        tables.release();
    }

    @Override
    public void free() {
        tables.free();
    }
}
