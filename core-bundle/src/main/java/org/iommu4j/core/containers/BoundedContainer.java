package org.iommu4j.core.containers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Mapping;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.foreign.VendorThread;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerCounters;
import org.iommu4j.core.service.RequestBatch;

/**
 * A container whose calls run in a thread of its own, so that the client comes back at its limit even if the backend hangs.
 * A thread that hangs is left behind with copies of everything that the client gave it.
 */
public final class BoundedContainer implements Container {
    /** Time that a call may take beyond the client's wait, which the container itself keeps to. */
    private static final long GRACE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final CoreContainer container;
    private final long limitNanos;

    /** Guarded by this; null until the first call, and after a close. */
    private VendorThread thread;

    BoundedContainer(CoreContainer container) {
        this.container = container;
        limitNanos = container.config().waitNanos() + GRACE_NANOS;
    }

    private int bounded(ToIntFunction<Completion> call, Completion completion) {
        Completion own = new Completion();
        VendorThread runs = thread();
        CoreGuest guest = container.guestOfCaller();
        if (guest != null) {
            guest.standAside();
        }
        try {
            int code = runs.call("the call", limitNanos, () -> CoreGuest.represent(guest, () -> call.applyAsInt(own)));
            completion.begin().copy(own);
            return code;
        } catch (VendorFailure e) {
            leaveBehind(runs);
            return completion.begin().fail(e.errno(), e.getMessage());
        }
    }

    private synchronized VendorThread thread() {
        if (thread == null) {
            thread = new VendorThread("iommu4j-client");
        }
        return thread;
    }

    private synchronized void leaveBehind(VendorThread hung) {
        hung.close();
        if (thread == hung) {
            thread = null;
        }
    }

    @Override
    public int id() {
        return container.id();
    }

    @Override
    public Agreement agreement() {
        return container.agreement();
    }

    @Override
    public List<Integer> devices() {
        return container.devices();
    }

    @Override
    public List<Mapping> memoryMap() {
        return container.memoryMap();
    }

    @Override
    public int attach(int requester, Completion completion) {
        return bounded(own -> container.attach(requester, own), completion);
    }

    @Override
    public int attach(int requester, long table, int levels, Completion completion) {
        return bounded(own -> container.attach(requester, table, levels, own), completion);
    }

    @Override
    public int detach(int requester, Completion completion) {
        return bounded(own -> container.detach(requester, own), completion);
    }

    @Override
    public int takePageRequests(List<PageRequest> taken, Completion completion) {
        List<PageRequest> found = new ArrayList<>();
        int code = bounded(own -> container.takePageRequests(found, own), completion);
        if (code == 0) {
            taken.addAll(found);
        }
        return code;
    }

    @Override
    public int respond(PageRequest last, PageResponse response, Completion completion) {
        return bounded(own -> container.respond(last, response, own), completion);
    }

    @Override
    public int ioctl(long request, byte[] bytes, int offset, int readable, Completion completion) {
        return ioctl(container.config().abi(), request, bytes, offset, readable, completion);
    }

    @Override
    public int ioctl(Abi image, long request, byte[] bytes, int offset, int readable, Completion completion) {
        if (!isReadable(bytes, offset, readable)) {
            // Refused without a look at the bytes.
            return container.ioctl(image, request, bytes, offset, readable, completion);
        }
        byte[] copy = Arrays.copyOfRange(bytes, offset, offset + readable);
        byte[] before = copy.clone();
        int code = bounded(own -> container.ioctl(image, request, copy, 0, readable, own), completion);
        if (code == 0 && !Arrays.equals(copy, before)) {
            System.arraycopy(copy, 0, bytes, offset, readable);
        }
        return code;
    }

    private static boolean isReadable(byte[] bytes, int offset, int readable) {
        return bytes != null && (offset | readable) >= 0 && readable <= bytes.length - offset;
    }

    @Override
    public int submit(RequestBatch batch) {
        int count = batch.count();
        RequestBatch copy = new RequestBatch(count);
        for (int i = 0; i < count; i++) {
            int offset = batch.offset(i);
            int readable = batch.readable(i);
            if (isReadable(batch.bytes(i), offset, readable)) {
                copy.add(Arrays.copyOfRange(batch.bytes(i), offset, offset + readable), 0, readable);
            } else {
                copy.add(null, offset, readable);
            }
        }
        int[] done = new int[1];
        Completion outcome = new Completion();
        bounded(own -> done[0] = container.submit(copy), outcome);
        boolean failed = outcome.errno() != Errno.OK;
        for (int i = 0; i < count; i++) {
            batch.completion(i).copy(failed ? outcome : copy.completion(i));
        }
        return failed ? 0 : done[0];
    }

    @Override
    public ContainerCounters counters() {
        return container.counters();
    }

    @Override
    public void close() {
        close(new Completion());
    }

    @Override
    public int close(Completion completion) {
        // At once, whatever is in the thread.
        container.refuseFromNowOn();
        int code = bounded(container::close, completion);
        leaveBehind(thread());
        return code;
    }

    @Override
    public String toString() {
        return container.toString();
    }
}
