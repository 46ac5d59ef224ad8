package org.iommu4j.arm.translate;

import java.util.function.Function;
import java.util.function.Predicate;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.BindPasid;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuErrata;
import org.iommu4j.arm.table.ConfigurationRules;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.driver.bind.BindRules;
import org.iommu4j.layout.BitField;

/** Rules of binds, docs/contract.md, binds of SMMUv3; rows stand in the order of the contract. */
final class BindingRules {
    private final SmmuCapabilities chip;
    private final ConfigurationRules rules;
    private final BindRules<Domain> pasidTable;
    private final BindRules<Domain> pgtable;
    private final BindRules<Domain> pasid;

    /** Checks of binds for a chip. */
    BindingRules(SmmuCapabilities chip) {
        this.chip = chip;
        rules = new ConfigurationRules(chip);
        int pasidBits = HostContexts.pasidBits(chip);
        pasidTable = rulesOf(
                new BindRules<>(),
                BindPasidTable.TABLE_ROOT,
                BindPasidTable.REQUESTER,
                Stage::ofContextTable,
                "PASS_THROUGH has neither a table nor a TLB of the device",
                part -> !part.hasFlag(BindPasidTable.FLAG_PASS_THROUGH) || isEmpty(part));
        BindRules<Domain> ofTable = new BindRules<Domain>()
                .unsupported(
                        "stage 2 of the container is its memory map",
                        (part, domain) -> !hasStage2(part) || domain.memory() == null)
                .unsupported(
                        "the chip fails with both stages (E2, E4)",
                        (part, domain) -> !part.hasFlag(BindPasidTable.FLAG_NESTED) || SmmuErrata.canNest(chip))
                .row(
                        Rule.V34,
                        BindPageTable.MAIR,
                        "no context descriptors: a reserved bit or code",
                        (part, domain) ->
                                !part.hasFlag(BindPasidTable.FLAG_NESTED) || areContexts(part.get(BindPageTable.MAIR)));
        ofTable.unsupported(
                BindPageTable.FORCE_WRITE_BACK,
                "the chip would ignore it: IDR3.FWB=0",
                (part, domain) -> part.get(BindPageTable.FORCE_WRITE_BACK) == 0 || chip.has("FWB"));
        pgtable = rulesOfTable(ofTable);
        BindRules<Domain> ofPasid = new BindRules<Domain>()
                .unsupported(
                        BindPasid.PASID,
                        "the host's context descriptors have " + pasidBits + " bits of PASID",
                        (part, domain) -> pasidBits != 0 && part.get(BindPasid.PASID) >>> pasidBits == 0);
        pasid = rulesOfTable(ofPasid);
    }

    private BindRules<Domain> rulesOfTable(BindRules<Domain> first) {
        return rulesOf(
                first,
                BindPageTable.TABLE_ROOT,
                BindPageTable.REQUESTER,
                Stage::ofPageTable,
                "a field of the other stage is not zero",
                part -> hasStage2(part)
                        ? part.hasFlag(BindPasidTable.FLAG_NESTED)
                                ? !part.hasFlag(BindPasidTable.FLAG_STAGE_2)
                                : part.get(BindPageTable.MAIR) == 0
                        : part.get(BindPageTable.START_LEVEL) == 0
                                && part.get(BindPageTable.NO_ACCESS_FAULTS) == 0
                                && part.get(BindPageTable.UPDATE_ACCESS) == 0
                                && part.get(BindPageTable.UPDATE_DIRTY) == 0
                                && part.get(BindPageTable.NO_RECORDS) == 0
                                && part.get(BindPageTable.STALLS) == 0
                                && part.get(BindPageTable.FORCE_WRITE_BACK) == 0);
    }

    private static boolean hasStage2(BindPart part) {
        return part.hasFlag(BindPasidTable.FLAG_STAGE_2) || part.hasFlag(BindPasidTable.FLAG_NESTED);
    }

    private boolean areContexts(long word) {
        return (word & BindPageTable.CONTEXTS.reservedMask(0, chip.subVersion(), chip::has)) == 0
                && !BindPageTable.CONTEXT_FORMAT.isReservedValue(BindPageTable.CONTEXT_FORMAT.get(word))
                && !BindPageTable.CONTEXT_NO_PASID.isReservedValue(BindPageTable.CONTEXT_NO_PASID.get(word));
    }

    /** Of BIND_PASIDTBL. */
    BindRules<Domain> pasidTable() {
        return pasidTable;
    }

    /** Of BIND_PGTABLE. */
    BindRules<Domain> pgtable() {
        return pgtable;
    }

    /** Of BIND_PASID. */
    BindRules<Domain> pasid() {
        return pasid;
    }

    /**
     * Some rules, and those of every bind.
     *
     * @param conflict what is wrong if flags and vendor part do not agree
     */
    private BindRules<Domain> rulesOf(
            BindRules<Domain> first,
            BitField root,
            BitField requester,
            Function<BindPart, Stage> stage,
            String conflict,
            Predicate<BindPart> agrees) {
        return first.row(
                        Rule.V34,
                        root,
                        "the table is beyond the output address size",
                        (part, domain) -> part.get(root) >>> chip.outputBits() == 0)
                .unsupported(
                        "the chip has no address translation services",
                        (part, domain) -> !part.hasFlag(BindPasidTable.FLAG_DEVICE_TLB) || chip.has("ATS"))
                .unsupported(
                        "the chip has no page requests",
                        (part, domain) -> !part.hasFlag(BindPasidTable.FLAG_PAGE_REQUESTS) || chip.has("PRI"))
                .unsupported(
                        "the chip refuses such a table",
                        (part, domain) -> part.unbinds()
                                || isLegal(domain.placed(stage.apply(part)), part.flags(BindPasidTable.DEVICE_FLAGS)))
                .needs(BindPasidTable.FLAG_PAGE_REQUESTS, BindPasidTable.FLAG_DEVICE_TLB)
                .flags(Rule.V35, conflict, (part, domain) -> agrees.test(part))
                .attached(requester, (part, domain) -> domain.members().device(part.getInt(requester)) != null);
    }

    private static boolean isEmpty(BindPart part) {
        return part.get(BindPasidTable.TABLE_ROOT) == 0
                && part.get(BindPasidTable.PASID_BITS) == 0
                && part.get(BindPasidTable.FORMAT) == 0
                && part.get(BindPasidTable.NO_PASID) == 0
                && !part.hasFlag(BindPasidTable.FLAG_DEVICE_TLB);
    }

    /**
     * True if the chip takes the structures of a stage, IHI 0070 5.2 and 5.4.
     *
     * @param deviceFlags those of {@link BindPasidTable#DEVICE_FLAGS} that the device has
     */
    boolean isLegal(Stage stage, int deviceFlags) {
        long[] ste = stage.entry(deviceFlags);
        return rules.isLegalStream(ste)
                && (stage.kind() != Stage.Kind.PAGE_TABLE || rules.isLegalContext(ste, stage.cd(), false))
                && stage.pasidBits() <= chip.substreamIdBits();
    }
}
