package org.iommu4j.benchmarks;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Invalidation of a full cache as a whole, in the stream of page-selective invalidations in which a running system has it.
 * Goal P5: growth from 1,000 to 64,000 entries at most 1.2, by generations and without a scan.
 *
 * <p>A round fills the cache, then invalidates pages that are not in it, each with its wait, then everything once. Halfway
 * through the pages the same happens elsewhere, as in a machine with several guests: to another container of the unit, or to
 * another unit, whose device has used one page. Every one of these calls is
 * timed by itself, between two readings of the clock, the cost of which is included. The figures are the
 * counters: {@code wide} is the median over the rounds of an iteration of the last call, {@code page} that of the one
 * before it, for comparison; JMH adds counters up over the iterations, so divide them by {@code Cnt}. The benchmark's own
 * score is the time of all rounds with their fills, and of no interest.
 *
 * <p>With {@code -p others=false} nothing was invalidated as a whole since the fill, which has driven the instructions for it
 * out of the processor's caches. With {@code -p stream=1} besides, hardly anything lies between the fill and the call: then
 * all that is timed is how many of the lines that the call needs are gone, the measuring code's own among them.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 10)
@Measurement(iterations = 15)
@Fork(1)
@State(Scope.Thread)
public class WideInvalidationBenchmark {
    private static final int ROUNDS = 20;
    private static final int REQUESTS = 64;
    private static final int OTHER_REQUESTER = Bench.REQUESTER + 1;
    private static final long REHEARSAL_NANOS = 3_000_000_000L;

    /** Pages that the chip has cached. */
    @Param({"1000", "64000"})
    public int entries;

    /** Page-selective invalidations between the fill and what is measured; at least 1. */
    @Param({"64"})
    public int stream;

    /** True if another container, or unit, is invalidated as a whole halfway through the stream. */
    @Param({"true"})
    public boolean others;

    private final Completion completion = new Completion();
    private final long[] pageNanos = new long[ROUNDS];
    private final long[] wideNanos = new long[ROUNDS];
    private Bench bench;
    private Container otherContainer;
    private BareQueue bare;
    private BareQueue otherBare;
    private byte[][] pages;
    private byte[] domain;
    private byte[] buffer;
    private int next;

    /** The times that are measured, in nanoseconds. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.EVENTS)
    public static class Nanos {
        /** A page-selective invalidation and its wait, the last of the stream. */
        public long page;

        /** The invalidation as a whole and its wait, after the stream. */
        public long wide;
    }

    /** Makes the units, and runs everything long enough for the code to be what it stays. */
    @Setup
    public void open() {
        bench = new Bench(entries, CacheConfig.WORST_CASE);
        otherContainer =
                bench.unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, Bench.GENERATION)));
        Bench.attach(otherContainer, OTHER_REQUESTER);
        bare = new BareQueue(bench, CacheConfig.WORST_CASE);
        otherBare = new BareQueue(bench, CacheConfig.WORST_CASE);
        pages = Bench.pageRequests(REQUESTS, i -> absent(i));
        domain = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, Bench.GENERATION)
                .invalidate(0, 0, 0, 0, 0, new byte[0]);
        buffer = new byte[Math.max(pages[0].length, domain.length)];
        rehearse(true);
        long end = System.nanoTime() + REHEARSAL_NANOS;
        while (System.nanoTime() < end) {
            rehearse(false);
        }
    }

    /** All that is measured, so often that nothing is compiled anew when it is: a full cache first, then few pages. */
    private void rehearse(boolean full) {
        if (full) {
            bench.touchAll();
            bare.touchAll();
        } else {
            bench.touchOne();
            bare.touchOne();
        }
        next = (next + 1) % REQUESTS;
        request(bench.container, pages[next]);
        bench.touchOne(OTHER_REQUESTER);
        request(otherContainer, domain);
        request(bench.container, domain);
        command(bare, BareQueue.IOTLB_PAGE_DOMAIN_1, absent(next));
        otherBare.touchOne();
        command(otherBare, BareQueue.IOTLB_GLOBAL, 0);
        command(bare, BareQueue.IOTLB_GLOBAL, 0);
    }

    /** Closes the units. */
    @TearDown
    public void close() {
        otherBare.close();
        bare.close();
        bench.close();
    }

    /** Everything of one container, as a request, in a stream of requests. */
    @Benchmark
    public void wholeDomain(Nanos nanos) {
        for (int round = 0; round < ROUNDS; round++) {
            bench.touchAll();
            for (int i = 0; i < stream; i++) {
                next = (next + 1) % REQUESTS;
                pageNanos[round] = request(bench.container, pages[next]);
                if (others && i == stream / 2) {
                    bench.touchOne(OTHER_REQUESTER);
                    request(otherContainer, domain);
                }
            }
            wideNanos[round] = request(bench.container, domain);
        }
        report(nanos);
    }

    /** Everything of the chip, as a descriptor in its queue, in a stream of descriptors. */
    @Benchmark
    public void global(Nanos nanos) {
        for (int round = 0; round < ROUNDS; round++) {
            bare.touchAll();
            for (int i = 0; i < stream; i++) {
                next = (next + 1) % REQUESTS;
                pageNanos[round] = command(bare, BareQueue.IOTLB_PAGE_DOMAIN_1, absent(next));
                if (others && i == stream / 2) {
                    otherBare.touchOne();
                    command(otherBare, BareQueue.IOTLB_GLOBAL, 0);
                }
            }
            wideNanos[round] = command(bare, BareQueue.IOTLB_GLOBAL, 0);
        }
        report(nanos);
    }

    private long absent(int page) {
        return Bench.IOVA + (entries + page) * Bench.PAGE;
    }

    /** Sends a request from the buffer that its client has just written it to. */
    private long request(Container target, byte[] request) {
        System.arraycopy(request, 0, buffer, 0, request.length);
        long start = System.nanoTime();
        int outcome = target.ioctl(Uapi.VFIO_IOMMU_OP, buffer, 0, request.length, completion);
        long nanos = System.nanoTime() - start;
        if (outcome != 0) {
            throw new IllegalStateException(completion.toString());
        }
        return nanos;
    }

    private static long command(BareQueue target, long low, long high) {
        long start = System.nanoTime();
        target.put(low, high);
        target.put(BareQueue.WAIT, BareQueue.STATUS);
        target.ring();
        return System.nanoTime() - start;
    }

    private void report(Nanos nanos) {
        Arrays.sort(pageNanos);
        Arrays.sort(wideNanos);
        nanos.page = pageNanos[ROUNDS / 2];
        nanos.wide = wideNanos[ROUNDS / 2];
    }
}
