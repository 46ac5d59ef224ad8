package org.iommu4j.testbench.tables;

import java.util.function.Consumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Errno;
import org.iommu4j.testbench.tables.TableSubject.Broken;

/** Software that writes tables wrongly, and chips that read them wrongly; one or more for each law. */
final class BrokenTables {
    private BrokenTables() {}

    /** Tables that are right but for what a subclass does. */
    private abstract static class Wrong implements PageTables {
        final PageTables right;

        Wrong(PageTables right) {
            this.right = right;
        }

        @Override
        public long root() {
            return right.root();
        }

        @Override
        public void map(long iova, long pa, long bytes, int rights) {
            right.map(iova, pa, bytes, rights);
        }

        @Override
        public void unmap(long first, long last) {
            right.unmap(first, last);
        }

        @Override
        public void release() {
            right.release();
        }

        @Override
        public void free() {
            right.free();
        }
    }

    private interface Map {
        void map(PageTables right, long iova, long pa, long bytes, int rights);
    }

    private interface Unmap {
        void unmap(PageTables right, long first, long last);
    }

    private static Broken mapping(Map map) {
        return Broken.tables(right -> new Wrong(right) {
            @Override
            public void map(long iova, long pa, long bytes, int rights) {
                map.map(right, iova, pa, bytes, rights);
            }
        });
    }

    private static Broken unmapping(Unmap unmap) {
        return Broken.tables(right -> new Wrong(right) {
            @Override
            public void unmap(long first, long last) {
                unmap.unmap(right, first, last);
            }
        });
    }

    private static Broken translating(Consumer<DmaAccess> change) {
        return Broken.chip(access -> {
            if (access.outcome() == DmaAccess.Outcome.TRANSLATED) {
                change.accept(access);
            }
        });
    }

    private static void redirect(DmaAccess access, long spa) {
        access.translated(spa, access.pageBytes(), access.rights(), false);
    }

    /** Pages of a mapping lead to where the first one does. */
    static Broken leadsAllPagesToOne(long page) {
        return mapping((right, iova, pa, bytes, rights) -> {
            right.map(iova, pa, page, rights);
            for (long done = page; done != bytes; done += page) {
                right.map(iova + done, pa, page, rights);
            }
        });
    }

    /** What is to be unmapped stays. */
    static Broken unmapsNothing() {
        return unmapping((right, first, last) -> {});
    }

    /** More is unmapped than was asked for. */
    static Broken unmapsTheNextPage(long page) {
        return unmapping((right, first, last) -> right.unmap(first, last == -1 ? last : last + page));
    }

    /** What is mapped already is replaced. */
    static Broken replacesWhatIsThere() {
        return mapping((right, iova, pa, bytes, rights) -> {
            right.unmap(iova, iova + bytes - 1);
            right.map(iova, pa, bytes, rights);
        });
    }

    /** What cannot be done as a whole stays as far as it came. */
    static Broken leavesPieces(long page) {
        return mapping((right, iova, pa, bytes, rights) -> {
            for (long done = 0; done != bytes; done += page) {
                right.map(iova + done, pa + done, page, rights);
            }
        });
    }

    /** Everything is allowed. */
    static Broken allowsEverything() {
        return mapping((right, iova, pa, bytes, rights) -> right.map(iova, pa, bytes, TableSubject.allRights()));
    }

    /** A chip that lets through what it has to refuse. */
    static Broken chipLetsPass() {
        return Broken.chip(access -> {
            if (access.outcome() != DmaAccess.Outcome.TRANSLATED) {
                access.translated(access.iova(), 1, access.rights(), false);
            }
        });
    }

    /** Only the smallest pages are used. */
    static Broken usesSmallPages(long page) {
        return mapping((right, iova, pa, bytes, rights) -> {
            try {
                for (long done = 0; done != bytes; done += page) {
                    right.map(iova + done, pa + done, page, rights);
                }
            } catch (BackendException e) {
                right.unmap(iova, iova + bytes - 1);
                throw e;
            }
        });
    }

    /** A chip that takes every page for a smallest one. */
    static Broken chipMakesPagesSmaller(long page) {
        return translating(access -> access.translated(access.spa(), page / 2, access.rights(), false));
    }

    /** The page behind a mapping is mapped, too, if nothing is there. */
    static Broken mapsTheNextPage(long page) {
        return mapping((right, iova, pa, bytes, rights) -> {
            right.map(iova, pa, bytes, rights);
            try {
                right.map(iova + bytes, pa + bytes, page, rights);
            } catch (BackendException e) {
                if (e.errno() != Errno.EEXIST) {
                    throw e;
                }
            }
        });
    }

    /** The highest bit of device addresses is lost. */
    static Broken losesTheHighestBit(TableShape shape) {
        long all = shape.shift(shape.levels()) >= Long.SIZE ? -1L : (1L << shape.shift(shape.levels())) - 1;
        long kept = all >>> 1;
        return mapping((right, iova, pa, bytes, rights) -> right.map(iova & kept, pa, bytes, rights));
    }

    /** A mapping ends where the table of its first page ends. */
    static Broken stopsAtTheEndOfATable(TableShape shape) {
        long block = 1L << shape.shift(1);
        return mapping((right, iova, pa, bytes, rights) -> {
            long rest = block - (iova & (block - 1));
            right.map(iova, pa, Long.compareUnsigned(rest, bytes) < 0 ? rest : bytes, rights);
        });
    }

    /** The highest bit of physical addresses is lost. */
    static Broken losesTheHighestTarget(TableShape shape) {
        return mapping((right, iova, pa, bytes, rights) ->
                right.map(iova, pa & ~(1L << (shape.targetBits() - 1)), bytes, rights));
    }

    /** A chip that loses the highest bit of where an entry leads. */
    static Broken chipLosesTheHighestTarget(TableShape shape) {
        return translating(access -> redirect(access, access.spa() & ~(1L << (shape.targetBits() - 1))));
    }

    /** Every third removal is forgotten. */
    static Broken forgetsRemovals() {
        int[] removals = new int[1];
        return unmapping((right, first, last) -> {
            if (++removals[0] % 3 != 0) {
                right.unmap(first, last);
            }
        });
    }

    /** All address spaces have the tables of the first. */
    static Broken sharesTables() {
        PageTables[] shared = new PageTables[1];
        return Broken.tables(right -> {
            if (shared[0] == null) {
                shared[0] = right;
            }
            return shared[0];
        });
    }

    /** No page is given back. */
    static Broken keepsPages() {
        return Broken.tables(right -> new Wrong(right) {
            @Override
            public void release() {
                // Nothing is released.
            }

            @Override
            public void free() {
                // Nothing is free.
            }
        });
    }

    /** A chip that takes the last byte of a page for one of the next. */
    static Broken chipMisplacesTheLastByte(long page) {
        return translating(access -> {
            if ((access.iova() & (page - 1)) == page - 1) {
                redirect(access, access.spa() + 1);
            }
        });
    }

    /** A mapping leads elsewhere at first. */
    static Broken mapsInTwoSteps() {
        return mapping((right, iova, pa, bytes, rights) -> {
            right.map(iova, pa ^ bytes, bytes, rights);
            right.unmap(iova, iova + bytes - 1);
            right.map(iova, pa, bytes, rights);
        });
    }
}
