package org.iommu4j.amd.command;

import java.util.List;
import java.util.function.ToLongFunction;
import java.util.random.RandomGenerator;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Efr2;
import org.iommu4j.amd.command.AmdViRegisters.PciCapability;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.config.SettingRow;
import org.iommu4j.simulation.config.SettingTable;

/**
 * What a configuration of an AMD IOMMU can choose: its capability registers, and choices where the known readers of the
 * specification disagree; docs/spec/amd-vi.md 9 has the evidence for each default.
 */
public final class AmdViSettings {
    /** Names of the capability registers. */
    static final String CAPABILITY = PciCapability.REGISTER.name();

    static final String EFR = Efr.REGISTER.name();
    static final String EFR2 = Efr2.REGISTER.name();

    private static final SettingTable.Builder ROWS = SettingTable.of(
                    "AMD-Vi",
                    "efr",
                    AmdViGeneration.ALL.stream().mapToInt(Integer::intValue).toArray())
            .register(
                    CAPABILITY,
                    "cap",
                    PciCapability.REGISTER.layout(),
                    Integer.SIZE,
                    generation -> AmdViCapabilities.base(generation).header())
            .register(
                    EFR,
                    "efr",
                    Efr.REGISTER.layout(),
                    Long.SIZE,
                    generation -> AmdViCapabilities.base(generation).efr())
            .register(
                    EFR2,
                    "efr2",
                    Efr2.REGISTER.layout(),
                    Long.SIZE,
                    generation -> AmdViCapabilities.base(generation).efr2());

    static {
        // Abilities that change what software sees and that no generation of this release has. GASup can be announced,
        // since
        // captured guests see it; no interrupt is remapped, so that its log would stay empty.
        for (BitField field : List.of(
                Efr.XT_SUP,
                Efr.GAPPI_SUP,
                Efr.PC_SUP,
                Efr.SMIF_SUP,
                Efr.GAM_SUP,
                Efr.DUAL_PPR_LOG_SUP,
                Efr.DUAL_EVENT_LOG_SUP,
                Efr.SATS_SUP,
                Efr.MARC_SUP,
                Efr.BLK_STOP_MRK_SUP,
                Efr.PERF_OPT_SUP,
                Efr.MSI_CAP_MMIO_SUP,
                Efr.VIOMMU_SUP,
                Efr.VM_GUARD_IO_SUP,
                Efr.VM_TABLE_SIZE,
                Efr.FORCE_PHY_DEST_SUP,
                Efr2.SEV_SNP_IO_SUP,
                Efr2.TMPM_SUP,
                Efr2.GAPPI_DIS_SUP,
                Efr2.SNP_AVIC_SUP,
                Efr2.NUM_INT_REMAP_SUP)) {
            notModelled(field);
        }
        ROWS.field(PciCapability.ID).legal("0xf", (generation, value) -> value == PciCapability.SECURE_DEVICE);
        ROWS.field(PciCapability.TYPE).legal("3", (generation, value) -> value == PciCapability.IOMMU);
        ROWS.field(Efr.GATS).legal("0..2", (generation, value) -> value < 3);
        ROWS.field(Efr.GLX_SUP).legal("0..2", (generation, value) -> value < 3);
        ROWS.field(Efr.PAS_MAX).legal("0..19", (generation, value) -> value < 20);
        ROWS.field(Efr.GA_UPDATE_DIS_SUP).alias("V2HADDisSup");
        ROWS.vary(PciCapability.NP_CACHE, random -> random.nextInt(2));
        ROWS.vary(PciCapability.IOTLB_SUP, random -> random.nextInt(2));
        varyExtended(Efr.HATS, random -> random.nextInt(3));
        varyExtended(Efr.GLX_SUP, random -> random.nextInt(3));
        varyExtended(Efr.PAS_MAX, random -> 8L + random.nextInt(12));
        for (BitField flag : List.of(Efr.PREF_SUP, Efr.PPR_SUP, Efr.IA_SUP, Efr.HE_SUP, Efr.NX_SUP)) {
            varyExtended(flag, random -> random.nextInt(2));
        }
    }

    private static void notModelled(BitField field) {
        ROWS.field(field).legal("0; not modelled in this release", (generation, value) -> value == 0);
    }

    /** On generations with extended features only. */
    private static void varyExtended(BitField field, ToLongFunction<RandomGenerator> value) {
        ROWS.vary(field, generation -> generation != AmdViGeneration.V1, value);
    }

    /** Secure nested paging is on: no identity entry; the exclusion registers limit the stores of COMPLETION_WAIT. */
    public static final SettingRow SNP = ROWS.numberOption("snp", 1)
            .byDefault(generation -> generation == AmdViGeneration.SNP ? 1 : 0)
            .about(
                    "secure nested paging is on: no identity entry, exclusion registers limit stores of COMPLETION_WAIT");

    /** V=1, TV=0: three readers and two drivers take it for a denial, one old emulator lets requests pass. */
    public static final SettingRow TV0 =
            ROWS.choice("tv0", "block", "bypass").about("a device table entry with V=1, TV=0: S-TV0");

    /** Mode 7 or above HATS: RZ=0 of event 1 is defined as level encoding, and an entry has no other level field. */
    public static final SettingRow MODE7 = ROWS.choice("mode7", "illegal-entry", "page-fault")
            .about("event of a reserved paging mode: ILLEGAL_DEV_TABLE_ENTRY or IO_PAGE_FAULT: S-MODE7");

    /** DeviceID outside the table: the list of causes of a page fault names it. */
    public static final SettingRow RANGE = ROWS.choice("device-range", "page-fault", "illegal-entry")
            .about("event of a device outside the device table: S-RANGE");

    /** EventLogInt: set with every entry; some set it only where a message is sent. */
    public static final SettingRow EVENT_INT =
            ROWS.choice("event-int", "always", "if-enabled").about("when Status.EventLogInt is set: S-EVINT");

    /** Guest translations that INVALIDATE_IOMMU_PAGES with GN=0 drops: nested ones hold host translations. */
    public static final SettingRow GN0 = ROWS.choice("gn0", "all", "nested", "none")
            .about("guest translations of a domain that INVALIDATE_IOMMU_PAGES GN=0 drops: S-GN0");

    /** PASID bits above the GCR3 table: one reader says that they are ignored. */
    public static final SettingRow PASID_HIGH = ROWS.choice("pasid-high", "ignored", "fault")
            .about("PASID bits that no level of the GCR3 table looks at: S-PASIDHIGH");

    /** Which check of a step in a host table comes first. */
    public static final SettingRow ORDER = ROWS.choice("order", "permission-first", "level-first")
            .about("order of permission and level in a step of a host table: S-ORDER");

    /** A level-1 entry with next level 1 to 6: not legal, though some take it for a leaf. */
    public static final SettingRow LEVEL1 =
            ROWS.choice("level1", "fault", "leaf").about("a level-1 entry with next level 1 to 6: S-LEVEL1");

    /** Address bits of skipped levels. */
    public static final SettingRow SKIP =
            ROWS.choice("skip", "checked", "unchecked").about("address bits of skipped levels must be 0: S-SKIP");

    /** Whether an invalidation without PASID prefix reaches entries of a device that have one. */
    public static final SettingRow ATC_ALL = ROWS.choice("atc-all", "all", "untagged")
            .about(
                    "device TLB entries that INVALIDATE_IOTLB_PAGES GN=0 drops: with and without PASID, or without: S-ATCALL");

    /** How a failure of the host part of a nested walk is reported. */
    public static final SettingRow NESTED_EVENT = ROWS.choice("nested-event", "gpa", "gva")
            .about(
                    "event of the host part of a nested walk: guest physical address with GN=0, or virtual with GN=1: S-NESTEV");

    /** Whether an illegal command stops the command buffer. */
    public static final SettingRow HALT =
            ROWS.choice("halt", "stop", "go-on").about("what follows an illegal command: S-HALT");

    /** A request with PASID of a device without guest translation. */
    public static final SettingRow GV0 =
            ROWS.choice("gv0", "fault", "pasid-ignored").about("a request with PASID of a device with GV=0: S-GV0");

    /** Type of a hardware error where there is no memory. */
    public static final SettingRow HARDWARE_TYPE = ROWS.choice("hw-type", "master-abort", "by-cause")
            .about("Type of an access to absent memory: 1, or 2 for tables and 3 for commands: S-HWTYPE");

    /** Some parts cannot have host pages of 512 GiB, so that Linux never makes them. */
    public static final SettingRow LARGE_PAGE = ROWS.choice("page-512g", "translated", "fault")
            .about("a leaf of 512 GiB in a host table: translated, or a page fault with an illegal size: erratum B16");

    /** All that can be chosen. */
    public static final SettingTable TABLE = ROWS.build();

    private AmdViSettings() {}
}
