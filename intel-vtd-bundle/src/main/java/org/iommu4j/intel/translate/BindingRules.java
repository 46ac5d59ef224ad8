package org.iommu4j.intel.translate;

import java.util.List;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.driver.bind.BindRules;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Rules of binds, docs/contract.md, VT-d's binds; rows stand in the order of the contract. */
final class BindingRules {
    /** Why a table is not bound twice with other options, VT-d 6.2.3.1. */
    static final String READ_OTHERWISE =
            "the table is bound with another width, EXTENDED_ACCESSED or ACCESSED_DIRTY: what is cached of it would differ";

    private static final int FIVE_LEVELS = 57;
    private static final int FOUR_LEVELS = 48;

    private final ChipPort chip;
    private final Supplier<List<Domain>> open;

    /** True if commands reach the TLBs of devices. */
    private final boolean reachesDevices;

    /** Code of the widest tables of the chip, which a pass-through names. */
    private final int widest;

    private final Rules pgtable;
    private final Rules pasid;

    /**
     * Rules of one operation.
     *
     * @param layout of its vendor part
     * @param pasidOf the PASID that it is about; {@link Device#NO_PASID} for requests without
     * @param always of every bind and its domain
     * @param binds of one that binds, and its domain
     * @param unbinds of one that unbinds, and its domain
     */
    record Rules(
            Layout layout,
            ToIntFunction<BindPart> pasidOf,
            BindRules<Domain> always,
            BindRules<Domain> binds,
            BindRules<Domain> unbinds) {}

    /**
     * Rules for one chip.
     *
     * @param reachesDevices true if commands reach the TLBs of devices
     * @param open all open domains of the chip
     */
    BindingRules(ChipPort chip, boolean reachesDevices, Supplier<List<Domain>> open) {
        this.chip = chip;
        this.open = open;
        this.reachesDevices = reachesDevices;
        widest = Agaw.widest(Cap.SAGAW.get(chip.cap()), Integer.MAX_VALUE);
        ToIntFunction<BindPart> none = part -> Device.NO_PASID;
        pgtable = new Rules(BindPgtable.LAYOUT, none, always(new BindRules<>()), binds(none), unbinds(none));
        ToIntFunction<BindPart> named = part -> part.getInt(BindPasid.PASID);
        BindRules<Domain> hasPasid = new BindRules<Domain>()
                .unsupported(
                        BindPasid.PASID,
                        "the chip has no such PASID, or none in legacy mode",
                        (part, domain) -> named.applyAsInt(part) >>> chip.pasidBits() == 0)
                .unsupported(
                        BindPasid.PASID,
                        "PASID 0 stands for requests without PASID, which BIND_PGTABLE binds",
                        (part, domain) -> named.applyAsInt(part) != Device.NO_PASID);
        pasid = new Rules(BindPasid.LAYOUT, named, always(hasPasid), binds(named), unbinds(named));
    }

    /** Of BIND_PGTABLE. */
    Rules pgtable() {
        return pgtable;
    }

    /** Of BIND_PASID. */
    Rules pasid() {
        return pasid;
    }

    /** The binding that a vendor part asks for in a domain. */
    Binding binding(BindPart part, Domain domain) {
        return Binding.of(part, widest).in(domain);
    }

    private BindRules<Domain> always(BindRules<Domain> rules) {
        return rules.row(
                        Rule.V34,
                        BindPgtable.TABLE_ROOT,
                        "the table is beyond the host address width",
                        (part, domain) -> chip.isTable(part.get(BindPgtable.TABLE_ROOT)))
                .flags(
                        Rule.V35,
                        "PASS_THROUGH and DEVICE_TLB exclude each other in legacy mode without a memory map",
                        (part, domain) -> chip.isScalable()
                                || domain.memory() != null
                                || !(passes(part) && part.hasFlag(BindPgtable.FLAG_DEVICE_TLB)))
                .flags(
                        Rule.V35,
                        "PASS_THROUGH has no stage",
                        (part, domain) -> !passes(part) || !(isFirstStage(part) || hasOption(part)))
                .flags(
                        Rule.V35,
                        "SUPERVISOR and EXTENDED_ACCESSED belong to FIRST_STAGE, ACCESSED_DIRTY to the second stage",
                        (part, domain) -> isFirstStage(part)
                                ? !part.hasFlag(BindPgtable.FLAG_ACCESSED_DIRTY)
                                : !part.hasFlag(BindPgtable.FLAG_SUPERVISOR)
                                        && !part.hasFlag(BindPgtable.FLAG_EXTENDED_ACCESSED))
                .needs(BindPgtable.FLAG_PAGE_REQUESTS, BindPgtable.FLAG_DEVICE_TLB)
                .needs(BindPgtable.FLAG_WRITE_PROTECT, BindPgtable.FLAG_SUPERVISOR)
                .row(
                        Rule.V35,
                        BindPgtable.TABLE_ROOT,
                        "PASS_THROUGH has no table",
                        (part, domain) -> !passes(part) || part.get(BindPgtable.TABLE_ROOT) == 0)
                .row(
                        Rule.V35,
                        BindPgtable.ADDRESS_WIDTH,
                        "PASS_THROUGH has no width, a table has one",
                        (part, domain) -> passes(part) == (part.get(BindPgtable.ADDRESS_WIDTH) == 0))
                .attached(BindPgtable.REQUESTER, (part, domain) -> device(part, domain) != null);
    }

    private BindRules<Domain> binds(ToIntFunction<BindPart> pasidOf) {
        return new BindRules<Domain>()
                .unsupported(
                        "the chip has no pass-through",
                        (part, domain) -> !passes(part) || domain.memory() != null || has(Ecap.PT))
                .unsupported(
                        "the chip cannot invalidate device TLBs",
                        (part, domain) ->
                                !part.hasFlag(BindPgtable.FLAG_DEVICE_TLB) || (has(Ecap.DT) && reachesDevices))
                .unsupported(
                        "the chip has no tables of that stage in this mode",
                        (part, domain) -> passes(part) || hasStage(isFirstStage(part)))
                .unsupported(
                        "over a memory map a table is one of the first stage, which needs ECAP.NEST",
                        (part, domain) ->
                                passes(part) || domain.memory() == null || (isFirstStage(part) && has(Ecap.NEST)))
                .unsupported(
                        "the chip does not have what a flag asks for: ECAP.SRS, EAFS, SSADS or PRS",
                        (part, domain) -> isMet(part, BindPgtable.FLAG_SUPERVISOR, Ecap.SRS)
                                && isMet(part, BindPgtable.FLAG_EXTENDED_ACCESSED, Ecap.EAFS)
                                && isMet(part, BindPgtable.FLAG_ACCESSED_DIRTY, Ecap.SSADS)
                                && isMet(part, BindPgtable.FLAG_PAGE_REQUESTS, Ecap.PRS))
                .unsupported(
                        BindPgtable.ADDRESS_WIDTH,
                        "the chip has no tables of that width",
                        (part, domain) -> passes(part) || hasWidth(part))
                .free(
                        null,
                        "other PASIDs of the device are bound with other values of DEVICE_TLB and PAGE_REQUESTS",
                        (part, domain) -> isWithOthers(part, device(part, domain), pasidOf.applyAsInt(part)))
                .free(
                        BindPgtable.TABLE_ROOT,
                        READ_OTHERWISE,
                        (part, domain) -> agrees(
                                binding(part, domain).translation(),
                                device(part, domain).stage(pasidOf.applyAsInt(part))));
    }

    /**
     * True if no table is bound twice, in whichever containers, to be read in two ways.
     *
     * @param before what the binding replaces, or null
     */
    boolean agrees(Translation translation, Stage before) {
        return open.get().stream()
                .flatMap(domain -> domain.stages().stream())
                .filter(stage -> stage != before || stage.users() > 1)
                .allMatch(stage -> stage.translation().agreesWith(translation));
    }

    private BindRules<Domain> unbinds(ToIntFunction<BindPart> pasidOf) {
        return new BindRules<Domain>()
                .row(
                        Rule.V35,
                        BindPgtable.TABLE_ROOT,
                        "the device is bound to something else",
                        (part, domain) -> !isBound(part, domain, pasidOf)
                                || binding(part, domain).isOf(device(part, domain), pasidOf.applyAsInt(part)))
                .bound(
                        BindPgtable.REQUESTER,
                        "nothing is bound for the device",
                        (part, domain) -> isBound(part, domain, pasidOf));
    }

    /** The device of a bind, which is in the domain. */
    static Device device(BindPart part, Domain domain) {
        return domain.members().device(part.getInt(BindPgtable.REQUESTER));
    }

    private static boolean isBound(BindPart part, Domain domain, ToIntFunction<BindPart> pasidOf) {
        return device(part, domain).isBound(pasidOf.applyAsInt(part));
    }

    /** True if the flags that are the device's suit its other PASIDs. */
    private boolean isWithOthers(BindPart part, Device device, int pasid) {
        return Binding.of(part, widest).flags() == device.flags()
                || device.byPasid().keySet().stream().allMatch(bound -> bound == pasid);
    }

    /** True if the chip has second-stage tables of a width. */
    boolean hasSecondStage(int aw) {
        return hasStage(false) && Agaw.isSupported(aw, Cap.SAGAW.get(chip.cap()));
    }

    private boolean hasStage(boolean first) {
        // Walks of the first stage set accessed flags, which needs page-walk snooping.
        return chip.isScalable() ? has(first ? Ecap.FSTS : Ecap.SSTS) && (!first || has(Ecap.SMPWCS)) : !first;
    }

    private boolean hasWidth(BindPart part) {
        int width = part.getInt(BindPgtable.ADDRESS_WIDTH);
        return isFirstStage(part)
                ? width == FOUR_LEVELS || (width == FIVE_LEVELS && Cap.FS5LP.isSet(chip.cap()))
                : hasSecondStage(Agaw.ofWidth(width));
    }

    private boolean isMet(BindPart part, BitField flag, BitField ability) {
        return !part.hasFlag(flag) || (chip.isScalable() && has(ability));
    }

    private boolean has(BitField ability) {
        return ability.isSet(chip.ecap());
    }

    private static boolean passes(BindPart part) {
        return part.hasFlag(BindPgtable.FLAG_PASS_THROUGH);
    }

    private static boolean isFirstStage(BindPart part) {
        return part.hasFlag(BindPgtable.FLAG_FIRST_STAGE);
    }

    private static boolean hasOption(BindPart part) {
        return BindPgtable.OPTIONS.stream().anyMatch(part::hasFlag);
    }
}
