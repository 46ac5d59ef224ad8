package org.iommu4j.core.negotiation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Unbridgeable;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakeShim;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Offer;
import org.junit.jupiter.api.Test;

class NegotiatorTest {
    private static final BackendDescription HOST = new BackendDescription(
            IommuModel.INTEL,
            "host",
            "1.0.0",
            List.of(FakeBackend.generation(4, "ats"), FakeBackend.generation(5)),
            1,
            1);

    @Test
    void shouldAgreeExactlyWhenChipIsInTheWindow() {
        Agreement agreement = negotiate(offer(1, 9), 4, FakeShim.exact(9, 4));
        assertEquals(Agreement.Kind.EXACT, agreement.kind());
        assertEquals(4, agreement.clientSubVersion());
        assertEquals(List.of(), agreement.shims());
    }

    @Test
    void shouldPreferAnExactChainOverAShorterThatWidens() {
        Agreement agreement = negotiate(
                offer(1, 1),
                4,
                FakeShim.widening(1, 4),
                FakeShim.exact(1, 2),
                FakeShim.exact(2, 3),
                FakeShim.exact(3, 4));
        assertEquals(List.of("s1-2", "s2-3", "s3-4"), agreement.shims());
        assertEquals(Fidelity.EXACT, agreement.fidelity());
        assertEquals(Agreement.Kind.BRIDGED, agreement.kind());
    }

    /** The exact chain leads through a generation that has less than both ends. */
    @Test
    void shouldPreferAPathThatWidensOverAnExactOneThatRefusesMore() {
        Shim narrow = new Shim() {
            private final FakeShim exact = FakeShim.exact(1, 2);

            @Override
            public IommuModel model() {
                return exact.model();
            }

            @Override
            public int from() {
                return exact.from();
            }

            @Override
            public int to() {
                return exact.to();
            }

            @Override
            public String name() {
                return exact.name();
            }

            @Override
            public Fidelity fidelity() {
                return exact.fidelity();
            }

            @Override
            public List<Conversion> conversions() {
                return List.of(Conversion.refused("PASIDs", "S1", Rule.V34, "pasid", "it has none"));
            }

            @Override
            public int rewrite(InvalidateRequest request, Completion completion) {
                return exact.rewrite(request, completion);
            }
        };
        Agreement agreement = negotiate(offer(1, 1), 4, FakeShim.widening(1, 4), narrow, FakeShim.exact(2, 4));
        assertEquals(List.of("w1-4"), agreement.shims());
        assertEquals(Fidelity.WIDENED, agreement.fidelity());
    }

    @Test
    void shouldPreferTheShorterChainWhenFidelityIsEqual() {
        Agreement agreement =
                negotiate(offer(1, 2), 4, FakeShim.exact(2, 3), FakeShim.exact(3, 4), FakeShim.exact(1, 4));
        assertEquals(List.of("s1-4"), agreement.shims());
        assertEquals(1, agreement.clientSubVersion());
    }

    @Test
    void shouldPreferTheNewestClientGenerationWhenLengthIsEqual() {
        Agreement agreement = negotiate(offer(1, 3), 4, FakeShim.exact(1, 4), FakeShim.exact(3, 4));
        assertEquals(3, agreement.clientSubVersion());
    }

    @Test
    void shouldSayWidenedWhenOneShimMayWiden() {
        Agreement agreement = negotiate(offer(2, 2), 4, FakeShim.exact(2, 3), FakeShim.widening(3, 4));
        assertEquals(Fidelity.WIDENED, agreement.fidelity());
    }

    @Test
    void shouldEndWhenShimsRunInACircle() {
        Agreement agreement = negotiate(
                offer(1, 1), 4, FakeShim.exact(2, 3), FakeShim.exact(3, 2), FakeShim.exact(4, 2), FakeShim.exact(3, 4));
        assertEquals(Agreement.Kind.REFUSED, agreement.kind());
        assertTrue(agreement.reason().contains("no shims lead"), agreement.reason());
    }

    @Test
    void shouldNotUseShimsOfAnotherModel() {
        Agreement agreement = negotiate(offer(1, 1), 4, new FakeShim(IommuModel.AMD, 1, 4, "foreign", Fidelity.EXACT));
        assertEquals(Agreement.Kind.REFUSED, agreement.kind());
    }

    @Test
    void shouldRefuseWhenGenerationIsUnknown() {
        Agreement agreement = negotiate(offer(6, 6), 6);
        assertEquals(Agreement.Kind.REFUSED, agreement.kind());
        assertTrue(agreement.reason().contains("0x0006"), agreement.reason());
    }

    @Test
    void shouldRefuseWhenARequiredCapabilityIsMissing() {
        Offer wanted = new Offer(IommuModel.INTEL, 4, 5, Set.of("ats"));
        assertEquals(Agreement.Kind.EXACT, negotiate(wanted, 4).kind());
        Agreement agreement = negotiate(wanted, 5);
        assertEquals(Agreement.Kind.REFUSED, agreement.kind());
        assertTrue(agreement.reason().contains("ats"), agreement.reason());
    }

    @Test
    void shouldRefuseWhenModelIsAnother() {
        Agreement agreement = negotiate(new Offer(IommuModel.AMD, 4, 4, Set.of()), 4);
        assertEquals(Agreement.Kind.REFUSED, agreement.kind());
    }

    /** Law: a chain is connected, starts in the window, ends at the chip, and visits nothing twice. */
    @Test
    void shouldAlwaysFindAConnectedChainPropertyOfRandomShims() {
        for (long seed = 0; seed < 500; seed++) {
            Random random = new Random(seed);
            List<ShimLink> shims = new ArrayList<>();
            for (int i = random.nextInt(25); i > 0; i--) {
                int from = random.nextInt(8);
                int to = random.nextInt(8);
                if (from != to) {
                    shims.add(ShimLink.of(
                            random.nextBoolean() ? FakeShim.exact(from, to) : FakeShim.widening(from, to), null));
                }
            }
            int oldest = random.nextInt(8);
            Offer offer = offer(oldest, oldest + random.nextInt(8 - oldest));
            Negotiated found = Negotiator.negotiate(offer, 4, HOST, new ShimGraph(IommuModel.INTEL, shims, List.of()));
            String where = "seed " + seed;
            if (found.agreement().kind() == Agreement.Kind.BRIDGED) {
                int at = found.agreement().clientSubVersion();
                assertTrue(at >= offer.oldest() && at <= offer.newest(), where);
                assertTrue(found.chain().size() < 8, where);
                Fidelity fidelity = Fidelity.EXACT;
                for (ShimLink link : found.chain()) {
                    assertEquals(at, link.from(), where);
                    at = link.to();
                    fidelity = fidelity.and(link.fidelity());
                }
                assertEquals(4, at, where);
                assertEquals(fidelity, found.agreement().fidelity(), where);
            }
        }
    }

    @Test
    void shouldPreferTheNewerBundleThenTheName() {
        ShimLink old = ShimLink.of(new FakeShim(IommuModel.INTEL, 1, 4, "a", Fidelity.EXACT), version("1.9.0"));
        ShimLink later = ShimLink.of(new FakeShim(IommuModel.INTEL, 1, 4, "z", Fidelity.EXACT), version("1.10.0"));
        ShimLink same = ShimLink.of(new FakeShim(IommuModel.INTEL, 1, 4, "y", Fidelity.EXACT), version("1.10.0"));
        ShimLink nobodys = ShimLink.of(new FakeShim(IommuModel.INTEL, 1, 4, "b", Fidelity.EXACT), null);
        assertEquals("z", chosen(old, later, nobodys));
        assertEquals("y", chosen(later, same, old));
        assertEquals("a", chosen(nobodys, old));
    }

    /** Law: the order in which shims came makes no difference; and no path is better than its worst step. */
    @Test
    void shouldFindTheSamePathWhateverTheOrderOfTheShims() {
        for (long seed = 0; seed < 500; seed++) {
            Random random = new Random(seed);
            List<ShimLink> shims = new ArrayList<>();
            for (int i = random.nextInt(25); i > 0; i--) {
                int from = random.nextInt(8);
                Fidelity fidelity = random.nextBoolean() ? Fidelity.EXACT : Fidelity.WIDENED;
                shims.add(ShimLink.of(
                        new FakeShim(IommuModel.INTEL, from, (from + 1 + random.nextInt(6)) % 8, "n" + i, fidelity),
                        version("1." + random.nextInt(3) + ".0")));
            }
            List<Unbridgeable> forbidden =
                    List.of(new Unbridgeable(random.nextInt(4), 4 + random.nextInt(4), "F", "forbidden"));
            Offer offer = offer(random.nextInt(4), 7);
            Negotiated found = Negotiator.negotiate(offer, 5, HOST, new ShimGraph(IommuModel.INTEL, shims, forbidden));
            Negotiated exactly = Negotiator.negotiate(
                    offer(offer.oldest(), offer.oldest()), 5, HOST, new ShimGraph(IommuModel.INTEL, shims, forbidden));
            for (int i = 0; i < 4; i++) {
                Collections.shuffle(shims, random);
                ShimGraph graph = new ShimGraph(IommuModel.INTEL, shims, forbidden);
                assertEquals(found, Negotiator.negotiate(offer, 5, HOST, graph), "seed " + seed);
                assertEquals(
                        exactly,
                        Negotiator.negotiate(offer(offer.oldest(), offer.oldest()), 5, HOST, graph),
                        "seed " + seed);
            }
            if (exactly.holds()) {
                Fidelity worst =
                        exactly.chain().stream().map(ShimLink::fidelity).reduce(Fidelity.EXACT, Fidelity::and);
                assertEquals(worst, exactly.agreement().fidelity(), "seed " + seed);
                assertTrue(
                        exactly.chain().stream()
                                .noneMatch(
                                        link -> link.from() == forbidden.get(0).from()
                                                && forbidden.get(0).to() == 5),
                        "seed " + seed);
            }
        }
    }

    private static BackendVersion version(String text) {
        return BackendVersion.parse(text);
    }

    private static String chosen(ShimLink... links) {
        return Negotiator.negotiate(offer(1, 1), 4, HOST, new ShimGraph(IommuModel.INTEL, List.of(links), List.of()))
                .agreement()
                .shims()
                .get(0);
    }

    private static Offer offer(int oldest, int newest) {
        return new Offer(IommuModel.INTEL, oldest, newest, Set.of());
    }

    private static Agreement negotiate(Offer offer, int host, Shim... shims) {
        List<ShimLink> links = new ArrayList<>();
        for (Shim shim : shims) {
            links.add(ShimLink.of(shim, null));
        }
        return Negotiator.negotiate(offer, host, HOST, new ShimGraph(IommuModel.INTEL, links, List.of()))
                .agreement();
    }
}
