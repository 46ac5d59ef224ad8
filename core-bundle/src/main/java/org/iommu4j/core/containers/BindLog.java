package org.iommu4j.core.containers;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.BindRequest;

/**
 * The binds of a container in the form of the chip's generation, in order: enough to bind it again after a backend was
 * lost with its state. A later bind of the same requester and PASID takes the place of the earlier one, an unbind removes
 * it; of other operations' binds, what the format says. Touched inside the unit's gate only.
 */
public final class BindLog {
    /** Most bindings of one container. */
    static final int MOST = 65536;

    private final Map<Key, Entry> entries = new LinkedHashMap<>();

    /** One binding. */
    public record Entry(int operation, int subVersion, int flags, byte[] payload) {
        /** Fills a request with it. */
        public BindRequest into(BindRequest request) {
            return request.set(operation, subVersion, flags, payload, 0, payload.length);
        }
    }

    /**
     * The device and PASID of a bind. Where the payload's layout has fields {@code requester} and {@code pasid} they tell;
     * otherwise an unbind must repeat the bytes of the bind.
     */
    private record Key(int operation, long requester, long pasid, ByteBuffer payload) {
        static Key of(BindRequest request, BindFormat format) {
            BindTarget target = BindTarget.of(request, format);
            int from = request.payloadOffset();
            ByteBuffer payload = target.requester() == BindTarget.NONE
                    ? ByteBuffer.wrap(Arrays.copyOfRange(request.payload(), from, from + request.payloadLength()))
                    : null;
            return new Key(
                    target.operation(),
                    target.requester(),
                    payload == null ? target.pasid() : BindTarget.NONE,
                    payload);
        }

        boolean isOf(int device) {
            return payload == null && (int) requester == device;
        }
    }

    /** True if nothing is bound. */
    boolean isEmpty() {
        return entries.isEmpty();
    }

    /** True if one more binding has room. */
    boolean hasRoom() {
        return entries.size() < MOST;
    }

    /** Notes a request that was carried out. What its format replaces is bound no longer. */
    void note(BindRequest request, BindFormat format) {
        Key key = Key.of(request, format);
        entries.remove(key);
        if (key.payload() == null) {
            entries.keySet()
                    .removeIf(
                            other -> other.isOf((int) key.requester()) && (other.operation() & format.replaces()) != 0);
        }
        if (!request.unbinds()) {
            int from = request.payloadOffset();
            entries.put(
                    key,
                    new Entry(
                            request.operation(),
                            request.subVersion(),
                            request.flags(),
                            Arrays.copyOfRange(request.payload(), from, from + request.payloadLength())));
        }
    }

    /** Forgets the bindings of a device that left. */
    void forget(int requester) {
        entries.keySet().removeIf(key -> key.isOf(requester));
    }

    /** The bindings in order. */
    public List<Entry> entries() {
        return new ArrayList<>(entries.values());
    }
}
