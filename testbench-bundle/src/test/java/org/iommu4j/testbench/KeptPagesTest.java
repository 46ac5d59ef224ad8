package org.iommu4j.testbench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Words;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** No table of a client is in a page that the platform gave to a backend, on any model, by any operation. */
class KeptPagesTest {
    private static final int WINDOW = 0x8000_0000;
    private static final int OTHERS_WINDOW = 0x8000_0001;
    private static final int LEVELS = 2;
    private static final int PAGE_SHIFT = 12;
    private static final int LEVEL_BITS = 9;
    private static final long READ_WRITE = 3;
    private static final long LEAF = 0x20_0000 | READ_WRITE;

    /** Place of a request's operation, which is one byte here. */
    private static final int OPERATION = 4;

    private static final long PAGE_BYTES = 4096;

    /** Pages of the largest root of any model, to which it is aligned. */
    private static final int ROOT_PAGES = 4;

    /** Distance in pages to one that nobody has had yet. */
    private static final long FREE_PAGES = 1000;

    static Stream<Backend> models() {
        return Stream.of(
                new VtdBackend(), new SpaprBackend(), new ZpciBackend(), new SmmuBackend(), new AmdViBackend());
    }

    private static Completion send(Container container, byte[] request) {
        Completion completion = new Completion();
        container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
        return completion;
    }

    /** A vendor part whose codes are no reserved ones. */
    private static Words legal(BindFormat format) {
        Words words = Words.of(format.layout());
        for (BitField field : format.layout().fields()) {
            if (!field.codes().isEmpty()) {
                words.set(field, field.codes().get(0).value());
            }
        }
        return words;
    }

    private static Unit unit(IommuCore core, IommuModel model, int subVersion) {
        return core.openUnit(UnitConfig.of(model, HardwareConfig.of(subVersion)));
    }

    /** The oldest generation with a chip of its own that has the bind. */
    private static int served(Backend backend, BindFormat format) {
        return backend.describe().generations().stream()
                .mapToInt(Generation::subVersion)
                .filter(generation -> generation >= format.subVersion())
                .min()
                .orElseThrow();
    }

    private static Container container(Unit unit) {
        return unit.openContainer(ContainerConfig.of(Offer.exactly(unit.model(), unit.subVersion())));
    }

    /** Where memory is everywhere a guest could have its table first, and the host its own in the same page later. */
    @ParameterizedTest
    @MethodSource("models")
    void shouldBindNoTableInAPageThatMayBecomeTheHosts(Backend backend) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            IommuModel model = backend.describe().model();
            for (BindFormat format : backend.bindFormats()) {
                if (format.table() == null) {
                    continue;
                }
                int generation = served(backend, format);
                Unit unit = unit(core, model, generation);
                long share = unit.platform().allocatePages(ROOT_PAGES);
                unit.platform().freePages(share, ROOT_PAGES);
                long page = (share + FREE_PAGES * PAGE_BYTES) & -(ROOT_PAGES * PAGE_BYTES);
                assertEquals(true, unit.platform().isFree(page));
                byte[] payload = legal(format).set(format.table(), page).encode();
                Container container = container(unit);
                Completion answer = send(
                        container,
                        new RequestWriter(Abi.LP64_LE, model, generation).bind(format.operation(), 0, payload));
                assertEquals(Errno.EPERM, answer.errno(), format.layout().name() + ": " + answer);
                assertEquals(Rule.V36, answer.rule());
                Completion attached = new Completion();
                container.attach(WINDOW, page, LEVELS, attached);
                assertEquals(Errno.EPERM, attached.errno(), attached::toString);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void shouldBindAndAttachNoTableInAPageOfTheHostOrOfAVirtualIommu(Backend backend) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            IommuModel model = backend.describe().model();
            List<BindFormat> formats = backend.bindFormats().stream()
                    .filter(format -> format.table() != null)
                    .toList();
            assertFalse(formats.isEmpty());
            for (BindFormat format : formats) {
                int generation = served(backend, format);
                Unit unit = unit(core, model, generation);
                Container container = container(unit);
                for (PageOwner owner : PageOwner.values()) {
                    long first = unit.platform().forOwner(owner).allocatePages(2 * ROOT_PAGES);
                    long page = (first + ROOT_PAGES * PAGE_BYTES - 1) & -(ROOT_PAGES * PAGE_BYTES);
                    byte[] payload = legal(format).set(format.table(), page).encode();
                    byte[] request =
                            new RequestWriter(Abi.LP64_LE, model, generation).bind(format.operation(), 0, payload);
                    Completion answer = send(container, request);
                    boolean kept = owner != PageOwner.CLIENT;
                    String what = format.layout().name() + " of a page of " + owner + ": " + answer;
                    assertEquals(kept, answer.errno() == Errno.EPERM && answer.rule() == Rule.V36, what);
                    Completion attached = new Completion();
                    container.attach(WINDOW, page, LEVELS, attached);
                    assertEquals(kept, attached.errno() == Errno.EPERM, () -> owner + ": " + attached);
                }
            }
        }
    }

    /** The host side of a guest with one container; keeps its binds. */
    private static final class Host implements GuestRequests {
        private final Container container;
        private final List<byte[]> binds = new ArrayList<>();

        Host(Container container) {
            this.container = container;
        }

        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            Completion answer = send(container, bytes);
            if (answer.errno() == Errno.OK && bytes[OPERATION] == Uapi.BIND_PGTABLE) {
                binds.add(bytes);
            }
            return answer;
        }

        @Override
        public void handled(String why) {
            // Not looked at.
        }

        @Override
        public void refused(String reason) {
            throw new AssertionError(reason);
        }

        @Override
        public void move(int requester, int guestDomain) {
            Completion answer = new Completion();
            if (guestDomain < 0) {
                container.detach(requester, answer);
            } else {
                container.attach(requester, answer);
            }
        }
    }

    /** Only a virtual hypervisor keeps tables in pages of its own today. */
    @Test
    void shouldLetAVirtualIommuBindItsOwnPagesAndNobodyElse() {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new SpaprBackend());
            core.arrived(new SpaprBackend());
            Unit unit = unit(core, IommuModel.SPAPR, SpaprGeneration.IODA3);
            Host first = new Host(container(unit));
            Host second = new Host(container(unit));
            Guest guest = unit.openGuest(HardwareConfig.of(SpaprGeneration.IODA3), first);
            guest.deviceAccess(1);
            assertEquals(1, first.binds.size());
            core.swap(IommuModel.SPAPR, "#2", SwapLimits.DEFAULT);

            byte[] stolen = first.binds.get(0);
            long table = BindPgtable.TABLE_ROOT.get(
                    BindPgtable.LAYOUT.word(stolen, stolen.length - BindPgtable.LAYOUT.sizeBytes(), 0));
            Completion answer = send(second.container, stolen);
            assertEquals(Errno.EPERM, answer.errno(), answer::toString);

            long root = unit.platform().allocatePages(1);
            long own = unit.platform().allocatePages(1);
            unit.platform().memory().writeLongBe(table, LEAF);
            unit.platform().memory().writeLongBe(own, LEAF);
            unit.platform().memory().writeLongBe(root, own | READ_WRITE);
            second.move(OTHERS_WINDOW, 0);
            byte[] below = Words.of(BindPgtable.LAYOUT)
                    .set(BindPgtable.TABLE_ROOT, root)
                    .set(BindPgtable.REQUESTER, Integer.toUnsignedLong(OTHERS_WINDOW))
                    .set(BindPgtable.PAGE_SHIFT, PAGE_SHIFT)
                    .set(BindPgtable.WINDOW_SHIFT, 2 * LEVEL_BITS + PAGE_SHIFT)
                    .set(BindPgtable.LEVELS, LEVELS)
                    .set(BindPgtable.LEVEL_SHIFT, PAGE_SHIFT)
                    .encode();
            RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.SPAPR, SpaprGeneration.IODA3);
            answer = send(second.container, writer.bind(Uapi.BIND_PGTABLE, 0, below));
            assertEquals(Errno.OK, answer.errno(), answer::toString);
            DmaAccess access = new DmaAccess();
            unit.dma(access.begin(OTHERS_WINDOW, 0, DmaAccess.READ));
            assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome(), "so the table is right but for the page");

            unit.platform().memory().writeLongBe(root, table | READ_WRITE);
            answer = send(second.container, writer.invalidate(0, 0, 0, 0, 0, new byte[0]));
            assertEquals(Errno.OK, answer.errno(), answer::toString);
            unit.dma(access.begin(OTHERS_WINDOW, 0, DmaAccess.READ));
            assertEquals(DmaAccess.Outcome.FAULT, access.outcome());
        }
    }
}
