package org.iommu4j.arm.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.junit.jupiter.api.Test;

/** What a rewritten vendor part drops: no address less than before, in no generation. */
class ShimPropertyTest {
    private static final int ROUNDS = 600;
    private static final List<Granule> GRANULES = List.of(Granule.values());

    private static Shim shim(int from, int to) {
        return ShimEquivalencePropertyTest.commandShims().stream()
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
            for (Shim shim : ShimEquivalencePropertyTest.commandShims()) {
                boolean ranges = shim.from() > SmmuGeneration.V3_0;
                Granule granule = GRANULES.get(random.nextInt(GRANULES.size()));
                int scale = random.nextInt(4);
                int num = random.nextInt(6);
                int ttl = random.nextInt(4);
                boolean reserved = num == 0
                        && scale == 0
                        && (ttl == 0 || (ttl == 1 && granule == Granule.K16 && shim.from() < SmmuGeneration.V3_4));
                long base = (random.nextLong() & 0xffff_ffffL) << 12 >>> granule.shift() << granule.shift();
                long word0 = SmmuCommand.TLBI_NH_VA.word() | CommandFields.ASID.of(7);
                long word1 = CommandFields.ADDRESS.of(base);
                if (ranges && !reserved) {
                    word0 |= CommandFields.NUM.of(num) | CommandFields.SCALE.of(scale);
                    word1 |= CommandFields.TG.of(granule.rangeCode()) | CommandFields.TTL.of(ttl);
                }
                InvalidateRequest before = request(shim.from(), word0, word1);
                InvalidateRequest after = request(shim.from(), word0, word1);
                byte[] sent = after.payload();
                Completion completion = new Completion().begin();
                assertEquals(0, shim.rewrite(after, completion));
                assertEquals(shim.to(), after.subVersion());
                if (completion.fidelity() == Fidelity.WIDENED) {
                    assertEquals(Fidelity.WIDENED, shim.fidelity());
                    assertEquals(SmmuCommand.TLBI_NH_ALL.word(), word(after, 0));
                    widened++;
                    continue;
                }
                changed += after.payload() != sent ? 1 : 0;
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
    void shouldKeepTheGenericPartOfWhatIsNotWidened() {
        InvalidateRequest request = request(SmmuGeneration.V3_2, 0x0000000000200013L, 0x7401L);
        request.set(2, 1, 0, 0x7000, 0x8000, SmmuGeneration.V3_2, request.payload(), 0, request.payloadLength());
        assertEquals(0, shim(SmmuGeneration.V3_2, SmmuGeneration.V3_1).rewrite(request, new Completion().begin()));
        assertEquals(64, request.payloadLength());
        assertTrue(request.selectsRange() && request.noPasid());
        assertEquals(0x7000, request.vaddr());
        assertEquals(0x8000, request.size());
    }

    @Test
    void shouldKeepTheBytesOfARequestOfAnyLengthThatMeansTheSame() {
        long[] words = new long[64];
        for (int i = 0; i < words.length; i += 2) {
            words[i] = 0x0007_0000_0000_0012L;
            words[i + 1] = 0x1000L * i;
        }
        InvalidateRequest request = request(SmmuGeneration.V3_0, words);
        byte[] sent = request.payload();
        assertEquals(0, shim(SmmuGeneration.V3_0, SmmuGeneration.V3_2).rewrite(request, new Completion().begin()));
        assertSame(sent, request.payload());
        // The same number of commands with one that has to be written otherwise.
        words[62] = 0x0000000000100012L;
        words[63] = 0x40000900L;
        Completion refusal = new Completion().begin();
        InvalidateRequest tooLong = request(SmmuGeneration.V3_3, words);
        assertEquals(
                -Errno.EOPNOTSUPP.number(),
                shim(SmmuGeneration.V3_3, SmmuGeneration.V3_4).rewrite(tooLong, refusal));
        assertEquals(Rule.V33, refusal.rule());
    }

    @Test
    void shouldOnlyChangeTheNumberOfARequestWithoutCommands() {
        for (Shim shim : SmmuForms.shims()) {
            InvalidateRequest request = request(shim.from());
            assertEquals(0, shim.rewrite(request, new Completion().begin()), shim::name);
            assertEquals(shim.to(), request.subVersion());
            assertEquals(0, request.payloadLength());
        }
    }

    @Test
    void shouldWriteSoManyGranulesAsThereAreAndNoneBeyond() {
        // 31 of 4 KiB: an odd number of small units
        long[] range = {CommandFields.NUM.of(30) | SmmuCommand.TLBI_NH_VAA.word(), 0x7400L};
        InvalidateRequest request = request(SmmuGeneration.V3_4, range[0], range[1]);
        assertEquals(0, shim(SmmuGeneration.V3_4, SmmuGeneration.V3_2).rewrite(request, new Completion().begin()));
        assertEquals(List.of(range[0], range[1]), words(request));
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
    void shouldDropEverythingWhereThereWouldBeTooManyCommands() {
        // S2, beside a CFGI_CD, which stays
        long[] words = {0x0000000000900012L, 0x40000400L, 0x000001a800005005L, 1};
        InvalidateRequest request = request(SmmuGeneration.V3_2, words);
        request.set(2, 1, 5, 0x4000_0000L, 0x1000, SmmuGeneration.V3_2, request.payload(), 0, request.payloadLength());
        Completion completion = new Completion().begin();
        assertEquals(0, shim(SmmuGeneration.V3_2, SmmuGeneration.V3_1).rewrite(request, completion));
        assertEquals(Fidelity.WIDENED, completion.fidelity());
        assertEquals(List.of(0x10L, 0L, 0x000001a800005005L, 1L), words(request));
        assertFalse(request.selectsRange());
        assertFalse(request.noPasid());
        assertEquals(List.of(0L, 0L, 0L), List.of((long) request.pasid(), request.vaddr(), request.size()));
    }

    @Test
    void shouldDropBothStagesWhereStage2WouldTakeTooManyCommands() {
        InvalidateRequest request = request(SmmuGeneration.V3_2, 0x000000000090002aL, 0x40000400L);
        Completion completion = new Completion().begin();
        assertEquals(0, shim(SmmuGeneration.V3_2, SmmuGeneration.V3_1).rewrite(request, completion));
        assertEquals(Fidelity.WIDENED, completion.fidelity());
        assertEquals(List.of(0x28L, 0L), words(request));
    }

    @Test
    void shouldCutARangeOfSixBitsOfScaleIntoPiecesUpToTheEndOfItsHalf() {
        // S22: 2^32 granules of 4 KiB at 0 are two of the largest units of five bits.
        InvalidateRequest request = request(SmmuGeneration.V3_4, 0x0000000002000012L, 0x400L);
        assertEquals(0, shim(SmmuGeneration.V3_4, SmmuGeneration.V3_3).rewrite(request, new Completion().begin()));
        assertEquals(List.of(0x0000000001f01012L, 0x400L), words(request));
        // All that there is: 2^40 granules in 16 pieces, and none in the other half.
        InvalidateRequest all = request(SmmuGeneration.V3_4, 0x000000000271f012L, 0x400L);
        assertEquals(0, shim(SmmuGeneration.V3_4, SmmuGeneration.V3_2).rewrite(all, new Completion().begin()));
        List<Long> expected = new ArrayList<>();
        for (long piece = 0; piece < 16; piece++) {
            expected.add(0x0000000001f1f012L);
            expected.add(piece << 48 | 0x400L);
        }
        assertEquals(expected, words(all));
        // The last granule below 2^52: what lies beyond is of the other half.
        InvalidateRequest end = request(SmmuGeneration.V3_4, 0x000000000271f012L, 0x000f_ffff_ffff_f400L);
        assertEquals(0, shim(SmmuGeneration.V3_4, SmmuGeneration.V3_2).rewrite(end, new Completion().begin()));
        assertEquals(List.of(0x12L, 0x000f_ffff_ffff_f000L), words(end));
    }

    @Test
    void shouldRefuseWhatTheGuestsGenerationDoesNotKnow() {
        // A range of 0x0300, level 1 of one granule of 16 KiB before 0x0304, a SCALE of six bits before 0x0304.
        refused(SmmuGeneration.V3_0, SmmuGeneration.V3_2, 0x0000000000003012L, 0x400L);
        refused(SmmuGeneration.V3_3, SmmuGeneration.V3_4, 0x0000000000000012L, 0x900L);
        refused(SmmuGeneration.V3_2, SmmuGeneration.V3_4, 0x0000000002000012L, 0x400L);
    }

    private static void refused(int from, int to, long... words) {
        Completion completion = new Completion().begin();
        InvalidateRequest request = request(from, words);
        assertEquals(-Errno.EINVAL.number(), shim(from, to).rewrite(request, completion));
        assertEquals(Rule.V34, completion.rule());
        assertEquals(from, request.subVersion());
    }

    @Test
    void shouldWriteTheCommandsOfAnSmmuv2sRegisters() {
        // docs/spec/arm-smmu.md 1.5: the worked values, with what they remove
        assertEquals(List.of(0x0007_0000_0000_0012L, 0x0001_0001L), registers(0x620, 0x0007_0000_0000_0010L));
        assertEquals(List.of(0x0007_0000_0000_0012L, 0xffff_0000_0001_0001L), registers(0x620, 0x0007_0ff0_0000_0010L));
        assertEquals(List.of(0x2aL, 0x8000_0000L), registers(0x630, 0x8_0000L));
        assertEquals(List.of(0x2aL, 0x8000_0001L), registers(0x638, 0x8_0000L));
        assertEquals(List.of(0x13L, 0x0001_0000L, 0x11L | 9L << 48, 0L), registers(0x608, 0x10, 0x7f0, -1, 0x610, 9));
        assertEquals(List.of(0x13L, 0x0001_0001L), registers(0x628, 0x10));
        // S8: of all that is there the driver takes what is the guest's own.
        assertEquals(List.of(0x10L, 0L, 0x30L, 0L), registers(0x618, 1, 0x8000_0068L, 1, 0x8000_0070L, 1));
        assertEquals(List.of(0x28L, 0L), registers(0x8000_0064L, 3));
        assertEquals(List.of(0x20L, 0L), registers(0x8000_006cL, 3));
        assertEquals(List.of(0x22L, 0x0001_0000L), registers(0x8000_00c0L, 0x10));
        assertEquals(List.of(0x10L, 0L), registers(0x8000_00b8L, 3));
    }

    @Test
    void shouldRefuseWritesThatRemoveNothingOrAreNoneOfSmmuv2s() {
        // A wait alone; a Secure register; a bit above the address; a length that is no list of writes.
        refusedRegisters(Rule.V35, 0x7f0, 0);
        refusedRegisters(Rule.V34, 0x8000_0060L, 0);
        refusedRegisters(Rule.V34, 0x608, 1L << 44);
        refusedRegisters(Rule.V34, 1L << 32 | 0x608, 0);
        refusedRegisters(Rule.V33, 0x608, 0, 0x608);
        refusedRegisters(Rule.V33, new long[34]);
    }

    @Test
    void shouldTakeSixteenWritesAndNameTheWordOfAReservedBit() {
        long[] words = new long[32];
        for (int i = 0; i < words.length; i += 2) {
            words[i] = 0x618;
        }
        assertEquals(32, registers(words).size());
        for (Shim shim : ShimEquivalencePropertyTest.registerShims()) {
            Completion inPlace = new Completion().begin();
            shim.rewrite(request(SmmuGeneration.V2, 1L << 32 | 0x608, 0), inPlace);
            assertEquals(4, inPlace.offset());
            Completion inValue = new Completion().begin();
            shim.rewrite(request(SmmuGeneration.V2, 0x608, 1L << 44), inValue);
            assertEquals(13, inValue.offset());
        }
    }

    @Test
    void shouldNameWhatIsNoRegisterAndNoGenerationOfAChipByNoPlaceInABit() {
        Completion unknown = new Completion().begin();
        ShimEquivalencePropertyTest.registerShims()
                .get(0)
                .rewrite(request(SmmuGeneration.V2, 0x8000_0060L, 0), unknown);
        assertEquals("offset", unknown.field());
        assertEquals(-1, unknown.offset());
        Completion written = new Completion().begin();
        SmmuForms.ALL.get(0).write(new Effect().all(Effect.Target.TRANSLATIONS), new byte[16], 0, 16, written);
        assertEquals(Rule.V30, written.rule());
        assertEquals(-1, written.offset());
    }

    private static void refusedRegisters(Rule rule, long... words) {
        for (Shim shim : ShimEquivalencePropertyTest.registerShims()) {
            Completion completion = new Completion().begin();
            assertNotEquals(0, shim.rewrite(request(SmmuGeneration.V2, words), completion));
            assertEquals(rule, completion.rule());
        }
    }

    private static List<Long> registers(long... words) {
        List<Long> written = null;
        for (Shim shim : ShimEquivalencePropertyTest.registerShims()) {
            InvalidateRequest request = request(SmmuGeneration.V2, words);
            assertEquals(0, shim.rewrite(request, new Completion().begin()));
            assertEquals(shim.to(), request.subVersion());
            assertTrue(written == null || written.equals(words(request)));
            written = words(request);
        }
        return written;
    }

    private static List<Long> words(InvalidateRequest request) {
        List<Long> words = new ArrayList<>();
        for (int at = 0; at < request.payloadLength(); at += Long.BYTES) {
            words.add(word(request, at));
        }
        return words;
    }

    private static long word(InvalidateRequest request, int at) {
        return ByteBuffer.wrap(request.payload()).order(ByteOrder.LITTLE_ENDIAN).getLong(request.payloadOffset() + at);
    }
}
