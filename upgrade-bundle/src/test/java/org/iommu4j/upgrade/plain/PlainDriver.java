package org.iommu4j.upgrade.plain;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;

/** The host's driver: one native call for each bind, and for each device of an invalidation. */
final class PlainDriver implements Translator {
    private final PlainBackend backend;
    private final int subVersion;
    private final Map<Integer, Integer> domainOf;
    private final NativePort port;
    private final NativeCall call = new NativeCall();
    private NativeCommandListener tap;

    PlainDriver(PlainBackend backend, int subVersion, NativePort port) {
        this(backend, subVersion, new TreeMap<>(), port);
    }

    private PlainDriver(PlainBackend backend, int subVersion, Map<Integer, Integer> domainOf, NativePort port) {
        this.backend = backend;
        this.subVersion = subVersion;
        this.domainOf = domainOf;
        this.port = port;
    }

    /** The same state on another port. */
    PlainDriver on(NativePort other) {
        return new PlainDriver(backend, subVersion, domainOf, other);
    }

    @Override
    public int subVersion() {
        return subVersion;
    }

    @Override
    public int openDomain(int domain, Completion completion) {
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int closeDomain(int domain, Completion completion) {
        domainOf.entrySet().removeIf(entry -> {
            if (entry.getValue() == domain) {
                send(PlainChip.UNBIND, entry.getKey(), 0, 0, 0);
            }
            return entry.getValue() == domain;
        });
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int attach(int domain, int requester, long table, int levels, Completion completion) {
        domainOf.put(requester, domain);
        send(PlainChip.UNBIND, requester, 0, 0, 0);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int detach(int domain, int requester, Completion completion) {
        domainOf.remove(requester);
        send(PlainChip.UNBIND, requester, 0, 0, 0);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int bind(int domain, BindRequest request, Completion completion) {
        long[] words = PlainBackend.BIND.decode(request.payload(), request.payloadOffset());
        int requester = (int) words[0];
        if (domainOf.getOrDefault(requester, -1) != domain) {
            return completion.fail(Errno.ENODEV, "the device is not in the domain");
        }
        send(request.unbinds() ? PlainChip.UNBIND : PlainChip.BIND, requester, words[1], words[2], words[3]);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        domainOf.forEach((requester, in) -> {
            if (in == domain) {
                send(PlainChip.DROP, requester, request.vaddr(), request.size(), 0);
            }
        });
        return completion.done(Fidelity.EXACT);
    }

    private void send(int function, int requester, long first, long second, long third) {
        long device = Integer.toUnsignedLong(requester);
        port.call(call.begin(function)
                .word(0, device)
                .word(1, first)
                .word(2, second)
                .word(3, third));
        if (tap != null) {
            tap.command(ByteBuffer.allocate(Integer.BYTES + 3 * Long.BYTES)
                    .putInt(function)
                    .putLong(device)
                    .putLong(first)
                    .putLong(second)
                    .array());
        }
    }

    @Override
    public int finish(Completion completion) {
        return 0;
    }

    @Override
    public Snapshot save() {
        return backend.keep(Snapshot.Kind.TRANSLATOR, this);
    }

    @Override
    public void tap(NativeCommandListener listener) {
        tap = listener;
    }
}
