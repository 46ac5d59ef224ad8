package org.iommu4j.itests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;

/**
 * Clients of one unit, a thread each. Every turn moves one page of the client's own table, invalidates it and lets its
 * device access it: after the completion only the new page may be seen.
 */
final class Load implements AutoCloseable {
    static final int GENERATION = 0x0110;

    private static final int PAGES = 64;
    private static final long PAGE = 4096;
    private static final long IOVA = 0x4000_0000L;
    private static final long PRESENT = 3;

    private final List<Client> clients = new ArrayList<>();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private volatile boolean stopped;

    /** The index in a table of a level through which the path of all pages goes. */
    private static long index(int level) {
        return (IOVA >>> (12 + 9 * (level - 1)) & 511) * Long.BYTES;
    }

    /** Starts {@code threads} clients. */
    static Load on(Unit unit, int threads) {
        Load load = new Load();
        for (int i = 0; i < threads; i++) {
            load.clients.add(load.new Client(unit, i));
        }
        load.clients.forEach(Thread::start);
        return load;
    }

    /** Turns of all clients so far. */
    long turns() {
        return clients.stream().mapToLong(Client::turns).sum();
    }

    /** Waits until every client has made {@code more} further turns. */
    void await(int more) throws InterruptedException {
        long deadline = System.nanoTime() + 30_000_000_000L;
        for (Client client : clients) {
            long goal = client.turns() + more;
            while (client.turns() < goal && failure.get() == null) {
                assertTrue("the load makes no progress", System.nanoTime() < deadline);
                Thread.sleep(1);
            }
        }
        rethrow();
    }

    /** Stops the clients and checks that every request was answered exactly once. */
    @Override
    public void close() {
        stopped = true;
        for (Client client : clients) {
            try {
                client.join(20_000);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            assertTrue("a client hangs", !client.isAlive());
        }
        rethrow();
        for (Client client : clients) {
            var counters = client.container.counters();
            assertEquals("requests that arrived", client.turns(), counters.received());
            assertEquals("requests that were carried out", client.turns(), counters.completed());
            assertTrue("refused: " + counters.refused(), counters.refused().isEmpty());
        }
    }

    private void rethrow() {
        Throwable first = failure.get();
        if (first != null) {
            throw new AssertionError("a client failed", first);
        }
    }

    private final class Client extends Thread {
        private final Unit unit;
        private final PhysicalMemory memory;
        private final Container container;
        private final int requester;
        private final RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, GENERATION);
        private final byte[] request = new byte[writer.invalidateBytes(0)];
        private final Completion completion = new Completion();
        private final DmaAccess access = new DmaAccess();
        private final long leafTable;
        private final long frames;

        /** Written by this thread only. */
        private final AtomicLong made = new AtomicLong();

        Client(Unit unit, int number) {
            super("client-" + number);
            this.unit = unit;
            memory = unit.platform().memory();
            requester = 0x10 + number * 8;
            // A four-level table of one path, and two sets of frames that the pages move between.
            long root = 0x1000_0000L + number * 0x100_0000L;
            memory.writeLongLe(root + index(4), root + PAGE | PRESENT);
            memory.writeLongLe(root + PAGE + index(3), root + 2 * PAGE | PRESENT);
            memory.writeLongLe(root + 2 * PAGE + index(2), root + 3 * PAGE | PRESENT);
            leafTable = root + 3 * PAGE;
            frames = root + 0x10_0000L;
            for (int page = 0; page < PAGES; page++) {
                memory.writeLongLe(leafTable + page * 8L, frame(page, 0) | PRESENT);
            }
            container = unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, GENERATION)));
            assertEquals(completion.toString(), 0, container.attach(requester, root, 4, completion));
        }

        private long turns() {
            return made.get();
        }

        private long frame(int page, long life) {
            return frames + (page * 2L + (life & 1)) * PAGE;
        }

        @Override
        public void run() {
            try {
                while (!stopped) {
                    turn(made.get());
                    made.set(made.get() + 1);
                }
            } catch (Throwable e) {
                failure.compareAndSet(null, e);
            }
        }

        private void turn(long number) {
            int page = (int) (number % PAGES);
            long life = number / PAGES + 1;
            long iova = IOVA + page * PAGE;
            expect(iova, frame(page, life - 1));
            memory.writeLongLe(leafTable + page * 8L, frame(page, life) | PRESENT);
            writer.invalidate(request, 0, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, iova, PAGE, request, 0, 0);
            int result = container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
            assertEquals(completion.toString(), 0, result);
            assertEquals(Errno.OK, completion.errno());
            expect(iova, frame(page, life));
        }

        private void expect(long iova, long frame) {
            unit.dma(access.begin(requester, iova + 8, DmaAccess.READ));
            assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
            assertEquals("a stale translation was used", frame + 8, access.spa());
        }
    }
}
