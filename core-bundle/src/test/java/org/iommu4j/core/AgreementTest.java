package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakeShim;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What client and core agree on, how long that lasts, and what a client is told when it ends. */
class AgreementTest {
    private static final Offer OFFER =
            new Offer(IommuModel.INTEL, 1, 1, Set.of("queue"), Set.of("ats", "pasid"), Abi.LP64_LE);

    private final Bench bench = new Bench();

    private FakeBackend backend(String version, String... capabilities) {
        return bench.backend(version).serving(FakeBackend.generation(1, capabilities));
    }

    private Unit serving(String... capabilities) {
        bench.core.arrived(backend("1.0.0", capabilities));
        return bench.unit(1);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldRepeatTheWholeOfferAndChooseTheFeaturesThatAreThere() {
        Container container = serving("queue", "ats", "other").openContainer(ContainerConfig.of(OFFER));
        assertEquals(OFFER, container.agreement().offer());
        assertEquals(Set.of("queue", "ats"), container.agreement().features());
        assertEquals(List.of(), container.agreement().wouldWork());
    }

    @Test
    void shouldNameWhatWouldWorkWhenAnOfferIsRefused() {
        bench.core.arrived(bench.backend("1.0.0")
                .serving(FakeBackend.generation(1, "queue"))
                .with(FakeShim.exact(3, 1))
                .with(FakeShim.widening(2, 1)));
        Agreement refused =
                bench.core.negotiate(new Offer(IommuModel.INTEL, 8, 9, Set.of("queue", "ats"), Set.of(), Abi.I386), 1);
        assertEquals(Agreement.Kind.REFUSED, refused.kind());
        assertEquals(
                List.of(1, 3, 2),
                refused.wouldWork().stream().map(Offer::newest).toList());
        for (Offer offer : refused.wouldWork()) {
            assertEquals(Set.of("queue"), offer.required());
            assertTrue(bench.core.negotiate(offer, 1).kind() != Agreement.Kind.REFUSED, offer::toString);
        }
        assertTrue(refused.reason().endsWith("has no ats; would work: 0x0001, 0x0003, 0x0002"), refused.reason());
    }

    @Test
    void shouldRefuseAContainerWhoseImageIsNotTheOffers() {
        Unit unit = serving("queue");
        ContainerConfig config = new ContainerConfig(Abi.I386, OFFER, 0, 1);
        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> unit.openContainer(config))
                        .errno());
        assertEquals(Abi.I386, ContainerConfig.of(OFFER.withImage(Abi.I386)).abi());
    }

    @Test
    void shouldChooseFeaturesAnewBeforeTheFirstDevice() {
        Container container = serving("queue", "ats").openContainer(ContainerConfig.of(OFFER));
        bench.core.arrived(backend("2.0.0", "queue", "pasid"));
        assertEquals(Set.of("queue", "pasid"), container.agreement().features());
        assertEquals(OFFER, container.agreement().offer());
    }

    @Test
    void shouldKeepFeaturesFromTheFirstDeviceOn() {
        Container container = serving("queue", "ats").openContainer(ContainerConfig.of(OFFER));
        assertEquals(0, container.attach(9, new Completion()));
        bench.core.arrived(backend("2.0.0", "queue", "ats", "pasid"));
        assertEquals(
                "2.0.0", bench.core.swaps().get(bench.core.swaps().size() - 1).to());
        assertEquals(Set.of("queue", "ats"), container.agreement().features());
    }

    @Test
    void shouldSayBeforeASwapThatItWouldEndAnAgreement() {
        Container container = serving("queue", "ats").openContainer(ContainerConfig.of(OFFER));
        assertEquals(0, container.attach(9, new Completion()));
        bench.core.arrived(backend("0.9.0", "queue"));
        SwapReport preview = bench.core.preview(IommuModel.INTEL, "0.9.0");
        assertTrue(preview.lost().get(0).contains("has no ats"), preview::toString);
        assertEquals(
                SwapReport.Outcome.REFUSED,
                bench.core.swap(IommuModel.INTEL, "0.9.0", SwapLimits.DEFAULT).outcome());
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 1)).errno());

        // By force it goes on, and the client is told what it could offer.
        bench.core.forceSwap(IommuModel.INTEL, "0.9.0", SwapLimits.DEFAULT);
        Completion refusal = Bench.send(container, Bench.invalidate(1, 2));
        assertEquals(Rule.V30, refusal.rule());
        assertEquals(Errno.EPROTONOSUPPORT, refusal.errno());
        assertTrue(refusal.reason().contains("would work: 0x0001"), refusal::toString);
        Offer instead = container.agreement().wouldWork().get(0);
        assertEquals(Set.of("queue"), instead.required());
        assertEquals(OFFER, container.agreement().offer());
    }

    @Test
    void shouldTakeNoPathThatJoinsAForbiddenPair() {
        bench.core.arrived(bench.backend("1.0.0")
                .with(FakeShim.exact(4, 3))
                .with(FakeShim.exact(3, 2))
                .with(FakeShim.exact(2, 1))
                .forbidding(3, 1));
        // Whoever offers the step, and however long the way.
        bench.core.arrived(FakeShim.widening(3, 1));
        Agreement direct = bench.core.negotiate(Offer.exactly(IommuModel.INTEL, 3), 1);
        assertEquals(Agreement.Kind.REFUSED, direct.kind());
        assertTrue(direct.reason().startsWith("nothing may bridge these generations (F1): it would not do"));
        assertEquals(
                Agreement.Kind.REFUSED,
                bench.core.negotiate(Offer.exactly(IommuModel.INTEL, 4), 1).kind());
        assertEquals(
                Agreement.Kind.BRIDGED,
                bench.core.negotiate(Offer.exactly(IommuModel.INTEL, 4), 2).kind());
    }

    @Test
    void shouldTellEachOperationByTheWorseOfItsSteps() {
        bench.core.arrived(bench.backend("1.0.0").with(new ToldShim(3, 2)).with(FakeShim.widening(2, 1)));
        Agreement agreement = bench.core.negotiate(Offer.exactly(IommuModel.INTEL, 3), 1);
        assertEquals(Fidelity.WIDENED, agreement.fidelity());
        assertEquals(
                List.of(
                        Conversion.lossless("pages", "T1", ""),
                        Conversion.refused("PASIDs", "T2", Rule.V24, "pasid", "there are none"),
                        Conversion.widened(Conversion.EVERY_REQUEST, "w2-1", "the shim may widen")),
                agreement.operations());
    }

    @Test
    void shouldShowWhoMeetsWhom() {
        bench.core.arrived(bench.backend("1.0.0").with(FakeShim.exact(3, 2)));
        NegotiationTable table = bench.core.negotiationTable(IommuModel.INTEL);
        assertEquals(List.of(1, 2, 3), table.clients());
        assertEquals(List.of(1, 2), table.chips());
        assertEquals(Agreement.Kind.EXACT, table.cell(0, 0).kind());
        assertEquals(Agreement.Kind.REFUSED, table.cell(0, 1).kind());
        assertEquals(Agreement.Kind.BRIDGED, table.cell(2, 1).kind());
    }

    @Test
    void shouldAnswerWithAnErrorWhenAShimNamesLess() {
        bench.core.arrived(bench.backend("1.0.0").with(new NarrowShim()));
        Container container = Bench.container(bench.unit(1), 5);
        for (int wrong = 0; wrong < NarrowShim.WAYS; wrong++) {
            byte[] request = Bench.writer(5)
                    .invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, 0x10000, 0x10000, new byte[] {
                        (byte) wrong, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
                    });
            Completion completion = Bench.send(container, request);
            boolean narrower = wrong != 0;
            assertEquals(narrower ? Errno.EIO : Errno.OK, completion.errno(), "way " + wrong);
        }
    }

    private record ToldShim(int from, int to) implements Shim {
        @Override
        public IommuModel model() {
            return IommuModel.INTEL;
        }

        @Override
        public String name() {
            return "told";
        }

        @Override
        public Fidelity fidelity() {
            return Fidelity.EXACT;
        }

        @Override
        public List<Conversion> conversions() {
            return List.of(
                    Conversion.lossless("pages", "T1", ""),
                    Conversion.refused("PASIDs", "T2", Rule.V24, "pasid", "there are none"));
        }

        @Override
        public int rewrite(InvalidateRequest request, Completion completion) {
            request.retag(to);
            return 0;
        }
    }

    /** Rewrites the generic part as the first byte of the vendor part says. */
    private static final class NarrowShim implements Shim {
        static final int WAYS = 6;

        @Override
        public IommuModel model() {
            return IommuModel.INTEL;
        }

        @Override
        public int from() {
            return 5;
        }

        @Override
        public int to() {
            return 1;
        }

        @Override
        public String name() {
            return "narrow";
        }

        @Override
        public Fidelity fidelity() {
            return Fidelity.EXACT;
        }

        @Override
        public int rewrite(InvalidateRequest request, Completion completion) {
            long first = request.vaddr();
            switch (request.payload()[request.payloadOffset()]) {
                case 0 -> request.set(0, 0, 0, 0, 0, 1, new byte[0], 0, 0);
                case 1 -> request.set(Uapi.SCOPE_VADDR, 1, 0, first + 0x1000, 0xf000, 1, new byte[0], 0, 0);
                case 2 -> request.set(Uapi.SCOPE_VADDR, 1, 0, first, 0xf000, 1, new byte[0], 0, 0);
                case 3 -> request.set(Uapi.SCOPE_VADDR, 3, 0, first, 0x10000, 1, new byte[0], 0, 0);
                case 4 -> request.set(3, 0, 7, first, 0x10000, 1, new byte[0], 0, 0);
                default -> request.set(Uapi.SCOPE_PASID, 0, 0, 0, 0, 1, new byte[0], 0, 0);
            }
            return 0;
        }
    }
}
