package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The core's part of a request, a batch and an access allocates nothing, even when it is interpreted. */
@Timeout(60)
class AllocationTest {
    private static final int CALLS = 20_000;

    private final Bench bench = new Bench();
    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldAllocateNothingForRequestsAndBatches() {
        bench.arrived("1.0.0");
        Unit unit = bench.unit(1);
        Container container = Bench.container(unit, 1);
        // Scope 0: the fake notes no number for it, and so allocates nothing either.
        byte[] request = Bench.writer(1).invalidate(0, 0, 0, 0, 0, new byte[0]);
        Completion completion = new Completion();
        RequestBatch batch = new RequestBatch(16);
        DmaAccess access = new DmaAccess();
        container.attach(1, 0x1000, 4, completion);
        run(container, unit, request, completion, batch, access, 1);
        long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
        run(container, unit, request, completion, batch, access, CALLS);
        long bytes = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
        assertTrue(bytes < CALLS, bytes + " bytes in " + CALLS + " rounds");
        assertEquals(17L * (CALLS + 1), container.counters().completed());
    }

    @Test
    void shouldAllocateNothingForRequestsInAnotherImageThanTheContainers() {
        bench.arrived("1.0.0");
        Container container = Bench.container(bench.unit(1), 1);
        byte[] request = new RequestWriter(Abi.I386, IommuModel.INTEL, 1).invalidate(0, 0, 0, 0, 0, new byte[0]);
        Completion completion = new Completion();
        foreign(container, request, completion, 1);
        long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
        foreign(container, request, completion, CALLS);
        long bytes = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
        assertTrue(bytes < CALLS, bytes + " bytes in " + CALLS + " requests");
        assertEquals(CALLS + 1, container.counters().completed());
    }

    private static void foreign(Container container, byte[] request, Completion completion, int calls) {
        for (int i = 0; i < calls; i++) {
            container.ioctl(Abi.I386, Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
        }
    }

    private static void run(
            Container container,
            Unit unit,
            byte[] request,
            Completion completion,
            RequestBatch batch,
            DmaAccess access,
            int calls) {
        for (int i = 0; i < calls; i++) {
            container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
            batch.clear();
            for (int j = 0; j < 16; j++) {
                batch.add(request, 0, request.length);
            }
            container.submit(batch);
            unit.dma(access.begin(1, 0, DmaAccess.READ));
        }
    }
}
