package org.iommu4j.s390.table;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** The walker against one that was written apart from it, over random tables, right and wrong. */
class TableWalkerPropertyTest {
    private static final long TABLES = 0x10_0000L;
    private static final long[] INDEX = {0, 1, 2, 255, 2047};

    @Test
    void shouldWalkAsThePlainWalkerDoes() {
        int[] outcomes = new int[16];
        Property.check(3000, random -> {
            Map<Long, Long> words = new HashMap<>();
            PhysicalMemory memory = new SimulatedPlatform(
                            new PlatformConfig(52, java.util.List.of(), (address, data) -> {}, DevicePort.COMPLETING))
                    .memory();
            boolean large = random.nextBoolean();
            int type = random.nextInt(4);
            long address = address(random);
            long iota = TABLES | 0x800 | type << 2 | (random.nextInt(8) == 0 ? 0x200 : 0);
            if (random.nextInt(20) == 0) {
                iota |= 1L << random.nextInt(14);
            }
            long table = TABLES;
            for (int level = type + 1; level >= 0; level--) {
                long at = table + (address >>> new int[] {12, 20, 31, 42, 53}[level] & (level == 0 ? 0xff : 0x7ff)) * 8;
                table += 0x4000;
                long entry = entry(random, level, table);
                words.put(at, entry);
                memory.writeLongBe(at, entry);
            }
            TableWalker walker = new TableWalker(memory, large);
            PlainWalker.Result expected = new PlainWalker(words, large).walk(iota, address);
            int outcome = walker.walk(iota, address, null);
            assertEquals(expected.code(), outcome);
            outcomes[outcome + 1]++;
            if (outcome != 3 && outcome != 8) {
                assertEquals(expected.bytes(), 1L << walker.shift());
            }
            if (outcome == 0) {
                assertEquals(expected.target(), walker.frame() | (address & ((1L << walker.shift()) - 1)));
                assertEquals(expected.writable(), walker.writable());
            }
        });
        for (int outcome : new int[] {-1, 0, 3, 7, 8, 9}) {
            assertEquals(true, outcomes[outcome + 1] > 20, "outcome " + outcome + ": " + outcomes[outcome + 1]);
        }
    }

    private static long address(SplittableRandom random) {
        long address =
                INDEX[random.nextInt(INDEX.length)] << 20 | INDEX[random.nextInt(4)] << 12 | random.nextInt(0x1000);
        address |= random.nextBoolean() ? INDEX[random.nextInt(INDEX.length)] << 31 : 0;
        address |= random.nextInt(3) == 0 ? INDEX[random.nextInt(INDEX.length)] << 42 : 0;
        return address | (random.nextInt(3) == 0 ? INDEX[random.nextInt(INDEX.length)] << 53 : 0);
    }

    /** A right entry most of the time. */
    private static long entry(SplittableRandom random, int level, long next) {
        long entry;
        if (level == 0) {
            entry = random.nextLong() & 0x000f_ffff_ffff_f000L;
        } else if (level == 1) {
            entry = random.nextInt(4) == 0 ? (random.nextLong() & 0x000f_ffff_fff0_0000L) | 0x400 : next;
        } else {
            entry = next | 3 | (level - 1) << 2;
        }
        entry |= random.nextInt(6) == 0 ? 0x200 : 0;
        return switch (random.nextInt(12)) {
            case 0 -> entry ^ 1L << random.nextInt(12);
            case 1 -> random.nextBoolean() ? 0 : entry | (level == 0 ? 0x400 : 0x20);
            default -> entry;
        };
    }
}
