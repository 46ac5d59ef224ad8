package org.iommu4j.testbench.fuzz;

import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.testbench.run.UnitPort;

/** A unit of a backend, and the scene that the model's own software sets up on it. */
final class SceneMachine implements AutoCloseable {
    private static final long SEED = 7;

    final Unit unit;
    final FuzzScene scene;

    /** Null on a bare machine. */
    final Container container;

    final RequestWriter writer;

    /** A core with one backend. It tries the backend once, when the first machine is made on it, so tests share it. */
    static IommuCore core(Backend backend) {
        IommuCore core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(backend);
        return core;
    }

    /**
     * A fresh machine.
     *
     * @param core the core that the backend has arrived in
     * @param bare true for a chip whose software makes calls and writes registers, false for one with driver and container
     */
    SceneMachine(IommuCore core, Backend backend, int subVersion, boolean bare) {
        HardwareConfig config = HardwareConfig.of(subVersion);
        unit = core.openUnit(new UnitConfig(
                backend.describe().model(),
                config,
                bare,
                backend.bench().hostAddressWidth(config),
                List.of(),
                (address, data) -> {},
                DevicePort.COMPLETING,
                Sanitizer.Mode.OFF));
        NativePort port = new UnitPort(unit);
        SplittableRandom random = new SplittableRandom(SEED);
        scene = bare
                ? backend.bench().fuzz().bringUp(config, port, random)
                : backend.bench().fuzz().prepare(config, port, random);
        container = bare
                ? null
                : unit.openContainer(
                        ContainerConfig.of(Offer.exactly(backend.describe().model(), subVersion)));
        writer = new RequestWriter(Abi.LP64_LE, backend.describe().model(), subVersion);
    }

    /** As a guest does it: every device in the container, and one of the binds of the scene. */
    SceneMachine bound(FuzzScene.Bind bind) {
        for (int requester : scene.requesters()) {
            container.attach(requester, new Completion());
        }
        bind(bind.operation(), bind.flags(), bind.payload());
        return this;
    }

    Completion bind(int operation, int flags, byte[] payload) {
        byte[] bytes = writer.bind(operation, flags, payload);
        Completion completion = new Completion();
        container.ioctl(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, completion);
        return completion;
    }

    /** The physical address to which a read of a device goes; -1 if it goes nowhere. */
    long read(int requester, long iova) {
        DmaAccess access = new DmaAccess().begin(requester, iova, DmaAccess.READ);
        unit.dma(access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    @Override
    public void close() {
        unit.close();
    }
}
