package org.iommu4j.arm.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.junit.jupiter.api.Test;

/** What a rewritten vendor part drops: no address less than before, in no generation. */
class ShimPropertyTest {
    private static final int ROUNDS = 3000;
    private static final List<Granule> GRANULES = List.of(Granule.values());

    private static Shim shim(int from, int to) {
        return GenerationShim.all().stream()
                .filter(shim -> shim.from() == from && shim.to() == to)
                .findFirst()
                .orElseThrow();
    }

    private static InvalidateRequest request(int generation, long... words) {
        ByteBuffer payload = ByteBuffer.allocate(words.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long word : words) {
            payload.putLong(word);
        }
        return new InvalidateRequest().set(0, 0, 0, 0, 0, generation, payload.array(), 0, payload.capacity());
    }

    /** True if a command of the payload drops a leaf of that granule and level that holds the address. */
    private static boolean drops(InvalidateRequest request, Granule granule, int level, long address, boolean ds) {
        ByteBuffer payload = ByteBuffer.wrap(request.payload()).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = request.payloadOffset();
                at < request.payloadOffset() + request.payloadLength();
                at += CommandFields.COMMAND_BYTES) {
            long word0 = payload.getLong(at);
            long word1 = payload.getLong(at + 8);
            int shift = granule.shiftOf(level);
            long first = CommandFields.ADDRESS.get(word1);
            long last = first;
            Granule named = Granule.ofRange(CommandFields.TG.getInt(word1));
            if (named != null) {
                int ttl = CommandFields.TTL.getInt(word1);
                boolean anyLevel = ttl == 0 || (named == Granule.K16 && ttl == 1 && !ds);
                if (named != granule || !(anyLevel || ttl == level)) {
                    continue;
                }
                first = first >>> named.shift() << named.shift();
                last = first + ((CommandFields.NUM.get(word0) + 1) << CommandFields.scale(word0) << named.shift()) - 1;
            }
            if (first >>> shift <= address >>> shift && address >>> shift <= last >>> shift) {
                return true;
            }
        }
        return false;
    }

    @Test
    void shouldNeverDropLessThanBefore() {
        SplittableRandom random = new SplittableRandom(11);
        int changed = 0;
        int widened = 0;
        for (int round = 0; round < ROUNDS; round++) {
            for (Shim shim : GenerationShim.all()) {
                boolean ranges = shim.from() >= SmmuGeneration.V3_2;
                Granule granule = GRANULES.get(random.nextInt(GRANULES.size()));
                int scale = random.nextInt(4);
                int num = random.nextInt(6);
                int ttl = random.nextInt(4);
                boolean reserved = num == 0 && scale == 0 && (ttl == 0 || (ttl == 1 && granule == Granule.K16));
                long base = (random.nextLong() & 0xffff_ffffL) << 12 >>> granule.shift() << granule.shift();
                long word0 = SmmuCommand.TLBI_NH_VA.word() | CommandFields.ASID.of(7);
                long word1 = CommandFields.ADDRESS.of(base);
                if (ranges && !reserved) {
                    word0 |= CommandFields.NUM.of(num) | CommandFields.SCALE.of(scale);
                    word1 |= CommandFields.TG.of(granule.rangeCode()) | CommandFields.TTL.of(ttl);
                }
                InvalidateRequest before = request(shim.from(), word0, word1);
                InvalidateRequest after = request(shim.from(), word0, word1);
                Completion completion = new Completion();
                assertEquals(0, shim.rewrite(after, completion));
                assertEquals(shim.to(), after.subVersion());
                if (after.payloadLength() == 0) {
                    // The generic part names no less; the completion says so.
                    assertEquals(Fidelity.WIDENED, shim.fidelity());
                    widened++;
                    continue;
                }
                changed += after.payload() == after.scratch() ? 1 : 0;
                long address = base + ((long) random.nextInt(64) << granule.shift());
                int level = 1 + random.nextInt(3);
                boolean wasDropped = drops(before, granule, level, address, shim.from() == SmmuGeneration.V3_4);
                boolean isDropped = drops(after, granule, level, address, shim.to() == SmmuGeneration.V3_4);
                assertTrue(isDropped || !wasDropped, shim.name() + " " + Long.toHexString(word1));
            }
        }
        assertTrue(changed > ROUNDS / 4, "changed " + changed);
        assertTrue(widened > ROUNDS / 10, "widened " + widened);
    }

    @Test
    void shouldTakeEachGranuleOfARangeByItself() {
        // M11 becomes M13
        InvalidateRequest request = request(SmmuGeneration.V3_2, 0x0000000000200013L, 0x7401L);
        assertEquals(0, shim(SmmuGeneration.V3_2, SmmuGeneration.V3_1).rewrite(request, new Completion()));
        ByteBuffer payload = ByteBuffer.wrap(request.payload()).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(64, request.payloadLength());
        for (int i = 0; i < 4; i++) {
            assertEquals(0x13L, payload.getLong(16 * i));
            assertEquals(0x7001L + 0x1000L * i, payload.getLong(16 * i + 8));
        }
    }

    @Test
    void shouldDropTheLevelThatMeantNothingBefore() {
        // S24 and E43
        InvalidateRequest request = request(SmmuGeneration.V3_3, 0x0000000000100012L, 0x40000900L);
        assertEquals(0, shim(SmmuGeneration.V3_3, SmmuGeneration.V3_4).rewrite(request, new Completion()));
        ByteBuffer payload = ByteBuffer.wrap(request.payload()).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(0x40000800L, payload.getLong(8));
    }

    @Test
    void shouldRefuseWhatOnlyTheCommandsSay() {
        long[] words = {0x0000000000900012L, 0x40000400L, 0x000001a800005005L, 1};
        InvalidateRequest request = request(SmmuGeneration.V3_2, words);
        Completion completion = new Completion();
        assertFalse(shim(SmmuGeneration.V3_2, SmmuGeneration.V3_1).rewrite(request, completion) == 0);
        assertEquals(Errno.EOPNOTSUPP, completion.errno());
    }
}
