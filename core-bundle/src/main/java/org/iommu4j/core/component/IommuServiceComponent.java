package org.iommu4j.core.component;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.backends.BackendSource;
import org.iommu4j.core.backends.CoreLog;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.core.service.UnitInterposer;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.component.runtime.ServiceComponentRuntime;

/**
 * The core as a component. Immediate, so that units live as long as the bundle and not as long as somebody holds the
 * service.
 */
@Component(service = IommuService.class, immediate = true)
public final class IommuServiceComponent implements IommuService {
    private final IommuCore core;

    private final BundleContext context;

    /** By their services, the backends that the core has. */
    private final Map<ServiceReference<Backend>, BackendSource> sources = new ConcurrentHashMap<>();

    /** Starts the core on machines of one kind. */
    @Activate
    public IommuServiceComponent(
            BundleContext context,
            @Reference PlatformFactory platforms,
            @Reference ServiceComponentRuntime components,
            @Reference BoundedStarts starts) {
        this.context = context;
        VendorBundles vendors = new VendorBundles(context, components, starts);
        core = new IommuCore(platforms, () -> vendors.notServing(serving()));
    }

    /** Stops the core. */
    @Deactivate
    void deactivate() {
        core.close();
    }

    /**
     * Takes the reference and not the service: a delayed component is made by whoever gets its service first, which would be the
     * thread that starts the vendor's bundle, and its constructor may hang.
     */
    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addBackend(ServiceReference<Backend> reference) {
        BackendSource source = new BackendSource(
                String.valueOf(reference.getBundle()),
                reference.getProperty("model") instanceof String label ? IommuModel.ofLabel(label) : null,
                () -> context.getService(reference));
        sources.put(reference, source);
        if (!core.arrived(source)) {
            sources.remove(reference);
        }
    }

    void removeBackend(ServiceReference<Backend> reference) {
        BackendSource source = sources.remove(reference);
        if (source != null) {
            core.leaving(source);
            context.ungetService(reference);
        }
    }

    /** Ids of the bundles whose backends the core has. */
    private Set<Long> serving() {
        return sources.keySet().stream()
                .map(ServiceReference::getBundle)
                .filter(Objects::nonNull)
                .map(Bundle::getBundleId)
                .collect(Collectors.toSet());
    }

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void addLog(CoreLog log) {
        core.logTo(log);
    }

    void removeLog(CoreLog log) {
        core.logTo(null);
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addShim(Shim shim, ServiceReference<Shim> reference) {
        core.arrived(
                shim,
                reference.getBundle() == null
                        ? null
                        : reference.getBundle().getVersion().toString());
    }

    void removeShim(Shim shim) {
        core.leaving(shim);
    }

    @Override
    public List<BackendStatus> backends() {
        return core.backends();
    }

    @Override
    public String absence(IommuModel model) {
        return core.absence(model);
    }

    @Override
    public Backend backend(IommuModel model) {
        return core.backend(model);
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return core.captureFormats();
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
    public NegotiationTable negotiationTable(IommuModel model) {
        return core.negotiationTable(model);
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
