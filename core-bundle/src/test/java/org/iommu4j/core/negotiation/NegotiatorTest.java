package org.iommu4j.core.negotiation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
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
        assertTrue(agreement.reason().contains("0x6"), agreement.reason());
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
                    shims.add(
                            ShimLink.of(random.nextBoolean() ? FakeShim.exact(from, to) : FakeShim.widening(from, to)));
                }
            }
            int oldest = random.nextInt(8);
            Offer offer = offer(oldest, oldest + random.nextInt(8 - oldest));
            Negotiated found = Negotiator.negotiate(offer, 4, HOST, shims);
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

    private static Offer offer(int oldest, int newest) {
        return new Offer(IommuModel.INTEL, oldest, newest, Set.of());
    }

    private static Agreement negotiate(Offer offer, int host, Shim... shims) {
        List<ShimLink> links = new ArrayList<>();
        for (Shim shim : shims) {
            links.add(ShimLink.of(shim));
        }
        return Negotiator.negotiate(offer, host, HOST, links).agreement();
    }
}
