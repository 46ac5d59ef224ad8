package org.iommu4j.s390.translate;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.driver.bind.BindRules;
import org.iommu4j.driver.bind.TableAddress;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainPolicy;
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.s390.command.FunctionControl;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.Status;
import org.iommu4j.s390.command.ZpciGeneration;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.s390.table.TableLevel;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The registrations of a machine's functions. A function is in the books under its index; its handle changes with every
 * life.
 */
final class Bindings implements DomainPolicy<Domain, Device> {
    private static final int FUNCTIONS = 1 << 16;
    private static final long PAGE_OFFSET = (1 << 12) - 1;

    private final Platform platform;
    private final Instructions instructions;
    private final MappedRanges mappedRanges;

    /** Rules of every bind, about its domain. */
    private final BindRules<Domain> always;

    /** Further rules of a bind that binds, about the function's attributes. */
    private final BindRules<FunctionAttributes> binds = new BindRules<FunctionAttributes>()
            .unsupported(
                    BindPgtable.IOTA,
                    "the function always translates: T must be 1",
                    (part, attributes) -> attributes.relaxed() || Iota.T.isSet(part.get(BindPgtable.IOTA)))
            .unsupported(
                    BindPgtable.IOTA,
                    "the function takes no tables of that type",
                    (part, attributes) -> !Iota.T.isSet(part.get(BindPgtable.IOTA))
                            || attributes.supportsType(Iota.DT.getInt(part.get(BindPgtable.IOTA))))
            .row(
                    Rule.V35,
                    BindPgtable.PBA,
                    "the aperture begins below the function's addresses",
                    (part, attributes) -> Long.compareUnsigned(part.get(BindPgtable.PBA), attributes.sdma()) >= 0)
            .row(
                    Rule.V35,
                    BindPgtable.PAL,
                    "the aperture ends above the function's addresses",
                    (part, attributes) -> Long.compareUnsigned(part.get(BindPgtable.PAL), attributes.edma()) <= 0);

    /** Further rules of a bind that unbinds, about the registration. */
    private final BindRules<Device> unbinds = new BindRules<Device>()
            .row(
                    Rule.V35,
                    BindPgtable.IOTA,
                    "the function is bound to something else",
                    (part, device) -> device.registration() == null
                            || device.registration().equals(Registration.of(part)))
            .bound(
                    BindPgtable.REQUESTER,
                    "nothing is bound for the function",
                    (part, device) -> device.registration() != null);

    Bindings(int subVersion, Platform platform, Instructions instructions, MappedRanges mappedRanges) {
        this.platform = platform;
        this.instructions = instructions;
        this.mappedRanges = mappedRanges;
        long reserved = Iota.LAYOUT.reservedMask(0) | Iota.FS.mask();
        boolean relaxed = subVersion >= ZpciGeneration.RELAXED;
        always = new BindRules<Domain>()
                .row(
                        Rule.V34,
                        BindPgtable.IOTA,
                        "a reserved bit, the key or FS is set",
                        (part, domain) -> (part.get(BindPgtable.IOTA) & reserved) == 0)
                .row(
                        Rule.V34,
                        BindPgtable.IOTA,
                        "without translation there is no table",
                        (part, domain) -> !relaxed || hasTableOnlyIfItTranslates(part.get(BindPgtable.IOTA)))
                .row(
                        Rule.V34,
                        BindPgtable.PAL,
                        "the last address ends no page of 4096 bytes",
                        (part, domain) -> (part.get(BindPgtable.PAL) & PAGE_OFFSET) == PAGE_OFFSET)
                .row(
                        Rule.V34,
                        BindPgtable.IOTA,
                        "the table is beyond the host address width",
                        (part, domain) -> TableAddress.isPage(Iota.ORIGIN.get(part.get(BindPgtable.IOTA)), platform))
                .row(
                        Rule.V35,
                        BindPgtable.PAL,
                        "the aperture ends before it begins",
                        (part, domain) ->
                                Long.compareUnsigned(part.get(BindPgtable.PBA), part.get(BindPgtable.PAL)) <= 0)
                .attached(BindPgtable.REQUESTER, (part, domain) -> deviceOf(part, domain) != null);
    }

    private static boolean hasTableOnlyIfItTranslates(long iota) {
        return Iota.T.isSet(iota) || (iota & ~Iota.P.mask()) == 0;
    }

    private static Device deviceOf(BindPart part, Domain domain) {
        return domain.members().device(FunctionHandle.indexOf(part.getInt(BindPgtable.REQUESTER)));
    }

    // ---- domains and functions

    @Override
    public Domain open(int number, Completion completion) {
        return new Domain(number);
    }

    @Override
    public int close(Domain domain, Completion completion) {
        boolean blocked = true;
        for (Device device : domain.members().devices()) {
            blocked &= block(device);
        }
        return Answers.of(blocked ? Errno.OK : Errno.EIO, completion);
    }

    @Override
    public int key(int requester) {
        return FunctionHandle.indexOf(requester);
    }

    @Override
    public Device device(Domain domain, int requester, Completion completion) {
        try {
            int index = FunctionHandle.indexOf(requester);
            long[] entry = instructions.find(index);
            if (entry == null || !Clp.ListEntry.CONFIGURED.isSet(entry[Clp.ListEntry.CONFIGURED.word()])) {
                Answers.refuseDevice(
                        requester, Errno.ENODEV, "the machine has no such function configured", completion);
                return null;
            }
            Device device = new Device(index, (int) Clp.ListEntry.FH.get(entry));
            device.enabled(FunctionHandle.isEnabled(device.handle()), device.handle());
            if (!block(device)) {
                Answers.incomplete(Errno.EIO, completion);
                return null;
            }
            return device;
        } catch (BackendException e) {
            completion.fail(e.errno(), e.getMessage());
            return null;
        }
    }

    /** With a table it is registered for all of the function's addresses that the table reaches. */
    @Override
    public int attach(Domain domain, Device device, long table, int levels, Completion completion) {
        if (table == BLOCKED) {
            return completion.done(Fidelity.EXACT);
        }
        try {
            FunctionAttributes attributes = FunctionAttributes.of(instructions, device.handle());
            int type = levels - 2;
            if (type < 0 || type > TableLevel.MAX_TYPE || !attributes.supportsType(type)) {
                return completion.refuse(
                        Errno.EINVAL, "levels", levels, "the function takes no tables of so many levels");
            }
            if ((table & ~Iota.ORIGIN.mask()) != 0 || !TableAddress.isPage(table, platform)) {
                return completion.refuse(
                        Errno.EINVAL, "table", table, "not aligned to 16 KiB below the host address width");
            }
            long reach = TableLevel.lastAddress(type);
            if (Long.compareUnsigned(attributes.sdma(), reach) > 0) {
                return completion.refuse(
                        Errno.EINVAL, "levels", levels, "the table reaches no address of the function");
            }
            long pba = attributes.sdma() & ~PAGE_OFFSET;
            long pal = (Long.compareUnsigned(attributes.edma(), reach) < 0 ? attributes.edma() : reach) | PAGE_OFFSET;
            return register(domain, device, new Registration(Iota.of(table, type), pba, pal), attributes, completion);
        } catch (BackendException e) {
            return completion.fail(e.errno(), e.getMessage());
        }
    }

    @Override
    public int detach(Domain domain, Device device, Completion completion) {
        return unbind(domain, device, completion);
    }

    // ---- bindings

    /** Binds or unbinds a function of a domain. */
    int bind(Domain domain, BindRequest request, Completion completion) {
        BindPart part = new BindPart(request, BindPgtable.LAYOUT);
        int refused = always.check(part, domain, completion);
        if (refused != 0) {
            return refused;
        }
        Device device = deviceOf(part, domain);
        if (part.unbinds()) {
            refused = unbinds.check(part, device, completion);
            return refused != 0 ? refused : unbind(domain, device, completion);
        }
        try {
            FunctionAttributes attributes = FunctionAttributes.of(instructions, device.handle());
            refused = binds.check(part, attributes, completion);
            return refused != 0 ? refused : register(domain, device, Registration.of(part), attributes, completion);
        } catch (BackendException e) {
            return completion.fail(e.errno(), e.getMessage());
        }
    }

    private int register(
            Domain domain,
            Device device,
            Registration registration,
            FunctionAttributes attributes,
            Completion completion) {
        Errno outcome = replace(device, registration, attributes.refresh());
        domain.rebuild();
        return Answers.of(outcome, completion);
    }

    /** Registers in place of what is registered, which comes back if the new one fails. */
    private Errno replace(Device device, Registration next, boolean announce) {
        Registration before = device.registration();
        if (!device.enabled() && !enable(device)) {
            return Errno.EIO;
        }
        Errno outcome = register(device, next, announce);
        if (outcome != Errno.OK) {
            if (before == null || register(device, before, announce) != Errno.OK) {
                block(device);
            }
        }
        return outcome;
    }

    private Errno register(Device device, Registration next, boolean announce) {
        if (device.registration() != null) {
            int gone = instructions.modify(device.handle(), FunctionControl.UNREGISTER_IOAT, null);
            device.register(null);
            if (gone != Instructions.DONE && !restart(device)) {
                return Errno.EIO;
            }
        }
        int status = instructions.modify(device.handle(), FunctionControl.REGISTER_IOAT, next);
        if (status == Status.NOT_AVAILABLE && restart(device)) {
            // The function had run into an error: disabled and enabled it is as new.
            status = instructions.modify(device.handle(), FunctionControl.REGISTER_IOAT, next);
        }
        if (status != Instructions.DONE) {
            return Instructions.errno(status);
        }
        device.register(next);
        if (!announce) {
            return Errno.OK;
        }
        int announced = mappedRanges.forEach(
                next, (first, last) -> instructions.refresh(device.handle(), first, last - first + 1));
        return Instructions.isShort(announced) ? Errno.ENOMEM : Instructions.errno(announced);
    }

    private int unbind(Domain domain, Device device, Completion completion) {
        boolean blocked = block(device);
        domain.rebuild();
        return Answers.of(blocked ? Errno.OK : Errno.EIO, completion);
    }

    private boolean enable(Device device) {
        int handle = instructions.setFunction(device.handle(), Clp.ENABLE);
        if (handle != 0) {
            device.enabled(true, handle);
        }
        return handle != 0;
    }

    /** Disables a function: nothing of it is registered or cached any more, and its handle is worthless. */
    private boolean block(Device device) {
        if (!device.enabled()) {
            return true;
        }
        if (device.registration() != null) {
            // If this fails, disabling the function unregisters it.
            instructions.modify(device.handle(), FunctionControl.UNREGISTER_IOAT, null);
        }
        int handle = instructions.setFunction(device.handle(), Clp.DISABLE);
        if (handle != 0) {
            device.enabled(false, handle);
            device.register(null);
        }
        return handle != 0;
    }

    private boolean restart(Device device) {
        return block(device) && enable(device);
    }

    // ---- state

    @Override
    public void saveDomain(Domain domain, SnapshotWriter out) {
        // A domain has no state besides its functions.
    }

    @Override
    public Domain loadDomain(int number, SnapshotReader in) {
        return new Domain(number);
    }

    @Override
    public void saveDevice(Domain domain, Device device, SnapshotWriter out) {
        Registration registration = device.registration();
        out.putInt(device.handle()).putBoolean(device.enabled()).putBoolean(registration != null);
        out.putLong(registration == null ? 0 : registration.iota());
        out.putLong(registration == null ? 0 : registration.pba());
        out.putLong(registration == null ? 0 : registration.pal());
    }

    @Override
    public Device loadDevice(Domain domain, int key, SnapshotReader in) {
        int handle = in.getInt();
        boolean enabled = in.getBoolean();
        boolean bound = in.getBoolean();
        Registration registration = new Registration(in.getLong(), in.getLong(), in.getLong());
        if (key < 0
                || key >= FUNCTIONS
                || FunctionHandle.indexOf(handle) != key
                || FunctionHandle.isEnabled(handle) != enabled
                || (bound && !enabled)) {
            throw in.invalid("function " + key + " with handle 0x" + Integer.toHexString(handle));
        }
        Device device = new Device(key, handle);
        device.enabled(enabled, handle);
        if (bound) {
            device.register(registration);
        }
        return device;
    }
}
