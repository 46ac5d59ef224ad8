package org.iommu4j.s390.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.s390.Machine;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.InvalidateData;
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

    static Stream<Shim> shims() {
        return new ZpciBackend().shims().stream();
    }

    /** Two containers with a function each, and every page known. */
    private static Machine machine(int subVersion) {
        Machine machine = Machine.of(subVersion).withFreshTables();
        for (int domain = 0; domain < 2; domain++) {
            machine.open(domain);
            machine.attach(domain, 1 + domain);
            machine.bind(domain, 1 + domain, Machine.IOTA, Machine.PBA, Machine.PAL, 0);
        }
        return machine;
    }

    /** Two functions, whose pages can be moved and looked at. */
    static final class Scene implements ShimLaws.Scene {
        private static final long MOVED = 0x100_0000L;
        private static final long NEXT = 0x1000_0000L;

        private final Machine machine;
        private long where;

        Scene(int subVersion) {
            machine = machine(subVersion);
        }

        @Override
        public void fill() {
            where = where % (NEXT << 12) + NEXT;
            pages(where);
            for (int domain = 0; domain < 2; domain++) {
                machine.invalidate(domain, 0, 1, 0, 0);
                for (int page = 0; page < PAGES; page++) {
                    machine.read(1 + domain, Machine.PBA + page * 0x1000L);
                }
            }
            pages(where + MOVED);
        }

        private void pages(long first) {
            for (int page = 0; page < PAGES; page++) {
                machine.page(page, first + page * 0x1000L);
            }
        }

        @Override
        public void carryOut(InvalidateRequest request, Completion completion) {
            if (machine.translator().invalidate(0, request, completion) == 0) {
                machine.translator().finish(completion);
            }
        }

        /** Pages that still go where they went before they moved. */
        @Override
        public Set<String> left() {
            Set<String> stale = new HashSet<>();
            for (int domain = 0; domain < 2; domain++) {
                for (int page = 0; page < PAGES; page++) {
                    String target = machine.read(1 + domain, Machine.PBA + page * 0x1000L);
                    if (target.equals(Long.toHexString(where + page * 0x1000L))) {
                        stale.add(domain + ":" + page);
                    }
                }
            }
            return stale;
        }

        Set<String> staleAfter(InvalidateRequest request, Completion completion) {
            fill();
            carryOut(request, completion);
            return left();
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
    void shouldDropTheSameAndRefuseTheSame(Shim shim) {
        Scene before = new Scene(shim.from());
        Scene after = new Scene(shim.to());
        Property.check(60, random -> {
            long seed = random.nextLong();
            InvalidateRequest plain = request(shim.from(), new SplittableRandom(seed));
            InvalidateRequest shimmed = request(shim.from(), new SplittableRandom(seed));
            Completion without = new Completion();
            final Set<String> left = before.staleAfter(plain, without);
            Completion with = new Completion();
            assertEquals(0, shim.rewrite(shimmed, with));
            assertEquals(shim.to(), shimmed.subVersion());
            Set<String> shimmedLeft = after.staleAfter(shimmed, with);
            assertTrue(left.containsAll(shimmedLeft), "never less is dropped");
            if (shim.fidelity() == Fidelity.EXACT) {
                assertEquals(left, shimmedLeft);
            }
            assertEquals(without.errno() + " " + without.rule(), with.errno() + " " + with.rule());
            assertEquals(without.fidelity(), with.fidelity());
        });
    }
}
