package org.iommu4j.spapr.shim;

import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.spapr.Machine;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testing.Property;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The law of shims: an old client, the shim and the new driver leave the same translations dropped as the old client and the
 * old driver; or more, and the answer says so.
 */
class ShimPropertyTest {
    private static final long TABLE = 0x1000_0000;
    private static final int PAGES = 32;
    private static final long ANY = 0xffff_ffffL;

    static List<Shim> shims() {
        return new SpaprBackend().shims();
    }

    /** Two containers with the same table; the second must keep what it has. */
    private static Machine machine(int subVersion) {
        Machine machine =
                Machine.of(new HardwareConfig(subVersion, Map.of(), Map.of(), CacheConfig.WORST_CASE, Map.of()));
        machine.translator().tap(null);
        for (int domain = 0; domain < 2; domain++) {
            assertEquals(Errno.OK, machine.open(domain));
            assertEquals(Errno.OK, machine.attach(domain, LIOBN + domain, TABLE, 1));
        }
        return machine;
    }

    /** Both containers, whose entries can be mapped anew and looked at. */
    static final class Scene implements ShimLaws.Scene {
        private final Machine machine;

        private final DmaAccess access = new DmaAccess();

        /** Generation 5 drops whole endpoints because its kills of pages may be lost: what was asked for is what 4 drops. */
        Scene(int client, int chip) {
            machine = machine(client == chip && chip == 5 ? 4 : chip);
        }

        @Override
        public void fill() {
            for (int page = 0; page < PAGES; page++) {
                machine.memory().writeLongBe(TABLE + 8L * page, ((long) page << 20) + 3);
            }
            for (int domain = 0; domain < 2; domain++) {
                for (int page = 0; page < PAGES; page++) {
                    machine.chip().translate(access.begin(LIOBN + domain, (long) page << 12, DmaAccess.READ));
                    assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
                }
            }
        }

        @Override
        public void carryOut(InvalidateRequest request, Completion completion) {
            if (machine.translator().invalidate(0, request, completion) == 0) {
                machine.translator().finish(completion);
            }
        }

        /** PE numbers are the host's and differ between generations: pages are told by how often they are cached. */
        @Override
        public BitSet left() {
            BitSet left = new BitSet();
            machine.chip().visitCache((cache, tag, pasid, iova, length, pa) -> {
                int page = (int) (iova >>> 12);
                left.set(left.get(page) ? PAGES + page : page);
            });
            return left;
        }
    }

    /** A request of a generation, in which not everything is right. */
    static InvalidateRequest request(int subVersion, SplittableRandom random) {
        boolean range = random.nextInt(4) != 0;
        long first = random.nextInt(PAGES);
        long count = 1L + random.nextInt(6);
        int flags = random.nextBoolean() ? Uapi.FLAGS_NO_PASID : 0;
        byte[] payload = random.nextInt(3) == 0 ? new byte[0] : payload(random, subVersion);
        return new InvalidateRequest()
                .set(
                        range ? Uapi.SCOPE_VADDR : 0,
                        flags,
                        0,
                        range ? first << 12 : 0,
                        range ? count << 12 : 0,
                        subVersion,
                        payload,
                        0,
                        payload.length);
    }

    private static byte[] payload(SplittableRandom random, int from) {
        long liobn =
                random.nextInt(8) == 0 ? random.nextInt(4) + 0x8000_0000L : random.nextBoolean() ? 0x8000_0000L : ANY;
        long op = random.nextInt(8) == 0 ? random.nextInt(4) : random.nextInt(4) == 0 ? 1 : from <= 2 ? 2 : 0;
        long shift = random.nextInt(8) == 0 ? 16 : random.nextBoolean() ? 12 : 0;
        long pe = random.nextInt(8) == 0 ? random.nextInt(512) : ANY;
        long flags = random.nextInt(8) == 0 ? 1 : 0;
        return Machine.payload(liobn, op, shift, pe, flags);
    }

    @ParameterizedTest
    @MethodSource("shims")
    void shouldLeaveNothingCachedThatTheOldDriverDrops(Shim shim) {
        Scene before = new Scene(shim.from(), shim.from());
        Scene after = new Scene(shim.from(), shim.to());
        Property.check(60, random -> {
            long seed = random.nextLong();
            InvalidateRequest plain = request(shim.from(), new SplittableRandom(seed));
            InvalidateRequest shimmed = request(shim.from(), new SplittableRandom(seed));
            Completion without = new Completion();
            BitSet left = before.leftAfter(plain, without);
            Completion with = new Completion();
            if (shim.rewrite(shimmed, with) != 0) {
                assertTrue(with.errno() != Errno.OK && !with.reason().isEmpty());
                return;
            }
            assertEquals(shim.to(), shimmed.subVersion());
            BitSet leftAfter = after.leftAfter(shimmed, with);
            if (with.errno() != Errno.OK) {
                assertTrue(
                        without.errno() != Errno.OK || shim.fidelity() != Fidelity.EXACT || shim.from() > 2,
                        with.toString());
                return;
            }
            assertEquals(Errno.OK, without.errno(), "the shim lets pass what the old driver refuses");
            assertTrue(ShimLaws.isPart(leftAfter, left), () -> "still cached: " + leftAfter + " for " + left);
            if (with.fidelity() == Fidelity.EXACT) {
                assertEquals(left, leftAfter);
            } else {
                assertEquals(Fidelity.WIDENED, shim.fidelity());
            }
        });
    }

    private static Completion answer(int from, int to, byte[] payload) {
        InvalidateRequest request =
                new InvalidateRequest().set(Uapi.SCOPE_VADDR, 0, 0, 0x1000, 0x1000, from, payload, 0, payload.length);
        Completion completion = new Completion().begin();
        new GenerationShim(from, to).rewrite(request, completion);
        return completion;
    }

    @Test
    void shouldNeverCutAPeNumber() {
        // (g): eight bits at generation 3
        assertEquals(Errno.OK, answer(4, 3, Machine.payload(ANY, 0, 12, 255, 0)).errno());
        Completion refused = answer(5, 3, Machine.payload(ANY, 0, 12, 256, 0));
        assertEquals(Errno.ERANGE, refused.errno());
        assertEquals(Rule.V36, refused.rule());
        // Calls have none at all.
        assertEquals(Rule.V36, answer(4, 2, Machine.payload(ANY, 0, 12, 1, 0)).rule());
        assertEquals(Rule.V36, answer(1, 3, Machine.payload(ANY, 2, 12, 1, 0)).rule());
    }

    /** The vendor part after a shim. */
    private static byte[] carried(int from, int to, byte[] payload) {
        InvalidateRequest request =
                new InvalidateRequest().set(Uapi.SCOPE_VADDR, 0, 0, 0x1000, 0x1000, from, payload, 0, payload.length);
        assertEquals(0, new GenerationShim(from, to).rewrite(request, new Completion().begin()));
        return Arrays.copyOfRange(
                request.payload(), request.payloadOffset(), request.payloadOffset() + request.payloadLength());
    }

    @Test
    void shouldKeepASyncWhereThereIsOneAndDropItElsewhere() {
        byte[] synced = Machine.payload(ANY, 0, 12, ANY, 1);
        assertArrayEquals(synced, carried(4, 5, synced));
        assertArrayEquals(synced, carried(5, 4, synced));
        assertArrayEquals(Machine.payload(ANY, 0, 12, ANY, 0), carried(4, 3, synced));
        assertArrayEquals(Machine.payload(ANY, 2, 12, ANY, 0), carried(5, 2, synced));
        // Before 4 the bit is reserved: the lowest of the fifth word of 32 bits.
        Completion reserved = answer(1, 4, synced);
        assertEquals(Rule.V34, reserved.rule());
        assertEquals(19, reserved.offset());
    }

    @Test
    void shouldSpeakOfListsOfEntriesOnlyWhereTheyAreLost() {
        // (b): only 2 has them, and only 1 among calls has not.
        for (Shim shim : shims()) {
            boolean speaks = shim.conversions().stream()
                    .anyMatch(conversion -> conversion.operation().equals("lists of entries"));
            assertEquals(shim.from() == 2 && shim.to() == 1, speaks, shim::name);
        }
    }

    @Test
    void shouldCarryRangesOfTheDefaultWindowToCallsAndNothingBeyond() {
        // (c): 4 GiB of pages of 4 KiB, which the vendor part may leave to the window
        for (int shift : new int[] {0, 12}) {
            assertArrayEquals(
                    Machine.payload(ANY, 2, shift, ANY, 0), carried(4, 2, Machine.payload(ANY, 0, shift, ANY, 0)));
        }
        for (long pages = 1; pages <= 2; pages++) {
            InvalidateRequest request = new InvalidateRequest()
                    .set(Uapi.SCOPE_VADDR, 0, 0, 0xffff_f000L, pages << 12, 4, new byte[0], 0, 0);
            Completion completion = new Completion().begin();
            int code = new GenerationShim(4, 2).rewrite(request, completion);
            assertEquals(pages == 1 ? 0 : -Errno.EOPNOTSUPP.number(), code);
            assertEquals(pages == 1 ? null : Rule.V24, completion.rule());
        }
    }

    @Test
    void shouldRefuseAVendorPartOfAnotherLength() {
        assertEquals(Rule.V33, answer(4, 3, new byte[31]).rule());
        assertEquals(Rule.V33, answer(1, 3, new byte[33]).rule());
    }
}
