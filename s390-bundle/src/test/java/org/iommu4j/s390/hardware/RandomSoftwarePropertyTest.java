package org.iommu4j.s390.hardware;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.s390.Machine;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/**
 * Nothing that software executes or devices do is thrown as an exception: it ends in condition codes, interruptions and events.
 */
class RandomSoftwarePropertyTest {
    private static final int[] OPCODES = {0xB9D3, 0xE3D0, 0xE3D4, 0xB9A0, 0xEBD1, 0xB9D2};

    @Test
    void shouldNeverThrow() {
        Property.check(150, random -> run(random));
    }

    private static void run(SplittableRandom random) {
        CacheConfig[] caches = CacheConfig.values();
        int generation = random.nextInt(1, 6);
        Machine machine = Machine.of(new HardwareConfig(
                generation,
                Map.of("clp", Map.of("functions", 4L, "dma_avail", (long) random.nextInt(40))),
                Map.of(),
                caches[random.nextInt(caches.length)],
                Map.of("function-states", "3=standby")));
        machine.withFreshTables();
        machine.setUp();
        for (int i = 0; i < 300; i++) {
            int handle = handle(random);
            switch (random.nextInt(10)) {
                case 0 -> machine.write(Machine.RT + random.nextInt(0x9000 / 8) * 8L, entry(random));
                case 1 ->
                    machine.dma(
                            handle,
                            address(random),
                            random.nextInt(1, 4),
                            random.nextBoolean() ? 1 : random.nextInt(9000));
                case 2, 3 -> machine.rpcit(handle, address(random), length(random));
                case 4 ->
                    machine.mpcifc(
                            handle,
                            random.nextInt(12),
                            address(random),
                            address(random),
                            random.nextInt(4) == 0
                                    ? 0
                                    : 0x1000_0800L | random.nextInt(4) << 2 | (entry(random) & 0x3e0));
                case 5 -> machine.stpcifc(handle);
                case 6 -> machine.clp(request(random, handle), random.nextInt(1, 12) * 32);
                case 7 -> machine.swap();
                case 8 -> machine.takeEvents();
                default -> {
                    long result = machine.execute(
                            OPCODES[random.nextInt(OPCODES.length)],
                            random.nextLong(),
                            random.nextLong() >>> random.nextInt(64),
                            random.nextLong() >>> random.nextInt(64));
                    assertTrue(result >= -0x15 && result <= 3);
                }
            }
        }
        machine.dma(0x8002_0001, 0, DmaAccess.READ);
    }

    private static int handle(SplittableRandom random) {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextInt();
            case 1 -> 0x0002_0000 | random.nextInt(5) | random.nextInt(3) << 24;
            default -> 0x8002_0001 | random.nextInt(2) << 24;
        };
    }

    private static long address(SplittableRandom random) {
        return random.nextInt(4) == 0
                ? random.nextLong() >>> random.nextInt(64)
                : Machine.PBA + random.nextInt(0x40_0000);
    }

    private static long length(SplittableRandom random) {
        return random.nextInt(6) == 0 ? random.nextLong() : random.nextInt(0x10_0000);
    }

    private static long entry(SplittableRandom random) {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextLong();
            case 1 -> 0x1000_4007L;
            case 2 -> 0x1000_8000L;
            default -> random.nextInt(0x1000) | 0x2000_0000L;
        };
    }

    private static String request(SplittableRandom random, int handle) {
        long word0 =
                random.nextInt(8) == 0 ? random.nextLong() : 0x0020_0000_0000_0000L | (long) random.nextInt(7) << 32;
        long word1 = random.nextInt(8) == 0 ? random.nextLong() : 0;
        long word2 = (long) handle << 32 | random.nextInt(3) << 8 | random.nextInt(3);
        return String.format("%016x%016x%016x%016x", word0, word1, word2, random.nextInt(8) == 0 ? 1 : 0);
    }
}
