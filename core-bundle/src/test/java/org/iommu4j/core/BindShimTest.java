package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.ObjIntConsumer;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakePlatform;
import org.iommu4j.core.fake.FakeShim;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.Unit;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Binds of clients whose generation has another format than the chip's. */
class BindShimTest {
    /** Generations that have the format below, and no chips here. */
    private static final int FIRST = 5;

    private static final int SECOND = 6;
    private static final int CHIP = 1;
    private static final int DEVICE = 9;
    private static final long TABLE = 0x4000;

    /** A flag of the format that the chip has no counterpart for. */
    private static final int FANCY = 1 << 16;

    private static final Layout LAYOUT = layout();
    private static final BindFormat FORMAT =
            new BindFormat(Uapi.BIND_PGTABLE, IommuModel.INTEL, FIRST, FANCY, LAYOUT, LAYOUT.field("root"));

    private final Bench bench = new Bench();

    private static Layout layout() {
        Layout.Builder layout = Layout.named("FAKE_BIND_5").size(128).littleEndian();
        layout.bits("root", 63, 0);
        layout.bits("requester", 79, 64);
        return layout.build();
    }

    /** Exchanges the two words; refuses what the chip cannot say; then does what a test wants to see answered. */
    private record Exchanging(int from, int to, ObjIntConsumer<BindRequest> mischief) implements Shim {
        @Override
        public IommuModel model() {
            return IommuModel.INTEL;
        }

        @Override
        public String name() {
            return "exchanging";
        }

        @Override
        public Fidelity fidelity() {
            return Fidelity.EXACT;
        }

        @Override
        public int rewrite(InvalidateRequest request, Completion completion) {
            request.retag(to);
            return 0;
        }

        @Override
        public int rewrite(BindRequest request, Completion completion) {
            if ((request.flags() & FANCY) != 0) {
                return request.refuse(Rule.V34, Errno.EOPNOTSUPP, Uapi.BIND_FLAGS, "no chip is as fancy", completion);
            }
            long[] words = LAYOUT.decode(request.payload(), request.payloadOffset());
            ByteBuffer.wrap(request.scratch())
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(words[1])
                    .putLong(words[0]);
            request.replacePayload(to, request.flags(), LAYOUT.sizeBytes());
            mischief.accept(request, to);
            return 0;
        }
    }

    private static Shim exchanging(int from, int to) {
        return new Exchanging(from, to, (request, generation) -> {});
    }

    private FakeBackend backend(String version, Shim... shims) {
        FakeBackend backend = bench.backend(version).with(FORMAT);
        List.of(shims).forEach(backend::with);
        return backend;
    }

    private static Completion bind(Container container, int client, int flags) {
        byte[] payload = LAYOUT.encode(TABLE, DEVICE);
        return Bench.send(container, Bench.writer(client).bind(Uapi.BIND_PGTABLE, flags, payload));
    }

    private Container container(int client) {
        Container container = Bench.container(bench.unit(CHIP), client);
        assertEquals(0, container.attach(DEVICE, new Completion()));
        return container;
    }

    private long count(String event) {
        return bench.journal.events().stream().filter(event::equals).count();
    }

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldBindAndUnbindWhatAShimCarriesOver() {
        bench.core.arrived(backend("1.0.0", exchanging(FIRST, CHIP)));
        Container container = container(FIRST);
        assertEquals(Errno.OK, bind(container, FIRST, 0).errno());
        assertEquals(1, count("1.0.0 bind 9 0x4000"));
        assertEquals(Errno.OK, bind(container, FIRST, Uapi.BIND_FLAG_UNBIND).errno());
        assertEquals(1, count("1.0.0 unbind 9 0x4000"));
    }

    @Test
    void shouldAskOnlyWhereTheFormatsOfTwoGenerationsDiffer() {
        // From 6 to 5 the format is the same: the first shim, which knows no binds, is not asked.
        bench.core.arrived(backend("1.0.0", FakeShim.exact(SECOND, FIRST), exchanging(FIRST, CHIP)));
        assertEquals(Errno.OK, bind(container(SECOND), SECOND, 0).errno());
        assertEquals(1, count("1.0.0 bind 9 0x4000"));
    }

    @Test
    void shouldRefuseABindOfShimsThatKnowNone() {
        bench.core.arrived(backend("1.0.0", FakeShim.exact(FIRST, CHIP)));
        Completion refusal = bind(container(FIRST), FIRST, 0);
        assertEquals(Rule.V30, refusal.rule());
        assertEquals(Errno.EPROTONOSUPPORT, refusal.errno());
        assertEquals("sub_version", refusal.field());
    }

    @Test
    void shouldHandOnByWhichRuleAndFieldAShimRefuses() {
        bench.core.arrived(backend("1.0.0", exchanging(FIRST, CHIP)));
        Completion refusal = bind(container(FIRST), FIRST, FANCY);
        assertEquals(Rule.V34, refusal.rule());
        assertEquals(Errno.EOPNOTSUPP, refusal.errno());
        assertEquals("flags", refusal.field());
        assertTrue(bench.journal.events().stream().noneMatch(event -> event.contains(" bind ")));
    }

    @Test
    void shouldRefuseATableInAPageOfTheHostAfterTheShims() {
        bench.core.arrived(backend("1.0.0", exchanging(FIRST, CHIP)));
        Unit unit = bench.unit(CHIP);
        ((FakePlatform) unit.platform()).keepFromDevices(TABLE);
        Container container = Bench.container(unit, FIRST);
        assertEquals(0, container.attach(DEVICE, new Completion()));
        Completion refusal = bind(container, FIRST, 0);
        assertEquals(Rule.V36, refusal.rule());
        assertEquals("base", refusal.field());
    }

    @Test
    void shouldAnswerWithAnErrorWhenAShimWritesAnotherBindThanTheClients() {
        List<ObjIntConsumer<BindRequest>> mischief = List.of(
                (request, to) -> request.scratch()[0]++,
                (request, to) -> request.scratch()[Long.BYTES + 2]++,
                (request, to) -> request.retag(to + 1),
                (request, to) -> request.replacePayload(to, Uapi.BIND_FLAG_UNBIND, LAYOUT.sizeBytes()),
                (request, to) -> request.replacePayload(to, FANCY, LAYOUT.sizeBytes()),
                (request, to) -> request.replacePayload(to, 0, LAYOUT.sizeBytes() - 1),
                (request, to) -> request.replacePayload(to, 0, LAYOUT.sizeBytes() + 1),
                (request, to) -> request.scratch()[2]++,
                (request, to) -> request.set(
                        Uapi.BIND_PASID, to, 0, request.payload(), request.payloadOffset(), request.payloadLength()),
                (request, to) -> {
                    throw new IllegalStateException("a shim breaks");
                });
        FakeBackend backend = backend("1.0.0");
        for (int i = 0; i < mischief.size(); i++) {
            backend.with(new Exchanging(FIRST + 1 + i, CHIP, mischief.get(i)));
        }
        bench.core.arrived(backend);
        for (int i = 0; i < mischief.size(); i++) {
            Container container = container(FIRST + 1 + i);
            Completion completion = bind(container, FIRST + 1 + i, 0);
            assertEquals(Errno.EIO, completion.errno(), "mischief " + i + ": " + completion);
            assertTrue(bench.journal.events().stream().noneMatch(event -> event.contains("bind ")), "mischief " + i);
            container.close();
        }
    }

    @Test
    void shouldBindAgainInTheChipsFormWhenAStateIsLost() {
        bench.core.arrived(backend("1.0.0", exchanging(FIRST, CHIP)));
        Container container = container(FIRST);
        assertEquals(Errno.OK, bind(container, FIRST, 0).errno());
        bench.core.arrived(backend("0.9.0", exchanging(FIRST, CHIP)).states(2, 2));
        bench.core.forceSwap(IommuModel.INTEL, "0.9.0", SwapLimits.DEFAULT);
        assertEquals(1, count("0.9.0 bind 9 0x4000"));
        assertEquals(Errno.OK, bind(container, FIRST, Uapi.BIND_FLAG_UNBIND).errno());
        assertEquals(1, count("0.9.0 unbind 9 0x4000"));
    }
}
