package org.iommu4j.upgrade.run;

import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.ReplayResult.RequestTally;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.replay.Devices;

/**
 * A client that edits pages and invalidates them, alone and in batches, while everything is swapped under it. After an edit
 * and before its invalidation is complete, old and new are legal; afterwards only new. Now and then it sends a request that
 * must be refused.
 */
final class Invalidator implements Runnable {
    private static final int BATCH = 16;
    private static final int PAGE_BYTES = 4096;

    /** One round in so many is a batch. */
    private static final int BATCH_ROUNDS = 8;

    /** One round in so many is a request that must be refused. */
    private static final int REFUSED_ROUNDS = 64;

    /** The contract names no such scope. */
    private static final int UNKNOWN_SCOPE = 1 << 31;

    private final Unit unit;
    private final int subVersion;
    private final ExplainHints hints;
    private final List<EditedPage> pages;
    private final SplittableRandom random;
    private final BooleanSupplier goOn;
    private final Problems problems;
    private final TapCheck tap;
    private final RequestWriter writer;
    private final byte[] noPayload = new byte[0];
    private final byte[][] bytes = new byte[BATCH][];
    private final RequestBatch batch = new RequestBatch(BATCH);
    private final Completion completion = new Completion();
    private final DmaAccess access = new DmaAccess();
    private final Map<String, Long> refusals = new TreeMap<>();
    private final int[] slots = new int[BATCH];
    private int chosen;
    private long completed;
    private long widened;
    private long deliberate;
    private long lost;
    private long accesses;
    private long stale;
    private long blocked;
    private final Latencies latencies = new Latencies();
    private final AtomicLong sent = new AtomicLong();

    /**
     * A client of a guest's containers.
     *
     * @param goOn false when it is to end
     */
    Invalidator(LoadGuest guest, long seed, BooleanSupplier goOn, Problems problems) {
        unit = guest.unit();
        subVersion = guest.subVersion();
        hints = guest.hints();
        pages = guest.pages();
        random = new SplittableRandom(seed);
        this.goOn = goOn;
        this.problems = problems;
        tap = new TapCheck(pages.size());
        writer = new RequestWriter(Abi.LP64_LE, unit.model(), subVersion);
        for (int i = 0; i < BATCH; i++) {
            bytes[i] = new byte[writer.invalidateBytes(0)];
        }
        for (int slot = 0; slot < pages.size(); slot++) {
            tap.watch(pages.get(slot).iova, slot);
        }
        unit.tap(tap);
    }

    /** Learns how a request looks in native commands, and makes every page go where its first edit says. */
    void prepare() {
        chosen = 1;
        for (int slot = 0; slot < pages.size(); slot++) {
            slots[0] = slot;
            tap.learn();
            one();
            if (tap.learned(slot) == 0) {
                throw new UpgradeException("an invalidation writes no native commands: there is nothing to check");
            }
        }
        // Nothing was expected while it learned.
        lost = 0;
    }

    @Override
    public void run() {
        try {
            while (goOn.getAsBoolean()) {
                int round = random.nextInt(REFUSED_ROUNDS);
                if (round == 0) {
                    refused();
                } else if (round % BATCH_ROUNDS == 1) {
                    choose(BATCH);
                    many();
                } else {
                    choose(1);
                    one();
                }
            }
        } catch (Throwable e) {
            problems.add("the invalidating client", e);
        }
    }

    /** Chooses different pages of one container. */
    private void choose(int most) {
        int first = random.nextInt(pages.size());
        Container container = pages.get(first).container;
        chosen = 0;
        for (int i = 0; i < pages.size() && chosen < most; i++) {
            int slot = (first + i) % pages.size();
            if (pages.get(slot).container == container) {
                slots[chosen++] = slot;
            }
        }
    }

    /** Edits the chosen pages; what is cached of them may be used until their invalidation is complete. */
    private void edit() {
        for (int i = 0; i < chosen; i++) {
            EditedPage page = pages.get(slots[i]);
            page.edit();
            if (page.completed() != 0) {
                check(page);
            }
        }
        tap.expect(slots, chosen);
    }

    private int write(int index, int scope) {
        EditedPage page = pages.get(slots[index]);
        return writer.invalidate(
                bytes[index], 0, scope, Uapi.FLAGS_NO_PASID, 0, page.iova, PAGE_BYTES, noPayload, 0, 0);
    }

    private void one() {
        edit();
        int length = write(0, Uapi.SCOPE_VADDR);
        long begin = System.nanoTime();
        pages.get(slots[0]).container.ioctl(Uapi.VFIO_IOMMU_OP, bytes[0], 0, length, completion);
        latencies.add(System.nanoTime() - begin);
        answered(0, completion);
        settle();
    }

    private void many() {
        edit();
        batch.clear();
        for (int i = 0; i < chosen; i++) {
            batch.add(bytes[i], 0, write(i, Uapi.SCOPE_VADDR));
        }
        long begin = System.nanoTime();
        pages.get(slots[0]).container.submit(batch);
        latencies.add(System.nanoTime() - begin);
        for (int i = 0; i < chosen; i++) {
            answered(i, batch.completion(i));
        }
        settle();
    }

    private void answered(int index, Completion answer) {
        sent.incrementAndGet();
        if (answer.errno() != Errno.OK) {
            count(answer);
            problems.add("an invalidation was refused: " + answer, explain(index));
            return;
        }
        completed++;
        if (answer.fidelity() == Fidelity.WIDENED) {
            widened++;
        }
        if (answer.handled() != 1) {
            problems.add("an invalidation was completed with " + answer.handled() + " handled", explain(index));
        }
        pages.get(slots[index]).complete();
    }

    private List<String> explain(int index) {
        return ExplainHints.list(ExplainHints.request(Abi.LP64_LE, unit.model(), subVersion, bytes[index]));
    }

    private void settle() {
        lost += tap.missing();
        for (int i = 0; i < chosen; i++) {
            check(pages.get(slots[i]));
        }
    }

    /** A request with a scope that the contract does not know: it must be refused by its rule and drop nothing. */
    private void refused() {
        choose(1);
        tap.expect(slots, 0);
        int length = write(0, UNKNOWN_SCOPE);
        pages.get(slots[0]).container.ioctl(Uapi.VFIO_IOMMU_OP, bytes[0], 0, length, completion);
        sent.incrementAndGet();
        if (completion.errno() == Errno.OK) {
            completed++;
            problems.add("a request with an unknown scope was carried out", explain(0));
            return;
        }
        count(completion);
        if (completion.rule() == Rule.V12) {
            deliberate++;
        } else {
            problems.add("a request with an unknown scope was answered " + completion, explain(0));
        }
    }

    private void count(Completion answer) {
        refusals.merge(
                answer.rule() == null ? answer.errno().name() : answer.rule().name(), 1L, Long::sum);
    }

    private void check(EditedPage page) {
        long oldest = page.completed();
        long begin = System.nanoTime();
        Devices.access(unit, access.begin(page.requester, page.iova, DmaAccess.READ));
        latencies.add(System.nanoTime() - begin);
        accesses++;
        if (access.outcome() != DmaAccess.Outcome.TRANSLATED) {
            blocked++;
            problems.add(
                    "an access to 0x" + Long.toHexString(page.iova) + " ended as " + access.outcome(),
                    page.explain(hints));
        } else if (!page.shows(access.spa(), oldest, page.edited())) {
            stale++;
        }
    }

    /** Counts of its requests, and of the answers. */
    RequestTally requests() {
        return new RequestTally(sent.get(), completed, widened, refusals);
    }

    /** Requests so far; for other threads. */
    long sent() {
        return sent.get();
    }

    /** Requests that were refused as they had to be. */
    long deliberate() {
        return deliberate;
    }

    /** Native commands that did not show. */
    long lost() {
        return lost;
    }

    /** Native commands that no request had asked for. */
    long doubled() {
        return tap.doubled();
    }

    /** Native commands out of order. */
    long reordered() {
        return tap.reordered();
    }

    /** Accesses that it made. */
    long accesses() {
        return accesses;
    }

    /** Accesses that saw what was no longer legal. */
    long stale() {
        return stale;
    }

    /** Accesses that were not translated. */
    long blocked() {
        return blocked;
    }

    /** Times of its requests and accesses. */
    Latencies latencies() {
        return latencies;
    }
}
