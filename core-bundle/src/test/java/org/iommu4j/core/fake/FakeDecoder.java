package org.iommu4j.core.fake;

import java.nio.ByteBuffer;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;

/** A virtual IOMMU of one register; a command is passed on as it is. */
final class FakeDecoder implements GuestDecoder {
    private final FakeBackend backend;
    private long register;

    FakeDecoder(FakeBackend backend, long register) {
        this.backend = backend;
        this.register = register;
    }

    static FakeDecoder restored(FakeBackend backend, Snapshot state) {
        return new FakeDecoder(backend, ByteBuffer.wrap(state.bytes()).getLong());
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        backend.traps().pass("guestRead");
        return register;
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value, GuestRequests sink) {
        backend.traps().pass("guestWrite");
        register = value;
        sink.handled("register");
    }

    @Override
    public void command(byte[] bytes, GuestRequests sink) {
        backend.traps().pass("guestCommand");
        sink.request(0, bytes);
    }

    @Override
    public void call(NativeCall call, GuestRequests sink) {
        backend.traps().pass("guestCall");
        call.result(register);
    }

    @Override
    public void deviceAccess(int requester, GuestRequests sink) {
        backend.traps().pass("deviceAccess");
        sink.move(requester, 0);
    }

    @Override
    public void deviceAccess(int requester, int pasid, GuestRequests sink) {
        backend.traps().pass("deviceAccessWithPasid");
        sink.move(requester, pasid);
    }

    @Override
    public void deviceEvent(byte[] record, GuestRequests sink) {
        backend.traps().pass("deviceEvent");
        sink.handled(record.length == 2 ? "fault of " + record[1] : "event");
    }

    @Override
    public void pageRequests(int requester, GuestRequests sink) {
        backend.traps().pass("pageRequests");
    }

    @Override
    public Snapshot save() {
        backend.traps().pass("saveGuest");
        byte[] bytes = ByteBuffer.allocate(Long.BYTES).putLong(register).array();
        return new Snapshot(IommuModel.INTEL, Snapshot.Kind.GUEST, backend.stateWritten(), bytes);
    }

    @Override
    public String commandName(byte[] bytes) {
        backend.traps().pass("commandName");
        return "command of " + backend.version();
    }
}
