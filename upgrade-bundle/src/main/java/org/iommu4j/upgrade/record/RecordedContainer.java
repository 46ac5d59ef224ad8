package org.iommu4j.upgrade.record;

import java.util.HexFormat;
import java.util.List;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerCounters;
import org.iommu4j.core.service.RequestBatch;

/** A container as its client has it: what the client asks and what comes back is recorded. */
final class RecordedContainer implements Container {
    /** A close has no answer of its own. */
    private static final Answer CLOSED = new Answer(Errno.OK, 1, Fidelity.EXACT, "", "", -1, 0, "", true);

    private final Container container;
    private final RecordedUnit unit;
    private final int number;

    RecordedContainer(Container container, RecordedUnit unit, int number) {
        this.container = container;
        this.unit = unit;
        this.number = number;
    }

    /** True if it stands for that container. */
    boolean isOf(Container other) {
        return container == other;
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
        return attach(requester, -1, 0, completion);
    }

    @Override
    public int attach(int requester, long table, int levels, Completion completion) {
        unit.request(
                () -> container.attach(requester, table, levels, completion),
                known -> List.of(new RecordLine.Attached(
                        unit.number(), number, requester, table, levels, Answer.of(completion, known))));
        return completion.errno().code();
    }

    @Override
    public int detach(int requester, Completion completion) {
        unit.request(
                () -> container.detach(requester, completion),
                known -> List.of(
                        new RecordLine.Detached(unit.number(), number, requester, Answer.of(completion, known))));
        return completion.errno().code();
    }

    /** Not recorded, as the requests themselves are not. */
    @Override
    public int takePageRequests(List<PageRequest> taken, Completion completion) {
        return container.takePageRequests(taken, completion);
    }

    @Override
    public int respond(PageRequest last, PageResponse response, Completion completion) {
        return container.respond(last, response, completion);
    }

    @Override
    public int ioctl(long request, byte[] bytes, int offset, int readable, Completion completion) {
        return ioctl(
                null,
                request,
                hex(bytes, offset, readable),
                readable,
                completion,
                () -> container.ioctl(request, bytes, offset, readable, completion));
    }

    @Override
    public int ioctl(Abi image, long request, byte[] bytes, int offset, int readable, Completion completion) {
        return ioctl(
                image,
                request,
                hex(bytes, offset, readable),
                readable,
                completion,
                () -> container.ioctl(image, request, bytes, offset, readable, completion));
    }

    private int ioctl(Abi image, long request, String hex, int readable, Completion completion, Runnable made) {
        unit.request(
                made,
                known -> List.of(new RecordLine.Ioctl(
                        unit.number(), number, image, request, hex, readable, 0, 1, Answer.of(completion, known))));
        return completion.errno().code();
    }

    @Override
    public int submit(RequestBatch batch) {
        int count = batch.count();
        String[] hex = new String[count];
        for (int i = 0; i < count; i++) {
            hex[i] = hex(batch.bytes(i), batch.offset(i), batch.readable(i));
        }
        int[] done = new int[1];
        unit.request(() -> done[0] = container.submit(batch), known -> {
            RecordLine[] lines = new RecordLine[count];
            for (int i = 0; i < count; i++) {
                Answer answer = Answer.of(batch.completion(i), known);
                lines[i] = new RecordLine.Ioctl(
                        unit.number(), number, null, Uapi.VFIO_IOMMU_OP, hex[i], batch.readable(i), i, count, answer);
            }
            return List.of(lines);
        });
        return done[0];
    }

    /** The readable bytes of a request; null if the client named no memory of its own. */
    private static String hex(byte[] bytes, int offset, int readable) {
        if (bytes == null || (offset | readable) < 0 || readable > bytes.length - offset) {
            return null;
        }
        int length = Math.min(readable, RecordLine.MAX_REQUEST);
        return HexFormat.of().formatHex(bytes, offset, offset + length);
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
        unit.request(
                () -> container.close(completion),
                known -> List.of(new RecordLine.Closed(unit.number(), number, known ? CLOSED : CLOSED.unknown())));
        unit.closed(this);
        return completion.errno().code();
    }

    @Override
    public String toString() {
        return container.toString();
    }
}
