package org.iommu4j.amd.translate;

import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.driver.bind.BindRules;
import org.iommu4j.driver.bind.TableAddress;
import org.iommu4j.layout.BitField;

/** Rules of the three binds, docs/contract.md, AMD-Vi's binds, in the order of the contract. */
final class BindingRules {
    private static final int GUEST_LEVELS = 4;
    private static final int PAGE_BYTES = 1 << 12;

    private final ChipPort chip;
    private final Rules pgtable;
    private final Rules pasidTable;
    private final Rules pasid;

    /**
     * Rules of one operation.
     *
     * @param always of every bind and its domain
     * @param binds of one that binds, with what the chip and the device have
     * @param unbinds of one that unbinds, with what is bound
     */
    record Rules(BindRules<Domain> always, BindRules<Device> binds, BindRules<Device> unbinds) {}

    BindingRules(ChipPort chip) {
        this.chip = chip;
        pgtable = pgtableRules();
        pasidTable = pasidTableRules();
        pasid = pasidRules();
    }

    /** Of BIND_PGTABLE. */
    Rules pgtable() {
        return pgtable;
    }

    /** Of BIND_PASIDTBL. */
    Rules pasidTable() {
        return pasidTable;
    }

    /** Of BIND_PASID. */
    Rules pasid() {
        return pasid;
    }

    private BindRules<Domain> common(BitField root) {
        return new BindRules<Domain>()
                .row(
                        Rule.V34,
                        root,
                        "the table is beyond the host address width",
                        (part, domain) -> isTable(part.get(root)));
    }

    private static BindRules<Domain> attached(BindRules<Domain> rules, BitField requester) {
        return rules.attached(requester, (part, domain) -> domain.members().device(part.getInt(requester)) != null);
    }

    /** True if a table may stand there. */
    boolean isTable(long address) {
        return TableAddress.isPage(address, chip.port().platform());
    }

    /** True if it is in a page where no table of a guest can be, so that the chip would read on in the host's pages. */
    boolean isOfHost(long page) {
        Platform platform = chip.port().platform();
        return platform.memory().contains(page, PAGE_BYTES)
                && !platform.guestTables().contains(page, PAGE_BYTES);
    }

    private Rules pgtableRules() {
        BindRules<Domain> always = common(BindPgtable.TABLE_ROOT)
                .row(
                        Rule.V35,
                        BindPgtable.TABLE_ROOT,
                        "PASS_THROUGH has no table",
                        (part, domain) -> !passes(part) || part.get(BindPgtable.TABLE_ROOT) == 0)
                .row(
                        Rule.V35,
                        BindPgtable.MODE,
                        "PASS_THROUGH has no levels, a table has some",
                        (part, domain) -> passes(part) == (part.get(BindPgtable.MODE) == 0))
                .needs(BindPgtable.FLAG_PAGE_REQUESTS, BindPgtable.FLAG_DEVICE_TLB);
        BindRules<Device> binds = new BindRules<Device>()
                .row(
                        Rule.V34,
                        BindPgtable.TABLE_ROOT,
                        "the table is the host's",
                        (part, device) -> passes(part) || !isOfHost(part.get(BindPgtable.TABLE_ROOT)))
                .unsupported(
                        "under secure nested paging every device needs a table",
                        (part, device) -> !(passes(part) && lacksHostTable(device)))
                .unsupported(
                        "the chip cannot invalidate device TLBs",
                        (part, device) -> !part.hasFlag(BindPgtable.FLAG_DEVICE_TLB) || chip.hasDeviceTlbs())
                .unsupported(
                        "the chip takes no page requests",
                        (part, device) -> !part.hasFlag(BindPgtable.FLAG_PAGE_REQUESTS) || chip.hasPageRequests())
                // docs/spec/amd-vi.md 1.3 H13: the memory map has the one stage of host tables.
                .unsupported(
                        BindPgtable.MODE,
                        "no host table can be above a memory map",
                        (part, device) -> passes(part) || !device.isMapped())
                .unsupported(
                        BindPgtable.MODE,
                        "the chip has no tables of so many levels",
                        (part, device) ->
                                part.getInt(BindPgtable.MODE) <= chip.unit().hostLevels())
                .free(BindPgtable.REQUESTER, "guest tables are bound above", (part, device) -> !device.hasGuest());
        BindRules<Device> unbinds = new BindRules<Device>()
                .row(
                        Rule.V35,
                        BindPgtable.TABLE_ROOT,
                        "the device is bound to something else",
                        (part, device) -> !device.hostBound() || isBound(part, device))
                .bound(BindPgtable.REQUESTER, "no table is bound for the device", (part, device) -> device.hostBound())
                .free(BindPgtable.REQUESTER, "guest tables are bound above", (part, device) -> !device.hasGuest());
        return new Rules(attached(always, BindPgtable.REQUESTER), binds, unbinds);
    }

    private Rules pasidTableRules() {
        BindRules<Device> binds = new BindRules<Device>()
                .row(
                        Rule.V34,
                        BindPasidTable.TABLE_ROOT,
                        "the table is the host's",
                        (part, device) -> (isGuestRoot(part) && device.hasHostTable())
                                || !isOfHost(part.get(BindPasidTable.TABLE_ROOT)))
                // docs/spec/amd-vi.md 1.3 H16: nobody makes a copy of the guest's table that has the host's addresses.
                .unsupported(
                        BindPasidTable.GUEST_ROOT,
                        "the chip takes no guest addresses of GCR3 tables",
                        (part, device) -> !isGuestRoot(part) || chip.hasGuestRoots())
                .unsupported(
                        BindPasidTable.GUEST_ROOT,
                        "in GCR3TRPMode the chip reads a GCR3 table through the host table below",
                        (part, device) -> isGuestRoot(part) || !chip.hasGuestRoots() || !device.hasHostTable())
                .unsupported(
                        BindPasidTable.GUEST_ROOT,
                        "before GCR3TRPMode the chip reads a GCR3 table beside the memory map",
                        (part, device) -> chip.hasGuestRoots() || !device.isMapped())
                .unsupported(
                        BindPasidTable.GLX,
                        "the chip has no GCR3 tables of so many levels",
                        (part, device) -> part.getInt(BindPasidTable.GLX)
                                <= Efr.GLX_SUP.getInt(chip.unit().efr()))
                .unsupported(
                        BindPasidTable.GUEST_PAGING_MODE,
                        "the chip has no guest tables of so many levels",
                        (part, device) -> GUEST_LEVELS + part.getInt(BindPasidTable.GUEST_PAGING_MODE)
                                <= chip.unit().guestLevels())
                .unsupported(
                        BindPasidTable.GIOV,
                        "the chip has no guest tables for requests without PASID",
                        (part, device) -> part.get(BindPasidTable.GIOV) == 0 || chip.translatesWithoutPasid())
                .row(
                        null,
                        Errno.EOPNOTSUPP,
                        BindPasidTable.GIOV,
                        "requests without PASID need a table below, PASS_THROUGH or GIOV",
                        (part, device) ->
                                device.hostBound() || (part.get(BindPasidTable.GIOV) != 0 && !lacksHostTable(device)))
                .free(BindPasidTable.REQUESTER, "single PASIDs are bound", (part, device) -> device.pasids() == null);
        BindRules<Device> unbinds = new BindRules<Device>()
                .row(
                        Rule.V35,
                        BindPasidTable.TABLE_ROOT,
                        "the device is bound to another table",
                        (part, device) -> !device.hasOpenPasids()
                                || device.stage().context().gcr3Root() == part.get(BindPasidTable.TABLE_ROOT))
                .bound(
                        BindPasidTable.REQUESTER,
                        "no GCR3 table is bound for the device",
                        (part, device) -> device.hasOpenPasids());
        return new Rules(attached(common(BindPasidTable.TABLE_ROOT), BindPasidTable.REQUESTER), binds, unbinds);
    }

    private Rules pasidRules() {
        BindRules<Domain> always = common(BindPasid.TABLE_ROOT)
                .row(
                        Rule.V34,
                        BindPasid.PASID,
                        "the chip has no such PASID",
                        (part, domain) -> part.getInt(BindPasid.PASID) >>> PasidTable.bitsOn(chip.unit()) == 0);
        BindRules<Device> binds = new BindRules<Device>()
                // AMD-Vi 2.2.6: the bit says of all devices that their GCR3 tables are the guests'.
                .unsupported(
                        BindPasid.REQUESTER,
                        "in GCR3TRPMode the host can have no GCR3 tables",
                        (part, device) -> !chip.hasGuestRoots())
                .unsupported(
                        BindPasid.LEVELS,
                        "the chip has no guest tables of so many levels",
                        (part, device) ->
                                part.getInt(BindPasid.LEVELS) <= chip.unit().guestLevels())
                .row(
                        null,
                        Errno.EOPNOTSUPP,
                        BindPasid.REQUESTER,
                        "requests without PASID need a table below, PASS_THROUGH, or a chip that gives them PASID 0",
                        (part, device) ->
                                device.hostBound() || (chip.translatesWithoutPasid() && !lacksHostTable(device)))
                .free(
                        BindPasid.REQUESTER,
                        "the guest has bound a GCR3 table of its own",
                        (part, device) -> !device.hasOpenPasids())
                .free(
                        BindPasid.LEVELS,
                        "the device has guest tables of other levels",
                        (part, device) -> device.pasids() == null
                                || GUEST_LEVELS + device.pasids().guestPagingMode() == part.getInt(BindPasid.LEVELS));
        BindRules<Device> unbinds = new BindRules<Device>()
                .row(
                        Rule.V35,
                        BindPasid.TABLE_ROOT,
                        "the PASID is bound to another table",
                        (part, device) -> !isPasidBound(part, device)
                                || device.pasids().table(part.getInt(BindPasid.PASID))
                                        == part.get(BindPasid.TABLE_ROOT))
                .bound(BindPasid.PASID, "the PASID is not bound", (part, device) -> isPasidBound(part, device));
        return new Rules(attached(always, BindPasid.REQUESTER), binds, unbinds);
    }

    private static boolean passes(BindPart part) {
        return part.hasFlag(BindPgtable.FLAG_PASS_THROUGH);
    }

    private static boolean isGuestRoot(BindPart part) {
        return part.get(BindPasidTable.GUEST_ROOT) != 0;
    }

    private static boolean isPasidBound(BindPart part, Device device) {
        return device.pasids() != null && device.pasids().table(part.getInt(BindPasid.PASID)) != null;
    }

    /** True if a device needs a host table, as all do under secure nested paging, and nothing is below what is to be bound. */
    private boolean lacksHostTable(Device device) {
        return chip.needsHostTable() && !device.isMapped();
    }

    /** Rules of a bind of a host table, or of pass-through. */
    static Context context(BindPart part, Device device) {
        return passes(part)
                ? device.placed(Context.PASS_THROUGH)
                : Context.ofHost(part.get(BindPgtable.TABLE_ROOT), part.getInt(BindPgtable.MODE));
    }

    private static boolean isBound(BindPart part, Device device) {
        return device.stage().context().withoutGuest().equals(context(part, device))
                && device.flags() == part.flags(BindPgtable.DEVICE_FLAGS)
                && device.guestDomainBelow() == part.getInt(BindPgtable.GUEST_DOMAIN_ID);
    }
}
