package org.iommu4j.testbench.tables;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Mapping;
import org.iommu4j.testbench.tables.TableShape.AddressRange;
import org.iommu4j.testbench.tables.TableSubject.Answer;

/** What holds for tables of every format, as a device meets them through a chip. */
enum TableLaw {
    /** A mapping leads where it says, page by page, and nothing beside it does. */
    MAP {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            for (int round = 0; round < effort; round++) {
                long pages = 1L + subject.random.nextInt(40);
                long bytes = pages << shape.pageShift();
                long iova = subject.address(shape.pageShift(), bytes);
                if (!subject.isMapped(iova, iova + bytes - 1)) {
                    subject.map(iova, subject.target(shape.pageShift(), bytes), bytes, subject.rights());
                    for (long page = 0; page < pages; page++) {
                        subject.check(iova + (page << shape.pageShift()));
                    }
                    subject.checkEdges(iova, iova + bytes - 1);
                }
            }
        }
    },

    /** What is unmapped is gone, and its neighbours are there; where nothing is mapped there is nothing to unmap. */
    UNMAP {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            for (int level = 0; level <= shape.leafLevel(); level++) {
                long leaf = 1L << shape.shift(level);
                long iova = subject.address(shape.shift(level), 4 * leaf);
                for (int i = 0; i < 4; i++) {
                    subject.map(iova + i * leaf, subject.target(shape.shift(level), leaf), leaf, subject.rights());
                }
                subject.unmap(iova + leaf, iova + 2 * leaf - 1);
                checkLeaves(subject, iova, leaf, 4);
                subject.unmap(iova + leaf, iova + 2 * leaf - 1);
                checkLeaves(subject, iova, leaf, 4);
                subject.unmap(iova, iova + 3 * leaf - 1);
                checkLeaves(subject, iova, leaf, 4);
                subject.unmap(iova, iova + 4 * leaf - 1);
                checkLeaves(subject, iova, leaf, 4);
            }
        }
    },

    /** A mapping that overlaps another is refused, and changes nothing. */
    OVERLAP {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            long page = shape.pageBytes();
            for (int level = 0; level <= shape.leafLevel(); level++) {
                long leaf = 1L << shape.shift(level);
                long iova = subject.address(shape.shift(level), 3 * leaf) + leaf;
                subject.map(iova, subject.target(shape.shift(level), leaf), leaf, TableSubject.allRights());
                int taken = subject.pool.taken();
                long[][] attempts = {
                    {iova, leaf},
                    {iova, page},
                    {iova + leaf - page, page},
                    {iova - page, 2 * page},
                    {iova + leaf - page, 2 * page},
                    {iova - leaf, 3 * leaf}
                };
                for (long[] attempt : attempts) {
                    BackendException refusal = assertThrows(
                            BackendException.class,
                            () -> subject.tables.map(
                                    attempt[0],
                                    subject.target(shape.shift(shape.leafLevel()), attempt[1]),
                                    attempt[1],
                                    TableSubject.allRights()),
                            () -> subject.format + ": an overlap is taken");
                    assertEquals(Errno.EEXIST, refusal.errno());
                    subject.tables.release();
                    subject.checkEdges(iova, iova + leaf - 1);
                    subject.check(iova - leaf);
                    subject.check(iova + 2 * leaf - 1);
                    assertEquals(taken, subject.pool.taken(), () -> subject.format + ": pages of what was refused");
                }
                subject.unmap(iova, iova + leaf - 1);
            }
        }
    },

    /** A mapping allows what it says, and its neighbour something else. */
    PERMISSIONS {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            for (int level = 0; level <= shape.leafLevel(); level++) {
                long leaf = 1L << shape.shift(level);
                int count = shape.rights().size();
                long iova = subject.address(shape.shift(level), count * leaf);
                for (int i = 0; i < count; i++) {
                    subject.map(
                            iova + i * leaf,
                            subject.target(shape.shift(level), leaf),
                            leaf,
                            shape.rights().get(i));
                }
                checkLeaves(subject, iova, leaf, count);
                subject.unmap(iova, iova + count * leaf - 1);
            }
        }
    },

    /** A mapping takes the largest page that fits at both of its addresses, and none that does not. */
    LARGEST_PAGE {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            for (int level = 0; level <= shape.leafLevel(); level++) {
                int shift = shape.shift(level);
                long leaf = 1L << shift;
                long iova = subject.address(shift, leaf);
                subject.map(iova, subject.target(shift, leaf), leaf, TableSubject.allRights());
                checkPage(subject, iova, leaf);
                checkPage(subject, iova + leaf - 1, leaf);
                subject.unmap(iova, iova + leaf - 1);
                if (level > 0) {
                    // One smaller page off: the larger does not fit.
                    long smaller = 1L << shape.shift(level - 1);
                    subject.map(iova, subject.target(shift, leaf) + smaller, leaf, TableSubject.allRights());
                    checkPage(subject, iova, smaller);
                    checkPage(subject, iova + leaf - 1, smaller);
                    subject.unmap(iova, iova + leaf - 1);
                }
            }
        }
    },

    /** What lies between mappings is not mapped. */
    HOLES {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            long page = shape.pageBytes();
            long iova = subject.address(shape.pageShift(), 32 * page);
            for (int i = 0; i < 32; i += 2) {
                subject.map(iova + i * page, subject.target(shape.pageShift(), page), page, subject.rights());
            }
            checkLeaves(subject, iova, page, 32);
            for (int i = 0; i < 32; i += 4) {
                subject.unmap(iova + i * page, iova + (i + 1) * page - 1);
            }
            checkLeaves(subject, iova, page, 32);
        }
    },

    /** The first and the last page of the address space are like every other, and behind them there is nothing. */
    BOUNDARIES_OF_THE_SPACE {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            long page = shape.pageBytes();
            for (AddressRange range : shape.ranges()) {
                subject.checkEdges(range.first(), range.last());
                long lastPage = range.last() - (page - 1);
                subject.map(range.first(), subject.target(shape.pageShift(), page), page, TableSubject.allRights());
                subject.map(lastPage, subject.target(shape.pageShift(), page), page, TableSubject.allRights());
                subject.checkEdges(range.first(), range.first() + page - 1);
                subject.checkEdges(lastPage, range.last());
                subject.check(range.first() + ((range.last() - range.first()) >>> 1));
            }
            subject.checkAll();
        }
    },

    /** A mapping across the end of a table of any level is whole, and so is its removal. */
    BOUNDARIES_OF_BLOCKS {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            long page = shape.pageBytes();
            for (int level = 1; level < shape.levels(); level++) {
                AddressRange range = shape.ranges().get(0);
                long block = 1L << shape.shift(level);
                if (Long.compareUnsigned(range.last() - range.first(), 2 * block) < 0) {
                    continue;
                }
                long boundary = subject.address(shape.shift(level), 2 * block) + block;
                acrossTheEnd(subject, boundary - 2 * page, 4 * page);
                if (level <= shape.leafLevel()) {
                    acrossTheEnd(subject, boundary - page, block + 2 * page);
                }
            }
        }

        private void acrossTheEnd(TableSubject subject, long iova, long bytes) {
            long page = subject.shape.pageBytes();
            int shift = subject.shape.shift(subject.shape.leafLevel());
            long inBlock = iova & ((1L << shift) - 1);
            subject.map(iova, subject.target(shift, 3 * bytes) + inBlock, bytes, TableSubject.allRights());
            subject.checkEdges(iova, iova + bytes - 1);
            subject.checkEdges(iova + page, iova + bytes - page - 1);
            subject.checkEdges(iova + 2 * page, iova + bytes - 2 * page - 1);
            subject.unmap(iova, iova + bytes - 1);
            subject.checkEdges(iova, iova + bytes - 1);
            subject.checkEdges(iova + page, iova + bytes - page - 1);
        }
    },

    /** The highest memory that an entry can lead to is reached by pages of every size. */
    TARGETS {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            for (int level = 0; level <= shape.leafLevel(); level++) {
                long leaf = 1L << shape.shift(level);
                long iova = subject.address(shape.shift(level), 2 * leaf);
                subject.map(iova, (1L << shape.targetBits()) - leaf, leaf, TableSubject.allRights());
                subject.map(iova + leaf, leaf, leaf, TableSubject.allRights());
                checkLeaves(subject, iova, leaf, 2);
                subject.unmap(iova, iova + 2 * leaf - 1);
            }
        }
    },

    /** Any edits, as a plain map has them. */
    RANDOM_EDITS {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            // Few places, so that edits meet.
            int highest = shape.leafLevel();
            long window = 8L << shape.shift(highest);
            List<Long> places = List.of(
                    subject.address(shape.shift(highest), window), subject.address(shape.shift(highest), window));
            for (int edit = 0; edit < 8 * effort; edit++) {
                long place = places.get(subject.random.nextInt(places.size()));
                int shift = shape.shift(subject.random.nextInt(highest + 1));
                long bytes = (1L + subject.random.nextInt(3)) << shift;
                long iova = place + (subject.random.nextLong(4) << shift);
                if (subject.random.nextInt(3) != 0) {
                    add(subject, iova, bytes, shift);
                } else {
                    removeWhole(subject, iova, iova + bytes - 1);
                }
                subject.checkEdges(iova, iova + bytes - 1);
            }
            subject.checkAll();
        }

        private void add(TableSubject subject, long iova, long bytes, int shift) {
            long pa = subject.target(shift, bytes);
            if (subject.isMapped(iova, iova + bytes - 1)) {
                assertThrows(
                        BackendException.class,
                        () -> subject.tables.map(iova, pa, bytes, TableSubject.allRights()),
                        () -> subject.format + ": an overlap is taken");
                subject.tables.release();
            } else {
                subject.map(iova, pa, bytes, subject.rights());
            }
        }

        /** As VFIO removes: no mapping is cut. */
        private void removeWhole(TableSubject subject, long first, long last) {
            Map.Entry<Long, Mapping> below = subject.plain().floorEntry(first);
            long from = below != null && below.getValue().contains(first) ? below.getKey() : first;
            Map.Entry<Long, Mapping> above = subject.plain().floorEntry(last);
            long to = above != null && above.getValue().contains(last)
                    ? above.getValue().last()
                    : last;
            subject.unmap(from, to);
            subject.checkEdges(from, to);
        }
    },

    /** Two address spaces have nothing in common, whatever becomes of the other. */
    TWO_SPACES {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            TableSubject other = subject.another();
            for (int level = 0; level <= shape.leafLevel(); level++) {
                long leaf = 1L << shape.shift(level);
                long iova = subject.address(shape.shift(level), 2 * leaf);
                subject.map(iova, subject.target(shape.shift(level), leaf), leaf, TableSubject.allRights());
                subject.checkAll();
                other.checkEdges(iova, iova + leaf - 1);
                other.map(iova, subject.target(shape.shift(level), leaf), leaf, subject.rights());
                other.map(iova + leaf, subject.target(shape.shift(level), leaf), leaf, subject.rights());
                subject.checkAll();
                other.checkAll();
                subject.unmap(iova, iova + leaf - 1);
                subject.checkEdges(iova, iova + leaf - 1);
                other.checkAll();
            }
            subject.tables.free();
            other.checkAll();
        }
    },

    /** Unmapping gives back the pages of all tables that are empty, and the end of the space the first one too. */
    PAGES_BACK {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            int empty = subject.pool.taken();
            long page = shape.pageBytes();
            for (int round = 0; round < effort; round++) {
                long iova = subject.address(shape.pageShift(), 4 * page);
                if (!subject.isMapped(iova, iova + 4 * page - 1)) {
                    subject.map(iova, subject.target(shape.pageShift(), 4 * page), 4 * page, subject.rights());
                }
            }
            assertTrue(shape.levels() == 1 || subject.pool.taken() > empty, "no pages were taken");
            List.copyOf(subject.plain().values()).forEach(mapping -> subject.unmap(mapping.iova(), mapping.last()));
            assertEquals(empty, subject.pool.taken(), () -> subject.format + ": pages are kept");
            subject.map(subject.address(shape.pageShift(), page), page, page, TableSubject.allRights());
            subject.tables.free();
            assertEquals(subject.before, subject.pool.taken(), () -> subject.format + ": pages are kept to the end");
        }
    },

    /** Every byte next to the begin or the end of a page is where the plain map has it. */
    EVERY_BOUNDARY {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            long page = shape.pageBytes();
            for (int level = 0; level <= shape.leafLevel(); level++) {
                long leaf = 1L << shape.shift(level);
                long bytes = leaf + 4 * page;
                long iova = subject.address(shape.shift(level), 2 * bytes) + leaf - 2 * page;
                long inBlock = iova & (leaf - 1);
                subject.map(
                        iova, subject.target(shape.shift(level), 4 * bytes) + inBlock, bytes, TableSubject.allRights());
                long step = Math.max(page, leaf / 8);
                for (long at = 0; at < bytes; at += step) {
                    subject.checkEdges(iova + at, iova + at + page - 1);
                }
                subject.checkEdges(iova, iova + bytes - 1);
                subject.unmap(iova, iova + bytes - 1);
            }
        }
    },

    /** While an edit is under way, an access meets what was before or what comes after, and nothing else. */
    ORDER_OF_WRITES {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            long page = shape.pageBytes();
            for (int level = 0; level <= shape.leafLevel(); level++) {
                long leaf = 1L << shape.shift(level);
                long iova = subject.address(shape.shift(level), 4 * leaf) + leaf;
                long pages = level == 0 ? 3 : 1;
                long bytes = pages * leaf;
                long pa = subject.target(shape.shift(level), bytes);
                List<Long> probes =
                        List.of(iova - 1, iova, iova + page, iova + bytes - 1, iova + bytes, iova + bytes + page);
                // The second time in pages that have been used before.
                for (int round = 0; round < 2; round++) {
                    watch(subject, probes, () -> subject.map(iova, pa, bytes, subject.rights()));
                    watch(subject, probes, () -> subject.map(iova + bytes, pa, page, subject.rights()));
                    watch(subject, probes, () -> subject.unmap(iova, iova + bytes - 1));
                    watch(subject, probes, () -> subject.unmap(iova + bytes, iova + bytes + page - 1));
                }
            }
        }

        private void watch(TableSubject subject, List<Long> probes, Runnable edit) {
            Map<Long, Answer> before = ask(subject, probes);
            List<Map<Long, Answer>> during = new ArrayList<>();
            subject.pool.afterEachWrite(() -> during.add(ask(subject, probes)));
            edit.run();
            subject.pool.afterEachWrite(null);
            Map<Long, Answer> after = ask(subject, probes);
            for (Map<Long, Answer> moment : during) {
                moment.forEach((iova, answer) -> assertTrue(
                        answer.equals(before.get(iova)) || answer.equals(after.get(iova)),
                        () -> subject.format + ": 0x" + Long.toHexString(iova) + " is neither " + before.get(iova)
                                + " nor " + after.get(iova) + ", but " + answer));
            }
        }

        private Map<Long, Answer> ask(TableSubject subject, List<Long> probes) {
            Map<Long, Answer> answers = new LinkedHashMap<>();
            probes.forEach(iova -> answers.put(iova, subject.ask(iova, DmaAccess.READ)));
            return answers;
        }
    },

    /** A mapping for whose tables there are no pages leaves nothing behind. */
    NO_PAGES {
        @Override
        void hold(TableSubject subject, int effort) {
            TableShape shape = subject.shape;
            long page = shape.pageBytes();
            int empty = subject.pool.taken();
            long block = 1L << (shape.levels() == 1 ? shape.pageShift() + 1 : shape.shift(1));
            long iova = subject.address(shape.pageShift() + 1, 2 * block) & -block;
            long bytes = block + page;
            long pa = subject.target(shape.pageShift(), 2 * bytes) | page;
            int budget = 0;
            while (!isTaken(subject, iova, pa, bytes, budget)) {
                subject.tables.release();
                assertEquals(empty, subject.pool.taken(), () -> subject.format + ": pages of what failed");
                subject.checkEdges(iova, iova + bytes - 1);
                subject.checkEdges(iova + block, iova + block + page - 1);
                budget++;
            }
            subject.checkAll();
        }

        private boolean isTaken(TableSubject subject, long iova, long pa, long bytes, int budget) {
            subject.pool.budget(budget);
            try {
                subject.map(iova, pa, bytes, TableSubject.allRights());
                return true;
            } catch (BackendException e) {
                assertEquals(Errno.ENOMEM, e.errno());
                return false;
            } finally {
                subject.pool.budget(Integer.MAX_VALUE);
            }
        }
    };

    /**
     * Holds the tables to the law.
     *
     * @param effort how much is tried where something is chosen at random
     */
    abstract void hold(TableSubject subject, int effort);

    private static void checkLeaves(TableSubject subject, long iova, long leaf, int count) {
        for (int i = 0; i < count; i++) {
            subject.checkEdges(iova + i * leaf, iova + (i + 1) * leaf - 1);
        }
    }

    private static void checkPage(TableSubject subject, long iova, long bytes) {
        subject.check(iova);
        assertEquals(
                bytes,
                subject.ask(iova, DmaAccess.READ).pageBytes(),
                () -> subject.format + ": page of 0x" + Long.toHexString(iova));
    }
}
