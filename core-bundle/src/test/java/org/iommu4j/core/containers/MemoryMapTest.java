package org.iommu4j.core.containers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.iommu4j.contract.Mapping;
import org.junit.jupiter.api.Test;

/** The book of a container's memory against a plain map of pages. */
class MemoryMapTest {
    private static final long PAGE = 4096;

    /** The pages of a small part of the address space, at its start, in its middle or at its end. */
    private static final int PAGES = 48;

    private static final long[] BASES = {0, 0x7fff_ffff_fffe_8000L, -PAGES * PAGE};

    /** Pages that are mapped, counted from the base, with the mapping that each belongs to. */
    private final TreeMap<Integer, Mapping> model = new TreeMap<>();

    private final MemoryMap map = new MemoryMap();

    private static void check(int runs, Consumer<SplittableRandom> law) {
        for (int seed = 0; seed < runs; seed++) {
            try {
                law.accept(new SplittableRandom(seed));
            } catch (AssertionError e) {
                throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
            }
        }
    }

    private void expectTheSame(long base) {
        for (int page = 0; page < PAGES; page++) {
            Mapping expected = model.get(page);
            Mapping found = map.at(base + page * PAGE + 17);
            assertEquals(expected, found, () -> "page of " + model);
        }
        assertEquals(model.values().stream().distinct().toList(), map.mappings());
        assertEquals(map.mappings(), map.inForce());
    }

    private Mapping firstOfModel(int from, int to) {
        return model.subMap(from, true, to, true).values().stream().findFirst().orElse(null);
    }

    private boolean isCut(int from, int to, long base) {
        return model.subMap(from, true, to, true).values().stream()
                .anyMatch(mapping -> Long.compareUnsigned(mapping.iova(), base + from * PAGE) < 0
                        || Long.compareUnsigned(mapping.last(), base + (to + 1) * PAGE - 1) > 0);
    }

    @Test
    void shouldBeAPlainMapOfPages() {
        for (long base : BASES) {
            check(100, random -> new MemoryMapTest().followTheModel(random, base));
        }
    }

    private void followTheModel(SplittableRandom random, long base) {
        map.begin();
        for (int step = 0; step < 40; step++) {
            int from = random.nextInt(PAGES);
            int to = Math.min(PAGES - 1, from + random.nextInt(random.nextBoolean() ? 3 : PAGES));
            long first = base + from * PAGE;
            long last = base + (to + 1) * PAGE - 1;
            Mapping expected = firstOfModel(from, to);
            assertEquals(expected, map.firstIn(first, last));
            assertEquals(isCut(from, to, base), map.crossing(first, last) != null);
            if (expected == null) {
                Mapping added =
                        new Mapping(first, random.nextInt(1000) * PAGE, last - first + 1, 1 + random.nextInt(3));
                map.begin(added);
                carryOut();
                assertEquals(0, map.finish());
                for (int page = from; page <= to; page++) {
                    model.put(page, added);
                }
            } else if (!isCut(from, to, base)) {
                map.beginRemoval(first, last);
                carryOut();
                assertEquals(model.subMap(from, true, to, true).size() * PAGE, map.finish());
                model.subMap(from, true, to, true).clear();
            }
            expectTheSame(base);
        }
    }

    private void carryOut() {
        for (Mapping piece = map.piece(); piece != null; piece = map.piece()) {
            map.done(piece);
        }
    }

    private static List<Mapping> pieces(MemoryMap map) {
        List<Mapping> pieces = new ArrayList<>();
        for (Mapping piece = map.piece(); piece != null; piece = map.piece()) {
            pieces.add(piece);
            map.done(piece);
        }
        return pieces;
    }

    private static final long KIB = 1 << 10;
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;

    /** Sizes of leaves that drivers have: of tables with 9 bits a level, in part, of other granules, and with holes. */
    private static final long[] SIZES = {
        4 * KIB,
        4 * KIB | 2 * MIB,
        4 * KIB | 2 * MIB | GIB,
        4 * KIB | GIB,
        16 * KIB | 32 * MIB,
        64 * KIB | 512 * MIB,
        4 * KIB | 8 * KIB | 64 * KIB | MIB | 16 * MIB,
        1L << 39
    };

    /** A mapping as a driver makes it, with the largest leaves that fit: addresses of the first and the last byte of each. */
    private static NavigableMap<Long, Long> leaves(Mapping piece, long sizes) {
        NavigableMap<Long, Long> leaves = new TreeMap<>();
        long at = piece.iova();
        while (at <= piece.last()) {
            long largest = 0;
            for (long rest = sizes; rest != 0; rest &= rest - 1) {
                long size = Long.lowestOneBit(rest);
                boolean aligned = ((at | (piece.pa() + at - piece.iova())) & (size - 1)) == 0;
                largest = aligned && at + size - 1 <= piece.last() ? size : largest;
            }
            leaves.put(at, at + largest - 1);
            at += largest;
        }
        return leaves;
    }

    private static Mapping longMapping(SplittableRandom random, long sizes) {
        long smallest = Long.lowestOneBit(sizes);
        long iova = (random.nextLong() & 0xfff_ffff_ffffL) & -(smallest << random.nextInt(18));
        long alike = smallest << random.nextInt(24);
        long pa = (iova & (alike - 1)) | (random.nextInt(1 << 10) * alike);
        return new Mapping(iova, pa, (1 + random.nextInt(1 << 16)) * smallest, 3);
    }

    @Test
    void shouldCutPiecesThatTakeADriverFewLeavesWhateverItsPageSizes() {
        check(200, random -> {
            long sizes = SIZES[random.nextInt(SIZES.length)];
            MemoryMap book = new MemoryMap();
            book.servedWith(sizes);
            Mapping whole = longMapping(random, sizes);
            book.begin(whole);
            int leaves = 0;
            int pieces = 0;
            for (Mapping piece = book.piece(); piece != null; piece = book.piece()) {
                int count = leaves(piece, sizes).size();
                assertEquals(piece.iova() - whole.iova(), piece.pa() - whole.pa());
                assertTrue(count <= 512, piece::toString);
                leaves += count;
                pieces++;
                book.done(piece);
            }
            assertEquals(leaves(whole, sizes).size(), leaves, "leaves are as large as in one go");
            int most = 2 + leaves / 512;
            int cut = pieces;
            assertTrue(cut <= most, () -> cut + " pieces, not " + most);
        });
    }

    @Test
    void shouldCutNoLeafOfAnEarlierDriver() {
        check(200, random -> {
            long sizes = SIZES[random.nextInt(SIZES.length)];
            long later = SIZES[random.nextInt(SIZES.length)];
            MemoryMap book = new MemoryMap();
            book.servedWith(sizes);
            Mapping whole = longMapping(random, sizes);
            book.begin(whole);
            NavigableMap<Long, Long> leaves = new TreeMap<>();
            int left = random.nextInt(200);
            for (Mapping piece = book.piece(); piece != null && left > 0; piece = book.piece(), left--) {
                leaves.putAll(leaves(piece, sizes));
                book.done(piece);
            }
            book.servedWith(later);
            if (book.piece() == null) {
                book.finish();
                book.beginRemoval(whole.iova(), whole.last());
            } else {
                book.takeBack();
            }
            for (Mapping piece = book.piece(); piece != null; piece = book.piece()) {
                for (Map.Entry<Long, Long> leaf :
                        leaves.subMap(piece.iova(), true, piece.last(), true).entrySet()) {
                    assertTrue(leaf.getValue() <= piece.last(), piece::toString);
                }
                Map.Entry<Long, Long> before = leaves.lowerEntry(piece.iova());
                assertTrue(before == null || before.getValue() < piece.iova(), piece::toString);
                long bytes = piece.size();
                long most = 512 * Long.highestOneBit(later) + Long.highestOneBit(sizes);
                assertTrue(bytes <= most, () -> bytes + " bytes in one go");
                book.done(piece);
            }
        });
    }

    @Test
    void shouldTakeBackWhatAMapHasMappedAndNoMore() {
        check(100, random -> {
            MemoryMap book = new MemoryMap();
            Mapping other = new Mapping(1L << 50, 0, PAGE, 3);
            book.begin(other);
            pieces(book);
            book.finish();
            Mapping whole = longMapping(random, 4 * KIB);
            book.begin(whole);
            int most = random.nextInt(20);
            long mapped = 0;
            for (Mapping piece = book.piece(); piece != null && most > 0; piece = book.piece(), most--) {
                mapped += piece.size();
                book.done(piece);
            }
            book.takeBack();
            long at = whole.iova();
            for (Mapping piece = book.piece(); piece != null; piece = book.piece()) {
                Mapping left = new Mapping(at, whole.pa() + at - whole.iova(), whole.iova() + mapped - at, 3);
                assertEquals(List.of(left, other), book.inForce());
                assertEquals(at, piece.iova());
                at += piece.size();
                book.done(piece);
            }
            assertEquals(whole.iova() + mapped, at);
            assertEquals(List.of(other), book.inForce());
            book.giveUp();
            assertEquals(List.of(other), book.mappings());
            assertNull(book.unfinished());
        });
    }

    @Test
    void shouldSayAfterEachPieceWhatIsInForce() {
        check(20, random -> {
            MemoryMap book = new MemoryMap();
            NavigableMap<Long, Long> pages = new TreeMap<>();
            for (int i = 0; i < 6; i++) {
                // The target lies otherwise than the range, so that each piece is at most 2 MiB long.
                long iova = ((i * 2L) << 22) + random.nextInt(512) * PAGE;
                Mapping mapping = new Mapping(
                        iova, 0x4000_1000L + random.nextInt(100) * PAGE, (1 + random.nextInt(1500)) * PAGE, 3);
                book.begin(mapping);
                expectInForce(pages, book);
                for (Mapping piece = book.piece(); piece != null; piece = book.piece()) {
                    put(pages, piece);
                    book.done(piece);
                    expectInForce(pages, book);
                }
                book.finish();
                expectInForce(pages, book);
            }
            book.beginRemoval(0, -1);
            for (Mapping piece = book.piece(); piece != null; piece = book.piece()) {
                pages.subMap(piece.iova(), true, piece.last(), true).clear();
                book.done(piece);
                expectInForce(pages, book);
            }
            book.finish();
            assertEquals(List.of(), book.mappings());
        });
    }

    private static void put(NavigableMap<Long, Long> pages, Mapping mapping) {
        for (long at = 0; at < mapping.size(); at += PAGE) {
            assertNull(pages.put(mapping.iova() + at, mapping.pa() + at));
        }
    }

    private static void expectInForce(NavigableMap<Long, Long> pages, MemoryMap book) {
        NavigableMap<Long, Long> told = new TreeMap<>();
        book.inForce().forEach(mapping -> put(told, mapping));
        assertEquals(pages, told);
    }

    @Test
    void shouldLeaveNothingOfAMapThatIsGivenUpAndAllOfWhatAnUnmapLeft() {
        map.begin(new Mapping(0, 0x1000, 4 << 20, 1));
        map.done(map.piece());
        map.giveUp();
        assertEquals(List.of(), map.mappings());
        assertNull(map.unfinished());

        Mapping kept = new Mapping(0x1000, 0x2000, 4 << 20, 1);
        map.begin(kept);
        carryOut();
        map.finish();
        map.beginRemoval(0, -1);
        map.done(map.piece());
        map.giveUp();
        assertEquals(List.of(kept), map.mappings());
        assertNotNull(map.at(0x1000));
    }
}
