package com.example.flat;

import java.nio.ByteBuffer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.driver.bind.TableAddress;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainBooks;
import org.iommu4j.driver.domain.DomainPolicy;
import org.iommu4j.driver.domain.DomainRecord;
import org.iommu4j.driver.domain.Members;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** The host's driver. It owns the device table, a page of the host; whose each device is stands in the books. */
final class FlatDriver implements Translator {
    private static final String WIDER = "the chip drops whole devices only";
    private static final String ROOT_WRONG = "the table is not a page below the host address width";

    private final NativePort port;
    private final long table;
    private final DomainBooks<Domain, Device> books = new DomainBooks<>(new Policy());
    private NativeCommandListener listener;

    /** A driver for a chip fresh from reset: an empty device table, and translation on. */
    FlatDriver(NativePort port) {
        this(port, port.platform().allocatePages(1));
        port.write(FlatFormats.TABLE, FlatFormats.DEVICE_TABLE.of(table));
        port.write(FlatFormats.CONTROL, FlatFormats.ENABLE.of(1));
        if (port.read(FlatFormats.CONTROL) != FlatFormats.ENABLE.of(1)) {
            port.platform().freePages(table, 1);
            throw new BackendException(Errno.EIO, "the chip does not switch translation on");
        }
    }

    private FlatDriver(NativePort port, long table) {
        this.port = port;
        this.table = table;
    }

    /** A driver that goes on where another stopped. */
    static FlatDriver restored(Snapshot state, NativePort port) {
        SnapshotReader in = new SnapshotReader(state)
                .require(
                        IommuModel.INTEL,
                        Snapshot.Kind.TRANSLATOR,
                        FlatBackend.STATE_VERSION,
                        FlatBackend.STATE_VERSION);
        FlatDriver driver = new FlatDriver(port, in.section("table").getPage("the device table"));
        in.endSection();
        in.section("books", driver.books::load);
        return driver;
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, FlatBackend.STATE_VERSION);
        out.section("table").putLong(table);
        books.save(out.section("books"));
        return out.build();
    }

    /** A domain of the driver. */
    private record Domain(Members<Device> members) implements DomainRecord<Device> {
        @Override
        public void rebuild() {
            // Requests go through the members.
        }
    }

    /** A device of a domain. */
    private static final class Device {
        private final int requester;
        private long entry;

        Device(int requester) {
            this.requester = requester;
        }
    }

    @Override
    public int subVersion() {
        return FlatFormats.GENERATION;
    }

    @Override
    public int openDomain(int domain, Completion completion) {
        return books.open(domain, completion);
    }

    @Override
    public int closeDomain(int domain, Completion completion) {
        return books.close(domain, completion);
    }

    @Override
    public int attach(int domain, int requester, long root, int levels, Completion completion) {
        return books.attach(domain, requester, root, levels, completion);
    }

    @Override
    public int detach(int domain, int requester, Completion completion) {
        return books.detach(domain, requester, completion);
    }

    @Override
    public int bind(int domain, BindRequest request, Completion completion) {
        Domain target = books.find(domain);
        if (target == null) {
            return Answers.notOpen(domain, completion);
        }
        BindPart part = new BindPart(request, FlatFormats.BIND_PART);
        Device device = target.members().device(part.getInt(FlatFormats.BIND_REQUESTER));
        if (device == null) {
            return part.refuse(null, Errno.ENODEV, FlatFormats.BIND_REQUESTER, Answers.NOT_ATTACHED, completion);
        }
        long root = part.get(FlatFormats.BIND_ROOT);
        if (!TableAddress.isPage(root, port.platform())) {
            return part.refuse(Rule.V34, Errno.EINVAL, FlatFormats.BIND_ROOT, ROOT_WRONG, completion);
        }
        if (!part.unbinds()) {
            return change(device, entry(root), completion);
        }
        if (device.entry == 0) {
            return part.refuse(null, Errno.ENOENT, FlatFormats.BIND_REQUESTER, "nothing is bound", completion);
        }
        if (device.entry != entry(root)) {
            return part.refuse(Rule.V35, Errno.EINVAL, FlatFormats.BIND_ROOT, "another table is bound", completion);
        }
        return change(device, 0, completion);
    }

    private static long entry(long root) {
        return FlatFormats.VALID.of(1) | FlatFormats.TABLE_ROOT.of(root);
    }

    /** Writes a device's entry and has the chip forget what it had. */
    private int change(Device device, long entry, Completion completion) {
        port.platform().memory().writeLongLe(table + (long) device.requester * Long.BYTES, entry);
        device.entry = entry;
        drop(device);
        return Answers.of(outcome(), completion);
    }

    private void drop(Device device) {
        long command = FlatFormats.INVALIDATE_DEVICE.of(device.requester);
        port.write(FlatFormats.INVALIDATE, command);
        if (listener != null) {
            listener.command(ByteBuffer.allocate(Long.BYTES).putLong(command).array());
        }
    }

    /** A command is what is written to the register that invalidates. */
    @Override
    public void tap(NativeCommandListener to) {
        listener = to;
    }

    /** The register reads as 0 when all is done; a chip that is not there reads as ones. */
    private Errno outcome() {
        return port.read(FlatFormats.INVALIDATE) == 0 ? Errno.OK : Errno.EIO;
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        if (request.selectsPasid()) {
            return Answers.noPasids(request, completion);
        }
        Domain target = books.find(domain);
        if (target == null) {
            return Answers.notOpen(domain, completion);
        }
        target.members().devices().forEach(this::drop);
        if (request.selectsRange()) {
            completion.widened(WIDER);
        }
        return 0;
    }

    @Override
    public int finish(Completion completion) {
        Errno outcome = outcome();
        return outcome == Errno.OK ? 0 : Answers.incomplete(outcome, completion);
    }

    /** The changes on the chip that the books ask for. */
    private final class Policy implements DomainPolicy<Domain, Device> {
        @Override
        public Domain open(int number, Completion completion) {
            return new Domain(new Members<>(number));
        }

        @Override
        public int close(Domain domain, Completion completion) {
            Errno outcome = Errno.OK;
            for (Device device : domain.members().devices()) {
                if (change(device, 0, completion) != 0) {
                    outcome = completion.errno();
                }
            }
            return Answers.of(outcome, completion);
        }

        @Override
        public Device device(Domain domain, int requester, Completion completion) {
            if (Integer.compareUnsigned(requester, FlatFormats.ENTRIES) >= 0) {
                completion.refuse(
                        Errno.EINVAL, "requester", Integer.toUnsignedLong(requester), "the chip has no such device");
                return null;
            }
            return new Device(requester);
        }

        @Override
        public int attach(Domain domain, Device device, long root, int levels, Completion completion) {
            if (root == BLOCKED) {
                return completion.done(Fidelity.EXACT);
            }
            if (levels != 1) {
                return completion.refuse(Errno.EINVAL, "levels", levels, "a table has one level");
            }
            if (!TableAddress.isPage(root, port.platform())) {
                return completion.refuse(Errno.EINVAL, "table", root, ROOT_WRONG);
            }
            return change(device, entry(root), completion);
        }

        @Override
        public int detach(Domain domain, Device device, Completion completion) {
            return change(device, 0, completion);
        }

        @Override
        public void saveDomain(Domain domain, SnapshotWriter out) {
            // A domain is its devices.
        }

        @Override
        public Domain loadDomain(int number, SnapshotReader in) {
            return new Domain(new Members<>(number));
        }

        @Override
        public void saveDevice(Domain domain, Device device, SnapshotWriter out) {
            out.putLong(device.entry);
        }

        @Override
        public Device loadDevice(Domain domain, int key, SnapshotReader in) {
            if (Integer.compareUnsigned(key, FlatFormats.ENTRIES) >= 0) {
                throw in.invalid("device " + Integer.toUnsignedString(key));
            }
            Device device = new Device(key);
            device.entry = in.getLong();
            return device;
        }
    }
}
