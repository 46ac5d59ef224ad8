package org.iommu4j.s390.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.s390.Machine;
import org.iommu4j.s390.table.PlainWalker;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/**
 * The unit against a plain model of what RPCIT does, docs/spec/s390-zpci.md 2.3 and 4: a map of pages for each
 * function. Edits of tables, refreshes of any range, registrations and swaps in any order.
 */
class ShadowModelPropertyTest {
    private static final long RT = Machine.RT;
    private static final long ST = Machine.ST;
    private static final long PT = 0x1001_0000L;
    private static final int SEGMENTS = 3;
    private static final int PAGES = 256;

    /** A page or frame of the model: where it goes, its size, and whether it may be written. */
    private record Target(long frame, long bytes, boolean writable) {}

    private static final class Model {
        private final Map<Long, Long> memory = new HashMap<>();
        private final Map<Integer, TreeMap<Long, Target>> shadow = new HashMap<>();
        private long budget;
        private boolean largeFrames;

        /** Expected status: 0, 16, or 8 with the event's code and address. */
        private int code;

        private long failing;

        int refresh(int function, long start, long length) {
            code = 0;
            boolean shortOf = false;
            long last = Math.min(start + length - 1, Machine.PAL);
            for (int pass = 0; pass < 2; pass++) {
                shortOf = false;
                for (long at = Math.max(start, Machine.PBA) / 0x1000 * 0x1000; at <= last; ) {
                    PlainWalker.Result result = new PlainWalker(memory, largeFrames).walk(Machine.IOTA, at);
                    if (result.code() > 0) {
                        code = result.code();
                        failing = Math.max(at, start);
                        return 8;
                    }
                    long begin = at / result.bytes() * result.bytes();
                    long end = begin + result.bytes() - 1;
                    if (result.code() == 0) {
                        drop(function, begin, end);
                        if (budget == 0) {
                            shortOf = true;
                        } else {
                            budget--;
                            shadow.get(function)
                                    .put(
                                            begin,
                                            new Target(
                                                    result.target() - (at - begin), result.bytes(), result.writable()));
                        }
                    } else {
                        drop(function, at, Math.min(end, last));
                    }
                    at = end + 1;
                }
                if (!shortOf) {
                    return 0;
                }
            }
            return 16;
        }

        void drop(int function, long first, long last) {
            var entries = shadow.get(function).entrySet().iterator();
            while (entries.hasNext()) {
                var entry = entries.next();
                if (entry.getKey() <= last && entry.getKey() + entry.getValue().bytes - 1 >= first) {
                    entries.remove();
                    budget++;
                }
            }
        }

        Target at(int function, long iova) {
            var entry = shadow.get(function).floorEntry(iova);
            return entry == null || iova >= entry.getKey() + entry.getValue().bytes
                    ? null
                    : new Target(entry.getValue().frame + iova - entry.getKey(), 1, entry.getValue().writable);
        }
    }

    private static final class Run {
        private final SplittableRandom random;
        private final Machine machine;
        private final Model model = new Model();
        private final int[] handles = {0x8002_0001, 0x8002_0002};

        Run(SplittableRandom random) {
            this.random = random;
            long budget = random.nextInt(3) == 0 ? random.nextInt(1, 20) : 65535;
            int generation = random.nextInt(2, 6);
            machine = Machine.of(generation, Map.of("dma_avail", budget));
            model.largeFrames = generation > 2;
            model.budget = budget;
            for (int i = 0; i < 2048; i++) {
                write(RT + i * 8L, i == 2 ? ST | 7 : 0x20);
                write(ST + i * 8L, i < SEGMENTS ? PT + i * 0x800L : 0x20);
            }
            for (int i = 0; i < SEGMENTS * PAGES; i++) {
                write(PT + i * 8L, 0x400);
            }
            for (int handle : handles) {
                model.shadow.put(handle, new TreeMap<>());
                machine.enable(handle & 0x7fff_ffff);
                assertEquals(0, machine.mpcifc(handle, 4, Machine.PBA, Machine.PAL, Machine.IOTA));
            }
        }

        private void write(long pa, long word) {
            machine.write(pa, word);
            model.memory.put(pa, word);
        }

        private void edit() {
            int page = random.nextInt(8) * 37 % (SEGMENTS * PAGES) + random.nextInt(4);
            long frame = random.nextLong(1, 1 << 20) << 12;
            switch (random.nextInt(20)) {
                case 0 -> write(PT + page * 8L, 0);
                case 1 -> write(ST + random.nextInt(SEGMENTS) * 8L, 0x20);
                case 2 -> {
                    int segment = random.nextInt(SEGMENTS);
                    write(ST + segment * 8L, PT + segment * 0x800L | (random.nextInt(4) == 0 ? 0x200 : 0));
                }
                case 9 -> write(ST + random.nextInt(SEGMENTS) * 8L, random.nextLong(1, 1 << 12) << 20 | 0x400);
                case 3, 4, 5, 6 -> write(PT + page * 8L, frame | 0x400);
                case 7, 8 -> write(PT + page * 8L, frame | 0x200);
                default -> write(PT + page * 8L, frame);
            }
        }

        private void refresh() {
            int handle = handles[random.nextInt(2)];
            long start = Machine.PBA + random.nextInt(SEGMENTS * PAGES) * 0x1000L + random.nextInt(3) * 0x7ffL;
            long length = random.nextInt(5) == 0 ? 0x1_0000_0000L : random.nextInt(1, 1 << random.nextInt(1, 20));
            int expected = model.refresh(handle, start, length);
            long cc = machine.rpcit(handle, start, length);
            assertEquals(expected == 0 ? 0 : 1, cc);
            if (expected != 0) {
                assertEquals(expected, machine.status());
            }
            var events = machine.takeEvents();
            if (expected == 8) {
                assertEquals(
                        String.format("%016x%016x", model.failing, model.code),
                        events.get(0).substring(32));
                assertEquals(0, machine.mpcifc(handle, 7));
            } else {
                assertTrue(events.isEmpty());
            }
        }

        private void compare() {
            for (int handle : handles) {
                TreeMap<Long, Target> shadow = model.shadow.get(handle);
                for (int i = 0; i < 8; i++) {
                    long iova = Machine.PBA + random.nextInt(SEGMENTS * PAGES) * 0x1000L;
                    if (random.nextBoolean() && !shadow.isEmpty()) {
                        iova = shadow.firstKey() + random.nextInt(PAGES) * 0x1000L;
                    }
                    boolean write = random.nextBoolean();
                    Target target = model.at(handle, iova);
                    DmaAccess access = machine.dma(handle, iova + 0x123, write ? DmaAccess.WRITE : DmaAccess.READ);
                    if (target == null || (write && !target.writable)) {
                        assertEquals(target == null ? 7 : 5, access.faultCode());
                        assertEquals(1, machine.takeEvents().size());
                        assertEquals(0, machine.mpcifc(handle, 7));
                    } else {
                        assertEquals(target.frame + 0x123, access.spa());
                    }
                }
            }
            assertEquals(
                    model.shadow.values().stream().mapToInt(TreeMap::size).sum(),
                    machine.cached().size());
        }

        void go() {
            for (int i = 0; i < 120; i++) {
                int what = random.nextInt(20);
                if (what < 12) {
                    edit();
                } else if (what < 17) {
                    refresh();
                } else if (what == 17) {
                    machine.swap();
                } else if (what == 18) {
                    int handle = handles[random.nextInt(2)];
                    assertEquals(0, machine.mpcifc(handle, 6, Machine.PBA, Machine.PAL, Machine.IOTA));
                    model.drop(handle, 0, Long.MAX_VALUE);
                } else {
                    compare();
                }
            }
            compare();
        }
    }

    @Test
    void shouldKeepWhatThePlainModelKeeps() {
        Property.check(60, random -> new Run(random).go());
    }
}
