package org.iommu4j.testbench.conform;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.testbench.run.UnitPort;

/** A container of a unit of the core: requests go the whole way, and a swap takes the unit along. */
final class UnitClient implements Client, AutoCloseable {
    private final Unit unit;
    private final Container container;
    private final RequestWriter writer;

    /** A container of a fresh unit that the sanitizer observes. */
    UnitClient(IommuService service, IommuModel model, HardwareConfig config) {
        this(service, model, config, Abi.LP64_LE);
    }

    /** The same with a client that speaks in another image. */
    UnitClient(IommuService service, IommuModel model, HardwareConfig config, Abi abi) {
        unit = service.openUnit(UnitConfig.of(model, config).withSanitizer(Sanitizer.Mode.ON));
        try {
            container = unit.openContainer(new ContainerConfig(
                    abi,
                    Offer.exactly(model, config.subVersion()),
                    ContainerConfig.DEFAULT_WAIT_NANOS,
                    ContainerConfig.DEFAULT_MAX_PARKED));
        } catch (RuntimeException e) {
            unit.close();
            throw e;
        }
        writer = new RequestWriter(abi, model, config.subVersion());
    }

    /** The container, for its counters. */
    Container container() {
        return container;
    }

    /** The generation of the chip. */
    int subVersion() {
        return unit.subVersion();
    }

    /** Findings of the sanitizer so far. */
    SanitizerReport findings() {
        Sanitizer sanitizer = unit.platform().sanitizer();
        return sanitizer == null ? SanitizerReport.NONE : sanitizer.report();
    }

    @Override
    public NativePort port() {
        return new UnitPort(unit);
    }

    @Override
    public Completion attach(int requester) {
        Completion completion = new Completion();
        container.attach(requester, completion);
        return completion;
    }

    @Override
    public Completion attach(int requester, FuzzScene.Root root) {
        Completion completion = new Completion();
        container.attach(requester, root.table(), root.levels(), completion);
        return completion;
    }

    @Override
    public Completion detach(int requester) {
        Completion completion = new Completion();
        container.detach(requester, completion);
        return completion;
    }

    @Override
    public Completion bind(int operation, int flags, byte[] payload) {
        return send(writer.bind(operation, flags, payload));
    }

    @Override
    public Completion invalidate(int scope, int flags, int pasid, long vaddr, long size, byte[] payload) {
        return send(writer.invalidate(scope, flags, pasid, vaddr, size, payload));
    }

    private Completion send(byte[] request) {
        Completion completion = new Completion();
        container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
        return completion;
    }

    @Override
    public Completion closeDomain() {
        Completion completion = new Completion();
        container.close(completion);
        return completion;
    }

    @Override
    public void access(DmaAccess access) {
        unit.dma(access);
    }

    @Override
    public void close() {
        unit.close();
    }
}
