package org.iommu4j.s390.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.s390.Machine;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.InvalidateData;
import org.iommu4j.s390.command.ZpciGeneration;
import org.iommu4j.testing.MovedPages;
import org.iommu4j.testing.Property;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The law behind shims: old client, shim and new backend drop the same translations as old client and old backend, or more, and
 * refuse the same requests with the same rule.
 */
class ShimPropertyTest {
    private static final int PAGES = 64;

    /** Last address of the functions: as many pages as the tables name. */
    private static final long LAST = Machine.PBA + 0xf_ffffL;

    static Stream<Shim> shims() {
        return new ZpciBackend().shims().stream();
    }

    /** Two containers with a function each, and every page known. */
    private static Machine machine(int subVersion) {
        Machine machine = Machine.of(subVersion).withFreshTables();
        for (int domain = 0; domain < 2; domain++) {
            machine.open(domain);
            machine.attach(domain, 1 + domain);
            machine.bind(domain, 1 + domain, Machine.IOTA, Machine.PBA, LAST, 0);
        }
        return machine;
    }

    /** Two functions, whose pages can be moved and looked at. */
    static final class Scene implements MovedPages.Pages {
        private static final int FUNCTIONS = 2;
        private static final long FIRST_PLACE = 0x1000_0000L;
        private static final long SECOND_PLACE = 0x1100_0000L;

        private final Machine machine;
        private final DmaAccess access = new DmaAccess();

        Scene(int subVersion) {
            machine = machine(subVersion);
            machine.translator().tap(null);
            move(false);
            forget();
        }

        private static long place(int page, boolean second) {
            return (second ? SECOND_PLACE : FIRST_PLACE) + page % PAGES * 0x1000L;
        }

        @Override
        public int count() {
            return FUNCTIONS * PAGES;
        }

        @Override
        public void move(boolean toSecondPlace) {
            for (int page = 0; page < PAGES; page++) {
                machine.page(page, place(page, toSecondPlace));
            }
        }

        @Override
        public void forget() {
            for (int domain = 0; domain < FUNCTIONS; domain++) {
                machine.invalidate(domain, 0, 1, 0, 0);
            }
        }

        @Override
        public boolean leads(int page, boolean toSecondPlace) {
            machine.chip()
                    .translate(access.begin(1 + page / PAGES, Machine.PBA + page % PAGES * 0x1000L, DmaAccess.READ));
            return access.outcome() == DmaAccess.Outcome.TRANSLATED && access.spa() == place(page, toSecondPlace);
        }

        @Override
        public void carryOut(InvalidateRequest request, Completion completion) {
            if (machine.translator().invalidate(0, request, completion) == 0) {
                machine.translator().finish(completion);
            }
        }
    }

    /** A request of a generation, in which not everything is right. */
    static InvalidateRequest request(int subVersion, SplittableRandom random) {
        boolean range = random.nextInt(4) != 0;
        long first = Machine.PBA + random.nextInt(PAGES) * 0x1000L;
        long size = random.nextInt(1, 20) * 0x1000L;
        byte[] payload = random.nextInt(3) == 0 ? new byte[0] : payload(random, range);
        return new InvalidateRequest()
                .set(range ? 2 : 0, 1, 0, range ? first : 0, range ? size : 0, subVersion, payload, 0, payload.length);
    }

    private static byte[] payload(SplittableRandom random, boolean range) {
        byte[] payload = InvalidateData.of(
                random.nextInt(4) == 0 ? 0x8002_0001 | random.nextInt(2) << 24 : 0,
                random.nextInt(8) == 0 ? random.nextInt(3) : range ? 0 : 1,
                random.nextInt(4) == 0 ? Machine.IOTA + random.nextInt(2) * 0x4000L : 0);
        if (random.nextInt(8) == 0) {
            payload[random.nextInt(24)] ^= (byte) (1 << random.nextInt(8));
        }
        return payload;
    }

    @ParameterizedTest
    @MethodSource("shims")
    void shouldSayWhereMoreIsInvalidatedThanTheUnitNeeds(Shim shim) {
        // (b): a client of 2 announces new mappings, which a unit of 1 reads by itself.
        boolean more = shim.from() == ZpciGeneration.REFRESH && shim.to() == ZpciGeneration.BASE;
        assertEquals(more ? "b" : "", shim.conversions().get(0).step());
        assertEquals(more, !shim.conversions().get(0).why().isEmpty());
    }

    @ParameterizedTest
    @MethodSource("shims")
    void shouldDropTheSameAndRefuseTheSame(Shim shim) {
        MovedPages before = new MovedPages(new Scene(shim.from()));
        MovedPages after = new MovedPages(new Scene(shim.to()));
        Property.check(60, random -> {
            long seed = random.nextLong();
            InvalidateRequest plain = request(shim.from(), new SplittableRandom(seed));
            InvalidateRequest shimmed = request(shim.from(), new SplittableRandom(seed));
            Completion without = new Completion();
            final BitSet left = before.leftAfter(plain, without);
            Completion with = new Completion();
            assertEquals(0, shim.rewrite(shimmed, with));
            assertEquals(shim.to(), shimmed.subVersion());
            BitSet shimmedLeft = after.leftAfter(shimmed, with);
            assertTrue(ShimLaws.isPart(shimmedLeft, left), "never less is dropped");
            if (shim.fidelity() == Fidelity.EXACT) {
                assertEquals(left, shimmedLeft);
            }
            assertEquals(without.errno() + " " + without.rule(), with.errno() + " " + with.rule());
            assertEquals(without.fidelity(), with.fidelity());
        });
    }
}
