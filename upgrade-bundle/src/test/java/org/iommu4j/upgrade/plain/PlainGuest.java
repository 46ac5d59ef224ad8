package org.iommu4j.upgrade.plain;

import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;

/** A virtual IOMMU: carries the guest's calls out on a machine of its own, and tells the host what changed. */
final class PlainGuest implements GuestDecoder {
    private static final int DOMAINS = 0xff;

    private final PlainBackend backend;
    private final PlainMachine machine;
    private final RequestWriter writer;
    private boolean begun;

    PlainGuest(PlainBackend backend, int subVersion, PlainMachine machine) {
        this.backend = backend;
        this.machine = machine;
        writer = new RequestWriter(Abi.LP64_LE, backend.model(), subVersion);
    }

    /** The same virtual IOMMU in another view of its machine. */
    PlainGuest on(Platform view) {
        machine.on(view);
        return this;
    }

    /** Sends what changes. */
    private final class Sender implements PlainMachine.Changes {
        private final GuestRequests sink;

        private Sender(GuestRequests sink) {
            this.sink = sink;
        }

        @Override
        public void opened(int requester, long first, long second, long third) {
            sink.move(requester, requester & DOMAINS);
            byte[] payload = PlainBackend.BIND.encode(Integer.toUnsignedLong(requester), first, second, third);
            sink.request(requester & DOMAINS, writer.bind(Uapi.BIND_PGTABLE, 0, payload));
        }

        @Override
        public void closed(int requester) {
            sink.move(requester, -1);
        }

        @Override
        public void changed(int requester, long iova, long lengthBytes) {
            sink.request(
                    requester & DOMAINS,
                    writer.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, iova, lengthBytes, new byte[0]));
        }
    }

    private Sender sender(GuestRequests sink) {
        Sender sender = new Sender(sink);
        if (!begun) {
            begun = true;
            machine.opened(sender);
        }
        return sender;
    }

    @Override
    public void call(NativeCall call, GuestRequests sink) {
        machine.call(call, sender(sink));
    }

    @Override
    public void deviceAccess(int requester, GuestRequests sink) {
        sender(sink);
    }

    @Override
    public Snapshot save() {
        return backend.keep(Snapshot.Kind.GUEST, this);
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return 0;
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value, GuestRequests sink) {
        sink.refused("it has no registers");
    }

    @Override
    public void command(byte[] bytes, GuestRequests sink) {
        sink.refused("it has no queue");
    }

    @Override
    public String commandName(byte[] bytes) {
        return "unknown";
    }
}
