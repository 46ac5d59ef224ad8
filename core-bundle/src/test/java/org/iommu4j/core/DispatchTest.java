package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.backends.Contained;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakeShim;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.ContainerCounters;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DispatchTest {
    private final Bench bench = new Bench();
    private FakeBackend backend;
    private Unit unit;
    private Container container;

    @BeforeEach
    void open() {
        backend = bench.arrived("1.0.0");
        unit = bench.unit(1);
        container = Bench.container(unit, 1);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldBeDoneWhenTheCallReturns() {
        Completion completion = Bench.send(container, Bench.invalidate(1, 1));
        assertEquals(Errno.OK, completion.errno());
        assertEquals(1, completion.handled());
        assertEquals(Fidelity.EXACT, completion.fidelity());
        assertEquals(List.of(1L), bench.journal.completed(container.id()));
    }

    @Test
    void shouldReportWidening() {
        byte[] request =
                Bench.writer(1).invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_VADDR_LEAF, 0, 0x1000, 0x1000, new byte[0]);
        Completion completion = Bench.send(container, request);
        assertEquals(Fidelity.WIDENED, completion.fidelity());
        assertEquals(1, container.counters().widened());
    }

    @Test
    void shouldCountRefusalsByRule() {
        byte[] truncated = new byte[3];
        assertEquals(Errno.EFAULT, Bench.send(container, truncated).errno());
        assertEquals(Rule.V30, Bench.send(container, Bench.invalidate(2, 1)).rule());
        assertEquals(
                Rule.V34, Bench.send(container, Bench.invalidate(1, 1, 0xEE)).rule());
        Completion completion = new Completion();
        container.ioctl(Uapi.VFIO_IOMMU_OP, null, 0, 100, completion);
        assertEquals(Errno.EFAULT, completion.errno());
        container.ioctl(Uapi.VFIO_IOMMU_OP, new byte[10], 8, Integer.MAX_VALUE, completion);
        assertEquals(Errno.EFAULT, completion.errno());
        container.ioctl(Uapi.VFIO_IOMMU_OP, new byte[10], -1, 4, completion);
        assertEquals(Errno.EFAULT, completion.errno());
        container.ioctl(42, Bench.invalidate(1, 1), 0, 60, completion);
        assertEquals(Errno.ENOTTY, completion.errno());
        ContainerCounters counters = container.counters();
        assertEquals(7, counters.received());
        assertEquals(0, counters.completed());
        assertEquals(1, counters.refused().get("V30"));
        assertEquals(1, counters.refused().get("V34"));
        assertEquals(1, counters.refused().get("V1"));
        assertEquals(
                7,
                counters.refused().values().stream().mapToLong(Long::longValue).sum());
        assertEquals(List.of(), bench.journal.completed(container.id()));
    }

    @Test
    void shouldSayWhereTheFieldIsThatABackendRefuses() {
        byte[] request = Bench.writer(1).invalidate(Uapi.SCOPE_PASID, 0, 3, 0, 0, new byte[0]);
        Completion completion = Bench.send(container, request);
        assertEquals(Rule.V17, completion.rule());
        assertEquals(Uapi.PASID.argumentOffset(Abi.LP64_LE), completion.offset());
        assertEquals(3, completion.value());
    }

    @Test
    void shouldReadARequestInItsOwnImage() {
        byte[] compat = new RequestWriter(Abi.I386, IommuModel.INTEL, 1).invalidate(0, 0, 0, 0, 0, new byte[0]);
        byte[] wrong =
                new RequestWriter(Abi.I386, IommuModel.INTEL, 1).invalidate(Uapi.SCOPE_PASID, 0, 3, 0, 0, new byte[0]);
        Completion completion = new Completion();
        for (int i = 0; i < 2; i++) {
            assertEquals(0, container.ioctl(Abi.I386, Uapi.VFIO_IOMMU_OP, compat, 0, compat.length, completion));
            assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 1)).errno());
        }
        container.ioctl(Abi.I386, Uapi.VFIO_IOMMU_OP, wrong, 0, wrong.length, completion);
        assertEquals(Uapi.PASID.argumentOffset(Abi.I386), completion.offset());
        container.ioctl(Uapi.VFIO_IOMMU_OP, compat, 0, compat.length, completion);
        assertEquals(Rule.V10, completion.rule());
        container.ioctl(null, Uapi.VFIO_IOMMU_OP, compat, 0, compat.length, completion);
        assertEquals(Errno.EINVAL, completion.errno());
    }

    @Test
    void shouldAnswerEioWhenTheBackendThrowsAnything() {
        List<RuntimeException> exceptions = List.of(new IllegalStateException("a"), new NullPointerException());
        for (RuntimeException exception : exceptions) {
            backend.traps().on("invalidate", () -> {
                throw exception;
            });
            assertEquals(
                    Errno.EIO, Bench.send(container, Bench.invalidate(1, 1)).errno());
        }
        List<Error> errors = List.of(new StackOverflowError(), new OutOfMemoryError(), new LinkageError("x"));
        for (Error error : errors) {
            backend.traps().on("finish", () -> {
                throw error;
            });
            backend.traps().off("invalidate");
            Completion completion = Bench.send(container, Bench.invalidate(1, 1));
            assertEquals(Errno.EIO, completion.errno());
            assertEquals(0, completion.handled());
            assertTrue(completion.reason().contains(error.getClass().getName()), completion.reason());
        }
        backend.traps().off("finish");
        assertEquals(5, container.counters().refused().get("EIO"));
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 1)).errno());
    }

    @Test
    void shouldAnswerEveryRequestOfABatchOnItsOwn() {
        RequestBatch batch = new RequestBatch(8);
        add(batch, Bench.invalidate(1, 1));
        add(batch, Bench.invalidate(1, 9, 0xEE));
        add(batch, Bench.invalidate(1, 2));
        add(batch, new byte[3]);
        add(batch, Bench.invalidate(1, 3));
        assertEquals(3, container.submit(batch));
        assertEquals(Errno.OK, batch.completion(0).errno());
        assertEquals(Rule.V34, batch.completion(1).rule());
        assertEquals(Errno.OK, batch.completion(2).errno());
        assertEquals(Errno.EFAULT, batch.completion(3).errno());
        assertEquals(1, batch.completion(4).handled());
        assertEquals(List.of(1L, 2L, 3L), bench.journal.completed(container.id()));
        assertEquals(
                List.of(),
                bench.journal.events().subList(1, bench.journal.events().size()));
        ContainerCounters counters = container.counters();
        assertEquals(5, counters.received());
        assertEquals(3, counters.completed());
        batch.clear();
        assertEquals(0, container.submit(batch));
    }

    @Test
    void shouldFinishABatchOnlyOnce() {
        List<String> finishes = new ArrayList<>();
        backend.traps().on("finish", () -> finishes.add("finish"));
        RequestBatch batch = new RequestBatch(16);
        for (int i = 1; i <= 16; i++) {
            add(batch, Bench.invalidate(1, i));
        }
        assertEquals(16, container.submit(batch));
        assertEquals(1, finishes.size());
    }

    @Test
    void shouldFailAllUnfinishedWhenTheWaitFails() {
        Completion attached = new Completion();
        container.attach(7, attached);
        int[] finishes = new int[1];
        backend.traps().on("finish", () -> {
            if (++finishes[0] == 2) {
                throw new IllegalStateException("the queue stopped");
            }
        });
        RequestBatch batch = new RequestBatch(8);
        add(batch, Bench.invalidate(1, 1));
        add(batch, Bench.bind(1, 7, 0x1000, false));
        add(batch, Bench.invalidate(1, 2));
        add(batch, new byte[3]);
        add(batch, Bench.invalidate(1, 3));
        assertEquals(2, container.submit(batch));
        assertEquals(Errno.OK, batch.completion(0).errno());
        assertEquals(Errno.OK, batch.completion(1).errno());
        assertEquals(Errno.EIO, batch.completion(2).errno());
        assertEquals(Errno.EFAULT, batch.completion(3).errno());
        assertEquals(Errno.EIO, batch.completion(4).errno());
        assertEquals(0, batch.completion(4).handled());
        assertEquals(Map.of("EIO", 2L, "V2", 1L), container.counters().refused());
    }

    @Test
    void shouldBindInTheOrderOfTheBatch() {
        container.attach(7, new Completion());
        List<String> order = new ArrayList<>();
        backend.traps()
                .on("invalidate", () -> order.add("invalidate"))
                .on("finish", () -> order.add("finish"))
                .on("bind", () -> order.add("bind"));
        RequestBatch batch = new RequestBatch(8);
        add(batch, Bench.bind(1, 7, 0x1000, false));
        add(batch, Bench.invalidate(1, 1));
        add(batch, Bench.bind(1, 8, 0x1000, false));
        add(batch, Bench.bind(1, 7, 0x1000, true));
        assertEquals(3, container.submit(batch));
        assertEquals(List.of("bind", "invalidate", "finish", "bind", "bind"), order);
        assertEquals(Rule.V35, batch.completion(2).rule());
    }

    @Test
    void shouldKeepOneContainerForADevice() {
        Container other = Bench.container(unit, 1);
        Completion completion = new Completion();
        assertEquals(0, container.attach(7, completion));
        assertEquals(Errno.EEXIST.code(), container.attach(7, completion));
        assertEquals(Errno.EBUSY.code(), other.attach(7, completion));
        assertEquals("requester", completion.field());
        assertEquals(Errno.ENODEV.code(), other.detach(7, completion));
        assertEquals(List.of(7), container.devices());
        assertEquals(0, container.detach(7, completion));
        assertEquals(0, other.attach(7, 0x2000, 4, completion));
        assertEquals(List.of(), container.devices());
        assertTrue(bench.journal.events().contains("1.0.0 attach 1 7 8192"));
    }

    @Test
    void shouldNotNoteADeviceWhenAttachFails() {
        backend.traps().on("attach", () -> {
            throw new IllegalStateException("no");
        });
        Completion completion = new Completion();
        assertEquals(Errno.EIO.code(), container.attach(7, completion));
        assertEquals(List.of(), container.devices());
    }

    @Test
    void shouldReuseTheNumberOfAClosedContainer() {
        Container second = Bench.container(unit, 1);
        assertEquals(1, second.id());
        container.attach(7, new Completion());
        Bench.send(container, Bench.bind(1, 7, 0x1000, false));
        container.close();
        container.close();
        assertEquals(List.of(second), unit.containers());
        assertEquals(Errno.ESTALE, Bench.send(container, Bench.invalidate(1, 1)).errno());
        Completion completion = new Completion();
        assertEquals(Errno.ESTALE.code(), container.attach(8, completion));
        assertEquals(Errno.ESTALE.code(), container.detach(7, completion));
        DmaAccess access = new DmaAccess();
        unit.dma(access.begin(7, 0, DmaAccess.READ));
        assertEquals(DmaAccess.Outcome.FAULT, access.outcome());
        Container third = Bench.container(unit, 1);
        assertEquals(0, third.id());
        assertEquals(0, third.attach(7, completion));
    }

    @Test
    void shouldKeepTheNumberWhenTheDomainDoesNotClose() {
        backend.traps().on("closeDomain", () -> {
            throw new IllegalStateException("no");
        });
        container.close();
        assertEquals(List.of(), unit.containers());
        assertEquals(1, Bench.container(unit, 1).id());
    }

    @Test
    void shouldRefuseContainersWithTheReason() {
        expectRefused(Errno.EPROTONOSUPPORT, Offer.exactly(IommuModel.INTEL, 3), "no shims lead");
        expectRefused(Errno.ENODEV, Offer.exactly(IommuModel.AMD, 1), "AMD");
        expectRefused(Errno.EPROTONOSUPPORT, new Offer(IommuModel.INTEL, 1, 1, Set.of("ats")), "ats");
        assertEquals(
                Errno.EINVAL,
                assertThrows(
                                BackendException.class,
                                () -> unit.openContainer(
                                        new ContainerConfig(Abi.LP64_LE, Offer.exactly(IommuModel.INTEL, 1), -1, 1)))
                        .errno());
        backend.traps().on("openDomain", () -> {
            throw new IllegalStateException("no");
        });
        assertEquals(
                Errno.EIO,
                assertThrows(BackendException.class, () -> Bench.container(unit, 1))
                        .errno());
        backend.traps().off("openDomain");
        assertEquals(1, Bench.container(unit, 1).id());
    }

    private void expectRefused(Errno errno, Offer offer, String because) {
        BackendException refusal =
                assertThrows(BackendException.class, () -> unit.openContainer(ContainerConfig.of(offer)));
        assertEquals(errno, refusal.errno());
        assertTrue(refusal.getMessage().contains(because), refusal.getMessage());
    }

    @Test
    void shouldRunRequestsThroughShimsInOrder() {
        bench.core.arrived(FakeShim.exact(5, 6));
        bench.core.arrived(FakeShim.widening(6, 1));
        Container old = Bench.container(unit, 5);
        Agreement agreement = old.agreement();
        assertEquals(Agreement.Kind.BRIDGED, agreement.kind());
        assertEquals(List.of("s5-6", "w6-1"), agreement.shims());
        List<byte[]> payloads = new ArrayList<>();
        unit.tap(payloads::add);
        Completion completion = Bench.send(old, Bench.invalidate(5, 1, 0x11));
        assertEquals(Errno.OK, completion.errno());
        assertEquals(Fidelity.WIDENED, completion.fidelity());
        assertEquals(1, payloads.size());
        completion = Bench.send(old, Bench.invalidate(5, 2));
        assertEquals(Fidelity.EXACT, completion.fidelity());
        assertEquals(Rule.V30, Bench.send(old, Bench.invalidate(1, 3)).rule());
    }

    @Test
    void shouldPassBindsWhoseFormatIsTheSame() {
        bench.core.arrived(FakeShim.exact(2, 1));
        Container newer = Bench.container(unit, 2);
        newer.attach(9, new Completion());
        assertEquals(
                Errno.OK, Bench.send(newer, Bench.bind(2, 9, 0x3000, false)).errno());
        DmaAccess access = new DmaAccess();
        unit.dma(access.begin(9, 5, DmaAccess.READ));
        assertEquals(0x3005, access.spa());
    }

    @Test
    void shouldNegotiateWithoutOpening() {
        assertEquals(
                Agreement.Kind.EXACT,
                bench.core.negotiate(Offer.exactly(IommuModel.INTEL, 1), 1).kind());
        Agreement none = bench.core.negotiate(Offer.exactly(IommuModel.S390, 1), 1);
        assertEquals(Agreement.Kind.REFUSED, none.kind());
        assertTrue(none.reason().contains("no backend"), none.reason());
    }

    @Test
    void shouldRefuseCallsFromInsideTheUnit() {
        Completion nested = new Completion();
        unit.tap(bytes -> {
            byte[] request = Bench.invalidate(1, 2);
            container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, nested);
            throw new IllegalStateException("an observer that fails");
        });
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 1)).errno());
        assertEquals(Errno.EBUSY, nested.errno());
        unit.tap(null);
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 2)).errno());
    }

    @Test
    void shouldAnswerWithTheCompletionWhenCodeAndCompletionDisagree() {
        Completion completion = new Completion().begin();
        assertEquals(Errno.EPERM.code(), Contained.settle(Errno.EPERM.code(), completion));
        assertEquals(Errno.EPERM, completion.errno());
        assertEquals(Errno.EIO.code(), Contained.settle(17, new Completion().begin()));
        assertEquals(Errno.EIO.code(), Contained.settle(-12345, new Completion().begin()));
        completion.begin().fail(Errno.ENOSPC, "full");
        assertEquals(Errno.ENOSPC.code(), Contained.settle(0, completion));
        assertSame(Errno.ENOSPC, completion.errno());
    }

    private static void add(RequestBatch batch, byte[] request) {
        assertTrue(batch.add(request, 0, request.length));
    }
}
