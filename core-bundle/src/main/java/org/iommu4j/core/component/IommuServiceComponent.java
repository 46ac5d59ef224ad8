package org.iommu4j.core.component;

import java.util.List;
import java.util.function.Consumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.core.service.UnitInterposer;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;

/**
 * The core as a component. Immediate, so that units live as long as the bundle and not as long as somebody holds the
 * service.
 */
@Component(service = IommuService.class, immediate = true)
public final class IommuServiceComponent implements IommuService {
    private final IommuCore core;

    /** Starts the core on machines of one kind. */
    @Activate
    public IommuServiceComponent(@Reference PlatformFactory platforms) {
        core = new IommuCore(platforms);
    }

    /** Stops the core. */
    @Deactivate
    void deactivate() {
        core.close();
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addBackend(Backend backend) {
        core.arrived(backend);
    }

    void removeBackend(Backend backend) {
        core.leaving(backend);
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addShim(Shim shim) {
        core.arrived(shim);
    }

    void removeShim(Shim shim) {
        core.leaving(shim);
    }

    @Override
    public List<BackendStatus> backends() {
        return core.backends();
    }

    @Override
    public Backend backend(IommuModel model) {
        return core.backend(model);
    }

    @Override
    public Unit openUnit(UnitConfig config) {
        return core.openUnit(config);
    }

    @Override
    public List<Unit> units() {
        return core.units();
    }

    @Override
    public Agreement negotiate(Offer offer, int hostSubVersion) {
        return core.negotiate(offer, hostSubVersion);
    }

    @Override
    public SwapReport swap(IommuModel model, String version, SwapLimits limits) {
        return core.swap(model, version, limits);
    }

    @Override
    public SwapReport forceSwap(IommuModel model, String version, SwapLimits limits) {
        return core.forceSwap(model, version, limits);
    }

    @Override
    public SwapReport preview(IommuModel model, String version) {
        return core.preview(model, version);
    }

    @Override
    public List<SwapReport> swaps() {
        return core.swaps();
    }

    @Override
    public AutoCloseable onSwap(Consumer<SwapReport> listener) {
        return core.onSwap(listener);
    }

    @Override
    public AutoCloseable interpose(UnitInterposer interposer) {
        return core.interpose(interposer);
    }
}
