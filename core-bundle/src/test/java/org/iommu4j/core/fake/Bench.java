package org.iommu4j.core.fake;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;

/** A core, a journal, and the bytes of requests: what most tests begin with. */
public final class Bench implements AutoCloseable {
    /** The core under test. */
    public final IommuCore core = new IommuCore(FakePlatform::new);

    /** The calls of the backends. */
    public final Journal journal = new Journal();

    /** A sound backend, which the core does not know yet. */
    public FakeBackend backend(String version) {
        return new FakeBackend(version, journal);
    }

    /** A sound backend that has arrived and passed its trial. */
    public FakeBackend arrived(String version) {
        FakeBackend backend = backend(version);
        core.arrived(backend);
        core.backends();
        return backend;
    }

    /** True if that backend, and no other of its version, serves. */
    public boolean serves(FakeBackend backend) {
        Backend serving = core.backend(IommuModel.INTEL);
        return serving != null && serving.meaning(null, null).equals(backend.meaning(null, null));
    }

    /** A unit of a generation. */
    public Unit unit(int subVersion) {
        return core.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(subVersion)));
    }

    /** The configuration of a client of exactly one generation, with a short limit for waiting. */
    public static ContainerConfig client(int subVersion, long waitMillis, int maxParked) {
        return new ContainerConfig(
                Abi.LP64_LE,
                Offer.exactly(IommuModel.INTEL, subVersion),
                TimeUnit.MILLISECONDS.toNanos(waitMillis),
                maxParked);
    }

    /** A container of exactly one generation. */
    public static Container container(Unit unit, int subVersion) {
        return unit.openContainer(client(subVersion, 5000, 100));
    }

    /** The invalidation of that number. */
    public static byte[] invalidate(int subVersion, long number) {
        return writer(subVersion).invalidate(Uapi.SCOPE_VADDR, 0, 0, number << 12, 4096, new byte[0]);
    }

    /** The invalidation of that number, with a vendor part that begins with a byte. */
    public static byte[] invalidate(int subVersion, long number, int firstByte) {
        byte[] payload = new byte[16];
        payload[0] = (byte) firstByte;
        return writer(subVersion).invalidate(Uapi.SCOPE_VADDR, 0, 0, number << 12, 4096, payload);
    }

    /** A bind of a device to a base address, or the end of it. */
    public static byte[] bind(int subVersion, int requester, long base, boolean undo) {
        byte[] payload = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(requester)
                .putLong(base)
                .array();
        return writer(subVersion).bind(Uapi.BIND_PGTABLE, undo ? Uapi.BIND_FLAG_UNBIND : 0, payload);
    }

    /** Writes requests of a generation. */
    public static RequestWriter writer(int subVersion) {
        return new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, subVersion);
    }

    /** Sends a request. */
    public static Completion send(Container container, byte[] request) {
        Completion completion = new Completion();
        container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
        return completion;
    }

    /** Maps memory. */
    public static Completion map(Container container, long iova, long pa, long size) {
        byte[] request = writer(1).map(new Mapping(iova, pa, size, Uapi.MAP_FLAGS_MASK));
        return send(container, Uapi.VFIO_IOMMU_MAP_DMA, request);
    }

    /** Unmaps memory. */
    public static Completion unmap(Container container, long iova, long size) {
        return send(container, Uapi.VFIO_IOMMU_UNMAP_DMA, writer(1).unmap(iova, size, 0));
    }

    /** Unmaps all memory. */
    public static Completion unmapAll(Container container) {
        return send(container, Uapi.VFIO_IOMMU_UNMAP_DMA, writer(1).unmap(0, 0, Uapi.UNMAP_FLAG_ALL));
    }

    private static Completion send(Container container, long number, byte[] request) {
        Completion completion = new Completion();
        container.ioctl(number, request, 0, request.length, completion);
        return completion;
    }

    /** Swaps with short limits. */
    public SwapReport swap(String version, long drainMillis, long handoverMillis) {
        return core.swap(
                IommuModel.INTEL,
                version,
                new SwapLimits(
                        TimeUnit.MILLISECONDS.toNanos(drainMillis), TimeUnit.MILLISECONDS.toNanos(handoverMillis)));
    }

    /** Swaps with long limits. */
    public SwapReport swap(String version) {
        return core.swap(IommuModel.INTEL, version, SwapLimits.DEFAULT);
    }

    /** The state of the newest backend of a version. */
    public BackendStatus.State state(String version) {
        BackendStatus.State state = null;
        for (BackendStatus status : core.backends()) {
            if (status.version().equals(version)) {
                state = status.state();
            }
        }
        return state;
    }

    /** Hangs and does not listen to interrupts, up to a bound that spares the test's virtual machine. */
    public static void hangUntil(CountDownLatch latch) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        boolean released = false;
        while (!released && System.nanoTime() < end) {
            try {
                released = latch.await(end - System.nanoTime(), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                released = false;
            }
        }
    }

    @Override
    public void close() {
        core.close();
    }
}
