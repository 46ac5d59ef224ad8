package org.iommu4j.shell.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.ContainerCounters;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.core.service.UnitInterposer;
import org.iommu4j.intel.VtdBackend;

/** A core with one VT-d backend in two versions, one unit and one container. What no command of the shell calls, fails. */
public final class FakeIommuService implements IommuService {
    private static final Agreement AGREEMENT = new Agreement(
            IommuModel.INTEL,
            Agreement.Kind.BRIDGED,
            0x100,
            0x110,
            List.of("vtd-0x0100-to-0x0110"),
            Fidelity.WIDENED,
            "the only way");

    private final List<SwapReport> swaps = new ArrayList<>();

    @Override
    public List<BackendStatus> backends() {
        return List.of(
                new BackendStatus(
                        1,
                        IommuModel.INTEL,
                        "Intel VT-d",
                        "1.0.0",
                        BackendStatus.State.ACTIVE,
                        List.of(0x100, 0x110),
                        1,
                        1,
                        ""),
                new BackendStatus(
                        2, null, "broken", "1.1.0", BackendStatus.State.FAILED, List.of(), 0, 0, "throws\nat once"));
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return new VtdBackend().captureFormats();
    }

    @Override
    public Backend backend(IommuModel model) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Unit openUnit(UnitConfig config) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<Unit> units() {
        return List.of(new FakeUnit());
    }

    @Override
    public Agreement negotiate(Offer offer, int hostSubVersion) {
        if (offer.model() != IommuModel.INTEL) {
            throw new BackendException(
                    Errno.ENODEV, "no backend serves " + offer.model().label());
        }
        return AGREEMENT;
    }

    @Override
    public NegotiationTable negotiationTable(IommuModel model) {
        Agreement exact =
                new Agreement(model, Agreement.Kind.EXACT, 0x110, 0x110, List.of(), Fidelity.EXACT, "the same");
        Agreement refused = new Agreement(
                model, Agreement.Kind.REFUSED, 0x300, 0x110, List.of(), null, "no way; would work: 0x110, 0x100");
        Agreement told = new Agreement(
                model,
                Agreement.Kind.BRIDGED,
                0x100,
                0x110,
                List.of("vtd-0x0100-to-0x0110"),
                Fidelity.WIDENED,
                "the only way",
                Offer.exactly(model, 0x100),
                Set.of("queue"),
                List.of(
                        Conversion.lossless("pages", "S1", ""),
                        Conversion.widened("domains", "S2", "all of them"),
                        Conversion.refused("PASIDs", "S11", Rule.V24, "pasid", "there are none")),
                List.of());
        return model != IommuModel.INTEL
                ? null
                : new NegotiationTable(
                        model,
                        "Intel VT-d 1.0.0",
                        List.of(0x100, 0x110, 0x300),
                        List.of(0x110),
                        List.of(told, exact, refused));
    }

    @Override
    public SwapReport swap(IommuModel model, String version, SwapLimits limits) {
        SwapReport report =
                report(version, "1.1.0".equals(version) ? SwapReport.Outcome.DONE : SwapReport.Outcome.REFUSED);
        swaps.add(report);
        return report;
    }

    /** By force everything works. */
    @Override
    public SwapReport forceSwap(IommuModel model, String version, SwapLimits limits) {
        SwapReport report = report(version, SwapReport.Outcome.DONE);
        swaps.add(report);
        return report;
    }

    @Override
    public SwapReport preview(IommuModel model, String version) {
        return report(version, "1.1.0".equals(version) ? SwapReport.Outcome.PREVIEWED : SwapReport.Outcome.REFUSED);
    }

    private static SwapReport report(String version, SwapReport.Outcome outcome) {
        boolean refused = outcome == SwapReport.Outcome.REFUSED;
        return new SwapReport(
                IommuModel.INTEL,
                "1.0.0",
                version,
                outcome,
                refused ? "no backend of version " + version : "",
                2_500_000,
                1,
                3,
                true,
                refused ? List.of() : List.of("unit 1 container 1"),
                List.of());
    }

    @Override
    public List<SwapReport> swaps() {
        return List.copyOf(swaps);
    }

    @Override
    public AutoCloseable onSwap(Consumer<SwapReport> listener) {
        throw new UnsupportedOperationException();
    }

    @Override
    public AutoCloseable interpose(UnitInterposer interposer) {
        throw new UnsupportedOperationException();
    }

    private static final class FakeUnit implements Unit {
        @Override
        public int id() {
            return 1;
        }

        @Override
        public IommuModel model() {
            return IommuModel.INTEL;
        }

        @Override
        public int subVersion() {
            return 0x110;
        }

        @Override
        public boolean bare() {
            return false;
        }

        @Override
        public Platform platform() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Container openContainer(ContainerConfig config) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Container> containers() {
            return List.of(new FakeContainer());
        }

        @Override
        public Guest openGuest(HardwareConfig config, GuestRequests sink) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void dma(DmaAccess access) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void call(NativeCall call) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void stepping(boolean on) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int step(int commands) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void takeEvents(Consumer<byte[]> sink) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void visitCache(CacheVisitor visitor) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int chips() {
            return 1;
        }

        @Override
        public HardwareCounters hardwareCounters() {
            return new HardwareCounters(11, 22, 33, 0, 44);
        }

        @Override
        public void tap(NativeCommandListener listener) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {}
    }

    private static final class FakeContainer implements Container {
        @Override
        public int id() {
            return 1;
        }

        @Override
        public Agreement agreement() {
            return AGREEMENT;
        }

        @Override
        public List<Integer> devices() {
            return List.of(0x18, 0xfa);
        }

        @Override
        public int attach(int requester, Completion completion) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int attach(int requester, long table, int levels, Completion completion) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int detach(int requester, Completion completion) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int ioctl(long request, byte[] bytes, int offset, int readable, Completion completion) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int ioctl(Abi image, long request, byte[] bytes, int offset, int readable, Completion completion) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int submit(RequestBatch batch) {
            throw new UnsupportedOperationException();
        }

        @Override
        public ContainerCounters counters() {
            return new ContainerCounters(100, 97, 5, Map.of("V12", 2L, "ENODEV", 1L), 4);
        }

        @Override
        public void close() {}
    }
}
