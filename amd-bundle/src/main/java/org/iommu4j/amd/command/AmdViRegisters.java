package org.iommu4j.amd.command;

import static org.iommu4j.layout.Access.READ_ONLY;
import static org.iommu4j.layout.Access.READ_WRITE;
import static org.iommu4j.layout.Access.WRITE_ONE_CLEARS;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.reset;
import static org.iommu4j.layout.FieldOption.when;
import static org.iommu4j.layout.FieldOption.whileClear;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;

/**
 * The registers of a unit, 48882 3.4, each declared once: place, section, fields and what software may do with them; a field
 * with a capability is reserved without it. {@link UnitRegisters} says which a unit has. What software reaches through PCI
 * configuration space stands behind the 16 KiB of memory-mapped registers, from {@link #CONFIGURATION_SPACE} on.
 */
public final class AmdViRegisters {
    /** Offset at which this model shows the unit's capability blocks of PCI configuration space. */
    static final int CONFIGURATION_SPACE = 0x4000;

    /** Device table base address register. */
    public static final class DevTabBase {
        private static final Register.Builder BASE =
                register("DevTabBase", 0x0000, "3.4.1").each(READ_WRITE);
        public static final BitField SIZE = BASE.bits("Size", 8, 0, about("4 KiB units, less 1"));
        public static final BitField BASE_ADDRESS = BASE.address("DevTabBase", 51, 12, about("device table"));

        public static final Register REGISTER = BASE.build();
    }

    /** Device table segment base address registers 1 to 7; with EFR.DevTblSegSup. */
    public static final class DevTabSegment {
        /** Most segments besides the first. */
        public static final int COUNT = 7;

        private static final Register.Builder SEGMENT =
                register("DevTabSeg1Base", 0x0100, "3.4.1").each(READ_WRITE);
        public static final BitField SIZE = SEGMENT.bits("Size", 7, 0, about("4 KiB units, less 1"));
        public static final BitField BASE_ADDRESS = SEGMENT.address("DevTabBase", 51, 12, about("device table"));

        private static final Register FIRST = SEGMENT.build();

        /** The register of a segment, 1 to {@link #COUNT}. */
        public static Register of(int segment) {
            return FIRST.at("DevTabSeg" + segment + "Base", FIRST.offset() + (segment - 1) * FIRST.widthBytes());
        }
    }

    /** Control register. */
    public static final class Control {
        private static final Register.Builder CONTROL =
                register("Control", 0x0018, "3.4.4").each(READ_WRITE);
        public static final BitField IOMMU_EN = CONTROL.bit("IommuEn", 0, about("translate"));
        public static final BitField HT_TUN_EN = CONTROL.bit("HtTunEn", 1, about("HyperTransport tunnel"));
        public static final BitField EVENT_LOG_EN = CONTROL.bit("EventLogEn", 2, about("log events"));
        public static final BitField EVENT_INT_EN = CONTROL.bit("EventIntEn", 3, about("message for events"));
        public static final BitField COM_WAIT_INT_EN =
                CONTROL.bit("ComWaitIntEn", 4, about("message for completion waits"));
        public static final BitField INV_TIME_OUT =
                CONTROL.bits("InvTimeOut", 7, 5, about("0 none, 1 1 ms, then tenfold to 6 100 s"));

        /** {@link #INV_TIME_OUT}: a device whose answer takes longer than a second does not answer. */
        public static final int ONE_SECOND = 4;

        public static final BitField PASS_PW = CONTROL.bit("PassPW", 8, about("pass posted writes"));
        public static final BitField RES_PASS_PW = CONTROL.bit("ResPassPW", 9, about("responses pass posted writes"));
        public static final BitField COHERENT = CONTROL.bit("Coherent", 10, about("device table reads snoop"));
        public static final BitField ISOC = CONTROL.bit("Isoc", 11, about("isochronous"));
        public static final BitField CMD_BUF_EN = CONTROL.bit("CmdBufEn", 12, about("fetch commands"));
        public static final BitField PPR_LOG_EN =
                CONTROL.bit("PPRLogEn", 13, when("PPRSup"), about("log page requests"));
        public static final BitField PPR_INT_EN =
                CONTROL.bit("PPRIntEn", 14, when("PPRSup"), about("message for page requests"));
        public static final BitField PPR_EN = CONTROL.bit("PPREn", 15, when("PPRSup"), about("accept page requests"));
        public static final BitField GT_EN = CONTROL.bit("GTEn", 16, when("GTSup"), about("guest translation"));
        public static final BitField GA_EN = CONTROL.bit("GAEn", 17, when("GASup"), about("guest virtual APIC"));
        public static final BitField DEV_TBL_SEG_EN =
                CONTROL.bits("DevTblSegEn", 36, 34, about("log2 of the number of device tables"));
        public static final BitField PPR_AUTO_RSP_EN = CONTROL.bit(
                "PPRAutoRspEn", 39, when("PPRAutoRspSup"), about("answer page requests while the log is full"));
        public static final BitField PPR_AUTO_RSP_AON =
                CONTROL.bit("PPRAutoRspAon", 42, when("PPRAutoRspSup"), about("answer every page request"));
        public static final BitField EPH_EN = CONTROL.bit("EPHEn", 45, when("EPHSup"), about("DTE.PPR and GPRP count"));
        public static final BitField HAD_UPDATE =
                CONTROL.bits("HADUpdate", 47, 46, when("HASup"), about("no effect here"));
        public static final BitField GD_UPDATE_DIS =
                CONTROL.bit("GDUpdateDis", 48, when("V2HDDisSup"), about("no dirty bit in guest tables"));
        public static final BitField XT_EN = CONTROL.bit("XTEn", 50, when("XTSup"), about("x2APIC"));
        public static final BitField INT_CAP_XT_EN =
                CONTROL.bit("IntCapXTEn", 51, when("XTSup"), about("own interrupts"));
        public static final BitField GA_UPDATE_DIS =
                CONTROL.bit("GAUpdateDis", 54, when("GAUpdateDisSup"), about("no accessed bit in guest tables"));
        public static final BitField GCR3_TRP_MODE = CONTROL.bit(
                "GCR3TRPMode", 58, when("GCR3TRPModeSup"), about("GCR3 roots are guest physical addresses"));
        public static final BitField IRT_CACHE_DIS =
                CONTROL.bit("IrtCacheDis", 59, about("do not keep interrupt entries"));

        public static final Register REGISTER = CONTROL.build();
    }

    /** Status register: causes that a written 1 clears beside the states of the rings. */
    public static final class Status {
        private static final Register.Builder STATUS = register("Status", 0x2020, "3.4.16");
        public static final BitField EVENT_OVERFLOW =
                STATUS.bit("EventOverflow", 0, WRITE_ONE_CLEARS, about("an event was lost"));
        public static final BitField EVENT_LOG_INT =
                STATUS.bit("EventLogInt", 1, WRITE_ONE_CLEARS, about("an event was logged"));
        public static final BitField COM_WAIT_INT =
                STATUS.bit("ComWaitInt", 2, WRITE_ONE_CLEARS, about("a completion wait with I is done"));
        public static final BitField EVENT_LOG_RUN =
                STATUS.bit("EventLogRun", 3, READ_ONLY, about("events are logged"));
        public static final BitField CMD_BUF_RUN = STATUS.bit("CmdBufRun", 4, READ_ONLY, about("commands are fetched"));
        public static final BitField PPR_OVERFLOW =
                STATUS.bit("PprOverflow", 5, WRITE_ONE_CLEARS, about("a page request was lost"));
        public static final BitField PPR_INT =
                STATUS.bit("PprInt", 6, WRITE_ONE_CLEARS, about("a page request was logged"));
        public static final BitField PPR_LOG_RUN =
                STATUS.bit("PprLogRun", 7, READ_ONLY, about("page requests are logged"));
        public static final BitField GA_LOG_RUN = STATUS.bit("GALogRun", 8, READ_ONLY, about("not modelled"));
        public static final BitField GA_LOG_OVERFLOW =
                STATUS.bit("GALogOverflow", 9, WRITE_ONE_CLEARS, about("not modelled"));
        public static final BitField GA_INT = STATUS.bit("GAInt", 10, WRITE_ONE_CLEARS, about("not modelled"));
        public static final BitField PPR_OVERFLOW_B =
                STATUS.bit("PprOverflowB", 11, WRITE_ONE_CLEARS, about("not modelled"));
        public static final BitField PPR_LOG_ACTIVE = STATUS.bit("PprLogActive", 12, READ_ONLY, about("not modelled"));
        public static final BitField EVENT_OVERFLOW_B =
                STATUS.bit("EventOverflowB", 15, WRITE_ONE_CLEARS, about("not modelled"));
        public static final BitField EVENT_LOG_ACTIVE =
                STATUS.bit("EventLogActive", 16, READ_ONLY, about("not modelled"));
        public static final BitField PPR_OVERFLOW_EARLY_B =
                STATUS.bit("PprOverflowEarlyB", 17, WRITE_ONE_CLEARS, about("not modelled"));
        public static final BitField PPR_OVERFLOW_EARLY =
                STATUS.bit("PprOverflowEarly", 18, WRITE_ONE_CLEARS, about("the PPR log is nearly full"));

        public static final Register REGISTER = STATUS.build();
    }

    /**
     * The three registers of a ring in memory.
     *
     * @param base where it is and how long: writing it empties the ring; locked while the ring runs
     * @param head next entry to be read
     * @param tail next entry to be written
     */
    public record Ring(Register base, Register head, Register tail) {}

    /** Rings: command buffer, event log, PPR log; the fields are those of all three. */
    public static final class Rings {
        /** log2 of the smallest number of entries; smaller ones are reserved. */
        public static final int LEAST_LENGTH = 8;

        private static final Register.Builder BASE = register("CmdBufBase", 0x0008, "3.4.2")
                .each(READ_WRITE, whileClear(Status.REGISTER, Status.CMD_BUF_RUN));
        public static final BitField BASE_ADDRESS = BASE.address("Base", 51, 12, about("first entry"));

        /** log2 of the number of entries. */
        public static final BitField LENGTH = BASE.bits("Length", 59, 56, reset(LEAST_LENGTH), about("2^n entries"));

        private static final Register.Builder HEAD = register("CmdBufHead", 0x2000, "3.4.15")
                .each(READ_WRITE, whileClear(Status.REGISTER, Status.CMD_BUF_RUN));
        public static final BitField HEAD_OFFSET = HEAD.address("Head", 18, 4, about("next entry to be read"));

        private static final Register.Builder TAIL =
                register("CmdBufTail", 0x2008, "3.4.15").each(READ_WRITE);
        public static final BitField TAIL_OFFSET = TAIL.address("Tail", 18, 4, about("next entry to be written"));

        /** The command buffer: software writes at the tail. */
        public static final Ring COMMAND_BUFFER = new Ring(BASE.build(), HEAD.build(), TAIL.build());

        /** The event log: software reads at the head. */
        public static final Ring EVENT_LOG = log("EventLog", 0x0010, 0x2010, "3.4.3", Status.EVENT_LOG_RUN);

        /** The PPR log; with EFR.PPRSup. */
        public static final Ring PPR_LOG = log("PprLog", 0x0038, 0x2030, "3.4.8", Status.PPR_LOG_RUN);

        private static Ring log(String name, int base, int head, String section, BitField run) {
            Register.Builder baseRow =
                    register(name + "Base", base, section).each(READ_WRITE, whileClear(Status.REGISTER, run));
            baseRow.address(BASE_ADDRESS.name(), 51, 12, about(BASE_ADDRESS.about()));
            baseRow.bits(LENGTH.name(), 59, 56, reset(LEAST_LENGTH), about(LENGTH.about()));
            Register.Builder headRow = register(name + "Head", head, "3.4.15").each(READ_WRITE);
            headRow.address(HEAD_OFFSET.name(), 18, 4, about(HEAD_OFFSET.about()));
            Register.Builder tailRow = register(name + "Tail", head + Long.BYTES, "3.4.15")
                    .each(READ_WRITE, whileClear(Status.REGISTER, run));
            tailRow.address(TAIL_OFFSET.name(), 18, 4, about(TAIL_OFFSET.about()));
            return new Ring(baseRow.build(), headRow.build(), tailRow.build());
        }
    }

    /** Exclusion range; under secure nested paging the range that COMPLETION_WAIT may store to. */
    public static final class Exclusion {
        private static final Register.Builder BASE =
                register("ExclBase", 0x0020, "3.4.5").each(READ_WRITE);
        public static final BitField EX_EN = BASE.bit("ExEn", 0, about("the range counts"));
        public static final BitField ALLOW = BASE.bit("Allow", 1, about("for all devices, not only those with DTE.EX"));
        public static final BitField BASE_ADDRESS = BASE.address("ExclBase", 51, 12, about("first page"));

        public static final Register BASE_REGISTER = BASE.build();

        private static final Register.Builder LIMIT =
                register("ExclLimit", 0x0028, "3.4.6").each(READ_WRITE);
        public static final BitField LIMIT_ADDRESS = LIMIT.address("ExclLimit", 51, 12, about("last page"));

        public static final Register LIMIT_REGISTER = LIMIT.build();
    }

    /** Hardware event registers; with EFR.HESup: events 3, 4 and 6, also where no log takes them. */
    public static final class HardwareEvent {
        private static final Register.Builder HIGH =
                register("HwEventHigh", 0x0040, "3.4.9").each(READ_ONLY);
        public static final BitField UPPER = HIGH.bits("Upper", 63, 0, about("second word of the entry"));
        public static final Register HIGH_REGISTER = HIGH.build();

        private static final Register.Builder LOW =
                register("HwEventLow", 0x0048, "3.4.9").each(READ_ONLY);
        public static final BitField LOWER = LOW.bits("Lower", 63, 0, about("first word of the entry"));
        public static final Register LOW_REGISTER = LOW.build();

        private static final Register.Builder STATUS =
                register("HwEventStatus", 0x0050, "3.4.9").each(WRITE_ONE_CLEARS);
        public static final BitField HEV = STATUS.bit("HEV", 0, about("an event stands in the registers"));
        public static final BitField HEO = STATUS.bit("HEO", 1, about("another one came meanwhile"));
        public static final Register STATUS_REGISTER = STATUS.build();
    }

    /** Extended feature register; reads 0 without EFRSup. */
    public static final class Efr {
        private static final Register.Builder EFR =
                register("EFR", 0x0030, "3.4.7").each(READ_ONLY);
        public static final BitField PREF_SUP = EFR.bit("PrefSup", 0, about("prefetch command"));
        public static final BitField PPR_SUP = EFR.bit("PPRSup", 1, about("page requests"));
        public static final BitField XT_SUP = EFR.bit("XTSup", 2, about("x2APIC"));
        public static final BitField NX_SUP = EFR.bit("NXSup", 3, about("no-execute bit in guest tables"));
        public static final BitField GT_SUP = EFR.bit("GTSup", 4, about("guest translation"));
        public static final BitField GAPPI_SUP =
                EFR.bit("GAPPISup", 5, about("physical processor interrupts of guests"));
        public static final BitField IA_SUP = EFR.bit("IASup", 6, about("invalidate-all command"));
        public static final BitField GA_SUP = EFR.bit("GASup", 7, about("guest virtual APIC"));
        public static final BitField HE_SUP = EFR.bit("HESup", 8, about("hardware event registers"));
        public static final BitField PC_SUP = EFR.bit("PCSup", 9, about("performance counters"));
        public static final BitField HATS =
                EFR.bits("HATS", 11, 10, about("host tables: 0 to 2: at most 4 to 6 levels; 3: none"));
        public static final BitField GATS =
                EFR.bits("GATS", 13, 12, about("guest tables: 0 to 2: at most 4 to 6 levels"));
        public static final BitField GLX_SUP = EFR.bits("GLXSup", 15, 14, about("levels of a GCR3 table, less 1"));
        public static final BitField SMIF_SUP = EFR.bits("SmiFSup", 17, 16, about("SMI filters"));
        public static final BitField SMIF_RC = EFR.bits("SmiFRC", 20, 18, about("number of SMI filters"));
        public static final BitField GAM_SUP = EFR.bits("GAMSup", 23, 21, about("modes of the guest virtual APIC"));
        public static final BitField DUAL_PPR_LOG_SUP = EFR.bits("DualPPRLogSup", 25, 24, about("second PPR log"));
        public static final BitField DUAL_EVENT_LOG_SUP =
                EFR.bits("DualEventLogSup", 29, 28, about("second event log"));
        public static final BitField SATS_SUP = EFR.bit("SATSSup", 31, about("secure address translation services"));
        public static final BitField PAS_MAX = EFR.bits("PASmax", 36, 32, about("bits of a PASID, less 1"));
        public static final BitField US_SUP = EFR.bit("USSup", 37, about("user and supervisor requests"));
        public static final BitField DEV_TBL_SEG_SUP =
                EFR.bits("DevTblSegSup", 39, 38, about("log2 of the number of device tables"));
        public static final BitField PPR_EARLY_OF_SUP =
                EFR.bit("PPREarlyOfSup", 40, about("early overflow of the PPR log"));
        public static final BitField PPR_AUTO_RSP_SUP = EFR.bit("PPRAutoRspSup", 41, about("automatic page responses"));
        public static final BitField MARC_SUP = EFR.bits("MarcSup", 43, 42, about("memory access routing"));
        public static final BitField BLK_STOP_MRK_SUP = EFR.bit("BlkStopMrkSup", 44, about("stop markers are blocked"));
        public static final BitField PERF_OPT_SUP = EFR.bit("PerfOptSup", 45, about("performance optimisation"));
        public static final BitField MSI_CAP_MMIO_SUP =
                EFR.bit("MsiCapMmioSup", 46, about("copies of the MSI registers"));
        public static final BitField SNOOP_ATTR_SUP = EFR.bit("SnoopAttrSup", 47, about("snoop attributes"));
        public static final BitField GIO_SUP = EFR.bit("GIOSup", 48, about("guest tables for requests without PASID"));
        public static final BitField HA_SUP = EFR.bit("HASup", 49, about("accessed bit in host tables"));
        public static final BitField EPH_SUP = EFR.bit("EPHSup", 50, about("enhanced page request handling"));
        public static final BitField ATTR_FW_SUP = EFR.bit("AttrFWSup", 51, about("attribute forwarding"));
        public static final BitField HD_SUP = EFR.bit("HDSup", 52, about("dirty bit in host tables"));
        public static final BitField V2_HD_DIS_SUP = EFR.bit("V2HDDisSup", 53, about("dirty bits can be switched off"));
        public static final BitField INV_IOTLB_TYPE_SUP =
                EFR.bit("InvIotlbTypeSup", 54, about("types of invalidations"));
        public static final BitField VIOMMU_SUP = EFR.bit("vIOMMUSup", 55, about("guests have rings in hardware"));
        public static final BitField VM_GUARD_IO_SUP = EFR.bit("VMGuardIOSup", 56, about("encrypted guests"));
        public static final BitField VM_TABLE_SIZE =
                EFR.bits("VMTableSize", 60, 57, about("guards of encrypted guests"));
        public static final BitField GA_UPDATE_DIS_SUP =
                EFR.bit("GAUpdateDisSup", 61, about("accessed bits can be switched off"));
        public static final BitField FORCE_PHY_DEST_SUP =
                EFR.bit("ForcePhyDestSup", 62, about("physical destinations"));
        public static final BitField SNP_SUP = EFR.bit("SNPSup", 63, about("secure nested paging"));

        public static final Register REGISTER = EFR.build();
    }

    /** Second extended feature register. */
    public static final class Efr2 {
        private static final Register.Builder EFR2 =
                register("EFR2", 0x01a0, "3.4.7").each(READ_ONLY);
        public static final BitField CXLIO_SUP = EFR2.bit("CXLIOSup", 0, about("memory attributes of CXL.io"));
        public static final BitField SEV_SNP_IO_SUP = EFR2.bit("SEVSNPIOSup", 1, about("trusted devices"));
        public static final BitField TMPM_SUP = EFR2.bit("TMPMSup", 2, about("page migration"));
        public static final BitField GCR3_TRP_MODE_SUP =
                EFR2.bit("GCR3TRPModeSup", 3, about("GCR3 roots can be guest addresses"));
        public static final BitField GAPPI_DIS_SUP =
                EFR2.bit("GAPPIDisSup", 4, about("physical interrupts can be switched off"));
        public static final BitField SNP_AVIC_SUP =
                EFR2.bits("SNPAVICSup", 7, 5, about("virtual APIC under secure paging"));
        public static final BitField NUM_INT_REMAP_SUP =
                EFR2.bits("NumIntRemapSup", 9, 8, about("0: 512, 1: 2048 interrupts"));
        public static final BitField HT_RANGE_IGNORE = EFR2.bit("HTRangeIgnore", 11, about("no HyperTransport range"));

        public static final Register REGISTER = EFR2.build();
    }

    /** PPR log auto response register; with EFR.PPRAutoRspSup. */
    public static final class AutoResponse {
        private static final Register.Builder AUTO =
                register("PprAutoRsp", 0x2080, "3.4.17").each(READ_WRITE);
        public static final BitField CODE = AUTO.bits("AutoRspCode", 3, 0, about("answer while the log is full"));
        public static final BitField MASK_GN = AUTO.bit("AutoRspMaskGN", 4, about("without PASID prefix"));

        public static final Register REGISTER = AUTO.build();
    }

    /** PPR log early overflow register; with EFR.PPREarlyOfSup. */
    public static final class EarlyOverflow {
        private static final Register.Builder EARLY =
                register("PprEarlyOverflow", 0x2088, "3.4.18").each(READ_WRITE);
        public static final BitField THRESHOLD = EARLY.bits("Threshold", 14, 0, about("entries in the log"));
        public static final BitField INT_EN = EARLY.bit("IntEn", 30, about("message"));
        public static final BitField EN = EARLY.bit("En", 31, about("watch the log"));

        public static final Register REGISTER = EARLY.build();
    }

    /** IOMMU capability block of PCI configuration space, 48882 3.2. */
    public static final class PciCapability {
        /** Capability of a secure device, and its type of an IOMMU. */
        static final int SECURE_DEVICE = 0x0f;

        static final int IOMMU = 3;

        private static final Register.Builder HEADER = configuration("Capability", 0x0, "3.2.1");
        public static final BitField ID = HEADER.bits("CapId", 7, 0, reset(SECURE_DEVICE), about("secure device"));
        public static final BitField TYPE = HEADER.bits("CapType", 18, 16, reset(IOMMU), about("IOMMU"));
        public static final BitField REV = HEADER.bits("CapRev", 23, 19, reset(1), about("revision"));
        public static final BitField IOTLB_SUP = HEADER.bit("IotlbSup", 24, about("devices may translate themselves"));
        public static final BitField HT_TUNNEL = HEADER.bit("HtTunnel", 25, about("HyperTransport tunnel"));
        public static final BitField NP_CACHE = HEADER.bit("NpCache", 26, about("absent entries may be cached"));
        public static final BitField EFR_SUP = HEADER.bit("EFRSup", 27, about("the extended feature register counts"));
        public static final BitField CAP_EXT = HEADER.bit("CapExt", 28, about("miscellaneous information 1"));

        public static final Register REGISTER = HEADER.build();
    }

    /** MSI capability block of PCI configuration space: where the unit's interrupts go. */
    public static final class Msi {
        private static final Register.Builder CONTROL = configuration("MsiControl", 0x20, "3.3");
        public static final BitField ENABLE = CONTROL.bit("Enable", 16, READ_WRITE, about("messages are sent"));
        public static final Register CONTROL_REGISTER = CONTROL.build();

        private static final Register.Builder LOW = configuration("MsiAddress", 0x24, "3.3");
        public static final BitField ADDRESS = LOW.address("Address", 31, 2, READ_WRITE, about("message address"));
        public static final Register ADDRESS_REGISTER = LOW.build();

        private static final Register.Builder HIGH = configuration("MsiUpperAddress", 0x28, "3.3");
        public static final BitField UPPER_ADDRESS =
                HIGH.bits("UpperAddress", 31, 0, READ_WRITE, about("upper half of the message address"));
        public static final Register UPPER_ADDRESS_REGISTER = HIGH.build();

        private static final Register.Builder DATA = configuration("MsiData", 0x2c, "3.3");
        public static final BitField MESSAGE = DATA.bits("Data", 15, 0, READ_WRITE, about("message data"));
        public static final Register DATA_REGISTER = DATA.build();
    }

    private AmdViRegisters() {}

    private static Register.Builder register(String name, int offset, String section) {
        return Register.named(name).at(offset, Long.SIZE).ignoreReserved().spec("AMD 48882 " + section);
    }

    private static Register.Builder configuration(String name, int offset, String section) {
        return Register.named(name)
                .at(CONFIGURATION_SPACE + offset, Integer.SIZE)
                .ignoreReserved()
                .spec("AMD 48882 " + section)
                .each(READ_ONLY);
    }
}
