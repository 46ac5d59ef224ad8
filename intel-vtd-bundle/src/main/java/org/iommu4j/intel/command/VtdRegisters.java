package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/**
 * The remapping registers, VT-d 11.4: where they are, which bits software can change, and their fields. A chip takes the
 * rows that its capabilities give it; the two IOTLB registers stand at {@link Ecap#IRO} * 16 and the fault records at
 * {@link Cap#FRO} * 16.
 */
public final class VtdRegisters {

    /** Version register. */
    public static final class Ver {
        /** Offset in bytes. */
        public static final int OFFSET = 0x00;

        private static final Layout.Builder VER =
                Layout.named("VER_REG").size(32).ignoreReserved().spec("VT-d 11.4.1");

        /** Minor number. */
        public static final BitField MINOR = VER.bits("MIN", 3, 0);

        /** Major number. */
        public static final BitField MAJOR = VER.bits("MAJOR", 7, 4);

        /** The register. */
        public static final Layout LAYOUT = VER.build();

        private Ver() {}
    }

    /** Capability register. */
    public static final class Cap {
        /** Offset in bytes. */
        public static final int OFFSET = 0x08;

        private static final Layout.Builder CAP =
                Layout.named("CAP_REG").ignoreReserved().spec("VT-d 11.4.2");

        /** Number of domains: 2^(4 + 2 * ND). */
        public static final BitField ND = CAP.bits("ND", 2, 0, about("2^(4+2*ND) domain ids"));

        /** Advanced fault logging. */
        public static final BitField AFL = CAP.bit("AFL", 3);

        /** Write-buffer flush is needed. */
        public static final BitField RWBF = CAP.bit("RWBF", 4);

        /** Protected low memory region. */
        public static final BitField PLMR = CAP.bit("PLMR", 5);

        /** Protected high memory region. */
        public static final BitField PHMR = CAP.bit("PHMR", 6);

        /** Caching mode: entries that are not present may be cached. */
        public static final BitField CM = CAP.bit("CM", 7);

        /** Supported table widths: bit n stands for AW n; 0 and 4 are reserved. */
        public static final BitField SAGAW = CAP.bits("SAGAW", 12, 8, about("bit n: AW n, 30+9n bits"));

        /** Widest address that a device may use, in bits, less one. */
        public static final BitField MGAW = CAP.bits("MGAW", 21, 16, about("bits of an address, less 1"));

        /** Zero-length reads pass on write-only pages. */
        public static final BitField ZLR = CAP.bit("ZLR", 22);

        /** Isochronous unit. */
        public static final BitField ISOCH = CAP.bit("ISOCH", 23);

        /** Offset of the fault records in units of 16 bytes. */
        public static final BitField FRO = CAP.bits("FRO", 33, 24, about("offset of the fault records / 16"));

        /** Second-stage large pages: 2 MiB, 1 GiB from bit 0 up; the other bits are reserved. */
        public static final BitField SSLPS = CAP.bits("SSLPS", 37, 34, about("second-stage pages of 2M, 1G"));

        /** Page-selective invalidation. */
        public static final BitField PSI = CAP.bit("PSI", 39);

        /** Number of fault records, less one. */
        public static final BitField NFR = CAP.bits("NFR", 47, 40, about("number of fault records, less 1"));

        /** Largest address mask of a page-selective invalidation. */
        public static final BitField MAMV = CAP.bits("MAMV", 53, 48, about("largest AM"));

        /** Write draining. */
        public static final BitField DWD = CAP.bit("DWD", 54);

        /** Read draining. */
        public static final BitField DRD = CAP.bit("DRD", 55);

        /** First-stage 1 GiB pages. */
        public static final BitField FS1GP = CAP.bit("FS1GP", 56);

        /** Posted interrupts. */
        public static final BitField PI = CAP.bit("PI", 59);

        /** First-stage 5-level tables. */
        public static final BitField FS5LP = CAP.bit("FS5LP", 60);

        /** Enhanced commands. */
        public static final BitField ECMDS = CAP.bit("ECMDS", 61);

        /** Setting the interrupt table pointer invalidates. */
        public static final BitField ESIRTPS = CAP.bit("ESIRTPS", 62);

        /** Setting the root table pointer invalidates. */
        public static final BitField ESRTPS = CAP.bit("ESRTPS", 63);

        /** The register. */
        public static final Layout LAYOUT = CAP.build();

        private Cap() {}
    }

    /** Extended capability register. */
    public static final class Ecap {
        /** Offset in bytes. */
        public static final int OFFSET = 0x10;

        private static final Layout.Builder ECAP =
                Layout.named("ECAP_REG").ignoreReserved().spec("VT-d 11.4.3");

        /** Page walks are coherent. */
        public static final BitField C = ECAP.bit("C", 0);

        /** Queued invalidation. */
        public static final BitField QI = ECAP.bit("QI", 1);

        /** Device TLBs. */
        public static final BitField DT = ECAP.bit("DT", 2);

        /** Interrupt remapping. */
        public static final BitField IR = ECAP.bit("IR", 3);

        /** Extended interrupt mode. */
        public static final BitField EIM = ECAP.bit("EIM", 4);

        /** Caching hints (1.x). */
        public static final BitField CH = ECAP.bit("CH", 5);

        /** Pass-through. */
        public static final BitField PT = ECAP.bit("PT", 6);

        /** Snoop control. */
        public static final BitField SC = ECAP.bit("SC", 7);

        /** Offset of the IOTLB registers in units of 16 bytes. */
        public static final BitField IRO = ECAP.bits("IRO", 17, 8, about("offset of IVA and IOTLB / 16"));

        /** Largest index mask of an interrupt-entry-cache invalidation. */
        public static final BitField MHMV = ECAP.bits("MHMV", 23, 20, about("largest IM"));

        /** Extended context entries. */
        public static final BitField ECS = ECAP.bit("ECS", 24);

        /** Memory type support. */
        public static final BitField MTS = ECAP.bit("MTS", 25);

        /** Nested translation. */
        public static final BitField NEST = ECAP.bit("NEST", 26);

        /** Deferred invalidation. */
        public static final BitField DIS = ECAP.bit("DIS", 27);

        /** First, defective PASID bit. */
        public static final BitField OLD_PASID = ECAP.bit("OLD_PASID", 28);

        /** Page requests. */
        public static final BitField PRS = ECAP.bit("PRS", 29);

        /** Execute requests. */
        public static final BitField ERS = ECAP.bit("ERS", 30);

        /** Supervisor requests. */
        public static final BitField SRS = ECAP.bit("SRS", 31);

        /** No-write flag. */
        public static final BitField NWFS = ECAP.bit("NWFS", 33);

        /** Extended accessed flag. */
        public static final BitField EAFS = ECAP.bit("EAFS", 34);

        /** Width of a PASID in bits, less one. */
        public static final BitField PSS = ECAP.bits("PSS", 39, 35, about("bits of a PASID, less 1"));

        /** PASID. */
        public static final BitField PASID = ECAP.bit("PASID", 40);

        /** Device-TLB invalidation throttle: PFSID fields exist. */
        public static final BitField DIT = ECAP.bit("DIT", 41);

        /** Page-request drain. */
        public static final BitField PDS = ECAP.bit("PDS", 42);

        /** Scalable mode. */
        public static final BitField SMTS = ECAP.bit("SMTS", 43);

        /** Virtual commands. */
        public static final BitField VCS = ECAP.bit("VCS", 44);

        /** Second-stage accessed and dirty flags. */
        public static final BitField SSADS = ECAP.bit("SSADS", 45);

        /** Second stage in scalable mode. */
        public static final BitField SSTS = ECAP.bit("SSTS", 46);

        /** First stage in scalable mode. */
        public static final BitField FSTS = ECAP.bit("FSTS", 47);

        /** Page-walk snoop control in scalable mode. */
        public static final BitField SMPWCS = ECAP.bit("SMPWCS", 48);

        /** PASID for requests without one. */
        public static final BitField RPS = ECAP.bit("RPS", 49);

        /** Trusted domain extensions. */
        public static final BitField TDXCS = ECAP.bit("TDXCS", 50);

        /** Performance monitoring. */
        public static final BitField PMS = ECAP.bit("PMS", 51);

        /** Abort-DMA mode. */
        public static final BitField ADMS = ECAP.bit("ADMS", 52);

        /** Privilege for requests without PASID. */
        public static final BitField RPRIVS = ECAP.bit("RPRIVS", 53);

        /** Host permission tables. */
        public static final BitField HPTS = ECAP.bit("HPTS", 55);

        /** PASID in translated requests. */
        public static final BitField PTRS = ECAP.bit("PTRS", 56);

        /** Second-stage permissions in bits of their own. */
        public static final BitField SSIRWS = ECAP.bit("SSIRWS", 57);

        /** Stop markers. */
        public static final BitField SMS = ECAP.bit("SMS", 58);

        /** Host permission tables of 1 GiB pages. */
        public static final BitField HPT1GPS = ECAP.bit("HPT1GPS", 59);

        /** Configuration of resource director technology. */
        public static final BitField RDTS = ECAP.bit("RDTS", 60);

        /** Extended interrupt mode is required. */
        public static final BitField EIMER = ECAP.bit("EIMER", 61);

        /** Interrupt remapping is required. */
        public static final BitField IRREQ = ECAP.bit("IRREQ", 62);

        /** The register. */
        public static final Layout LAYOUT = ECAP.build();

        private Ecap() {}
    }

    /** Global command register and, with the same bit positions, global status register. */
    public static final class Global {
        /** Offset in bytes of the command register. */
        public static final int COMMAND_OFFSET = 0x18;

        /** Offset in bytes of the status register. */
        public static final int STATUS_OFFSET = 0x1c;

        private static final Layout.Builder GCMD =
                Layout.named("GCMD_REG").size(32).spec("VT-d 11.4.4.1");

        /** Compatibility-format interrupts; status CFIS. */
        public static final BitField CFI = GCMD.bit("CFI", 23);

        /** Set interrupt remap table pointer, one-shot; status IRTPS. */
        public static final BitField SIRTP = GCMD.bit("SIRTP", 24);

        /** Interrupt remapping enable; status IRES. */
        public static final BitField IRE = GCMD.bit("IRE", 25);

        /** Queued invalidation enable; status QIES. */
        public static final BitField QIE = GCMD.bit("QIE", 26);

        /** Write-buffer flush, one-shot; status WBFS. */
        public static final BitField WBF = GCMD.bit("WBF", 27);

        /** Enable advanced fault logging; status AFLS. */
        public static final BitField EAFL = GCMD.bit("EAFL", 28);

        /** Set fault log, one-shot; status FLS. */
        public static final BitField SFL = GCMD.bit("SFL", 29);

        /** Set root table pointer, one-shot; status RTPS. */
        public static final BitField SRTP = GCMD.bit("SRTP", 30);

        /** Translation enable; status TES. */
        public static final BitField TE = GCMD.bit("TE", 31);

        /** The command register. */
        public static final Layout LAYOUT = GCMD.build();

        private static final Layout.Builder GSTS =
                Layout.named("GSTS_REG").size(32).ignoreReserved().spec("VT-d 11.4.4.2");

        /** Status of {@link #CFI}. */
        public static final BitField CFIS = GSTS.bit("CFIS", 23);

        /** Status of {@link #SIRTP}. */
        public static final BitField IRTPS = GSTS.bit("IRTPS", 24);

        /** Status of {@link #IRE}. */
        public static final BitField IRES = GSTS.bit("IRES", 25);

        /** Status of {@link #QIE}. */
        public static final BitField QIES = GSTS.bit("QIES", 26);

        /** Status of {@link #WBF}: 1 while a flush is under way. */
        public static final BitField WBFS = GSTS.bit("WBFS", 27);

        /** Status of {@link #EAFL}. */
        public static final BitField AFLS = GSTS.bit("AFLS", 28);

        /** Status of {@link #SFL}. */
        public static final BitField FLS = GSTS.bit("FLS", 29);

        /** Status of {@link #SRTP}. */
        public static final BitField RTPS = GSTS.bit("RTPS", 30);

        /** Status of {@link #TE}. */
        public static final BitField TES = GSTS.bit("TES", 31);

        /** The status register. */
        public static final Layout STATUS_LAYOUT = GSTS.build();

        private Global() {}
    }

    /** Root table address register. */
    public static final class RootTableAddress {
        /** Offset in bytes. */
        public static final int OFFSET = 0x20;

        private static final Layout.Builder RTADDR = Layout.named("RTADDR_REG").spec("VT-d 11.4.5");

        /** Translation table mode. */
        public static final BitField TTM =
                RTADDR.bits("TTM", 11, 10, oneOf(code(0, "legacy"), code(1, "scalable"), code(3, "abort DMA")));

        /** Address of the root table. */
        public static final BitField RTA = RTADDR.address("RTA", 63, 12);

        /** The register. */
        public static final Layout LAYOUT = RTADDR.build();

        private RootTableAddress() {}
    }

    /** Context command register: register-based context-cache invalidation. */
    public static final class ContextCommand {
        /** Offset in bytes. */
        public static final int OFFSET = 0x28;

        private static final Layout.Builder CCMD = Layout.named("CCMD_REG").spec("VT-d 11.4.6.1");

        /** Domain id. */
        public static final BitField DID = CCMD.bits("DID", 15, 0);

        /** Source id. */
        public static final BitField SID = CCMD.bits("SID", 31, 16);

        /** Function mask, as in {@link ContextCacheInvalidate#FM}. */
        public static final BitField FM = CCMD.bits("FM", 33, 32);

        /** Granularity that hardware used; 0 after a wrong request. */
        public static final BitField CAIG = CCMD.bits(
                "CAIG", 60, 59, oneOf(code(0, "refused"), code(1, "global"), code(2, "domain"), code(3, "device")));

        /** Requested granularity. */
        public static final BitField CIRG = CCMD.bits(
                "CIRG", 62, 61, oneOf(code(0, "reserved"), code(1, "global"), code(2, "domain"), code(3, "device")));

        /** Start; reads 1 while busy. */
        public static final BitField ICC = CCMD.bit("ICC", 63);

        /** The register. */
        public static final Layout LAYOUT = CCMD.build();

        private ContextCommand() {}
    }

    /** Invalidate address register, at {@link Ecap#IRO} * 16; write-only. */
    public static final class InvalidateAddress {
        private static final Layout.Builder IVA = Layout.named("IVA_REG").spec("VT-d 11.4.6.4");

        /** Address mask. */
        public static final BitField AM = IVA.bits("AM", 5, 0, about("2^AM pages of 4 KiB"));

        /** Invalidation hint. */
        public static final BitField IH = IVA.bit("IH", 6, about("only leaf entries were changed"));

        /** First address. */
        public static final BitField ADDR = IVA.address("ADDR", 63, 12);

        /** The register. */
        public static final Layout LAYOUT = IVA.build();

        private InvalidateAddress() {}
    }

    /** IOTLB invalidate register, at {@link Ecap#IRO} * 16 + 8: register-based IOTLB invalidation. */
    public static final class Iotlb {
        private static final Layout.Builder IOTLB = Layout.named("IOTLB_REG").spec("VT-d 11.4.6.3");

        /** Domain id. */
        public static final BitField DID = IOTLB.bits("DID", 47, 32);

        /** Drain writes. */
        public static final BitField DW = IOTLB.bit("DW", 48);

        /** Drain reads. */
        public static final BitField DR = IOTLB.bit("DR", 49);

        /** Granularity that hardware used; 0 after a wrong request. */
        public static final BitField IAIG = IOTLB.bits(
                "IAIG", 58, 57, oneOf(code(0, "refused"), code(1, "global"), code(2, "domain"), code(3, "page")));

        /** Requested granularity. */
        public static final BitField IIRG = IOTLB.bits(
                "IIRG", 61, 60, oneOf(code(0, "reserved"), code(1, "global"), code(2, "domain"), code(3, "page")));

        /** Start; reads 1 while busy. */
        public static final BitField IVT = IOTLB.bit("IVT", 63);

        /** The register. */
        public static final Layout LAYOUT = IOTLB.build();

        private Iotlb() {}
    }

    /** Fault status register. */
    public static final class FaultStatus {
        /** Offset in bytes. */
        public static final int OFFSET = 0x34;

        private static final Layout.Builder FSTS =
                Layout.named("FSTS_REG").size(32).ignoreReserved().spec("VT-d 11.4.7.1");

        /** Primary fault overflow: a fault was lost. */
        public static final BitField PFO = FSTS.bit("PFO", 0);

        /** A fault record is in use. */
        public static final BitField PPF = FSTS.bit("PPF", 1);

        /** Advanced fault overflow. */
        public static final BitField AFO = FSTS.bit("AFO", 2);

        /** Advanced pending fault. */
        public static final BitField APF = FSTS.bit("APF", 3);

        /** Invalidation queue error. */
        public static final BitField IQE = FSTS.bit("IQE", 4);

        /** Invalidation completion error. */
        public static final BitField ICE = FSTS.bit("ICE", 5);

        /** Invalidation time-out error. */
        public static final BitField ITE = FSTS.bit("ITE", 6);

        /** Page request overflow (older). */
        public static final BitField PRO = FSTS.bit("PRO", 7);

        /** Index of the first fault record in use. */
        public static final BitField FRI = FSTS.bits("FRI", 15, 8);

        /** The register. */
        public static final Layout LAYOUT = FSTS.build();

        private FaultStatus() {}
    }

    /** Event control registers: fault events and invalidation completion events. */
    public static final class EventControl {
        /** Offset in bytes for faults; data, address and upper address follow every 4 bytes. */
        public static final int FAULT_OFFSET = 0x38;

        /** Offset in bytes for invalidation completions; data, address and upper address follow every 4 bytes. */
        public static final int INVALIDATION_OFFSET = 0xa0;

        private static final Layout.Builder ECTL =
                Layout.named("FECTL_REG").size(32).ignoreReserved().spec("VT-d 11.4.7.2, 11.4.9.5");

        /** The message waits because it is masked. */
        public static final BitField IP = ECTL.bit("IP", 30);

        /** Messages are masked. */
        public static final BitField IM = ECTL.bit("IM", 31);

        /** The register. */
        public static final Layout LAYOUT = ECTL.build();

        private EventControl() {}
    }

    /** Protected memory: enable register and the two regions. */
    public static final class ProtectedMemory {
        /** Offset in bytes of the enable register. */
        public static final int OFFSET = 0x64;

        /** Offset in bytes of the low region's base; its limit is 4 bytes further. */
        public static final int LOW_BASE_OFFSET = 0x68;

        /** Offset in bytes of the low region's limit. */
        public static final int LOW_LIMIT_OFFSET = 0x6c;

        /** Offset in bytes of the high region's base. */
        public static final int HIGH_BASE_OFFSET = 0x70;

        /** Offset in bytes of the high region's limit. */
        public static final int HIGH_LIMIT_OFFSET = 0x78;

        private static final Layout.Builder PMEN =
                Layout.named("PMEN_REG").size(32).ignoreReserved().spec("VT-d 11.4.8.1");

        /** The regions are protected. */
        public static final BitField PRS = PMEN.bit("PRS", 0);

        /** Protect the regions. */
        public static final BitField EPM = PMEN.bit("EPM", 31);

        /** The register. */
        public static final Layout LAYOUT = PMEN.build();

        private ProtectedMemory() {}
    }

    /** Invalidation queue head register. */
    public static final class QueueHead {
        /** Offset in bytes. */
        public static final int OFFSET = 0x80;

        private static final Layout.Builder IQH =
                Layout.named("IQH_REG").ignoreReserved().spec("VT-d 11.4.9.1");

        /** Byte offset of the next descriptor that hardware fetches. */
        public static final BitField QH = IQH.address("QH", 18, 4);

        /** The register. */
        public static final Layout LAYOUT = IQH.build();

        private QueueHead() {}
    }

    /** Invalidation queue tail register. */
    public static final class QueueTail {
        /** Offset in bytes. */
        public static final int OFFSET = 0x88;

        private static final Layout.Builder IQT = Layout.named("IQT_REG").spec("VT-d 11.4.9.2");

        /** Byte offset where software writes the next descriptor. */
        public static final BitField QT = IQT.address("QT", 18, 4);

        /** The register. */
        public static final Layout LAYOUT = IQT.build();

        private QueueTail() {}
    }

    /** Invalidation queue address register. */
    public static final class QueueAddress {
        /** Offset in bytes. */
        public static final int OFFSET = 0x90;

        private static final Layout.Builder IQA = Layout.named("IQA_REG").spec("VT-d 11.4.9.3");

        /** Size: 2^QS pages of 4 KiB. */
        public static final BitField QS = IQA.bits("QS", 2, 0, about("2^QS pages"));

        /** Descriptor width; 256 bits need scalable mode. */
        public static final BitField DW =
                IQA.bit("DW", 11, oneOf(code(0, "128-bit descriptors"), code(1, "256-bit descriptors")));

        /** Address of the queue. */
        public static final BitField IQA_BASE = IQA.address("IQA", 63, 12);

        /** The register. */
        public static final Layout LAYOUT = IQA.build();

        private QueueAddress() {}
    }

    /** Invalidation completion status register. */
    public static final class CompletionStatus {
        /** Offset in bytes. */
        public static final int OFFSET = 0x9c;

        private static final Layout.Builder ICS =
                Layout.named("ICS_REG").size(32).ignoreReserved().spec("VT-d 11.4.9.4");

        /** A wait descriptor with its interrupt flag set has completed. */
        public static final BitField IWC = ICS.bit("IWC", 0);

        /** The register. */
        public static final Layout LAYOUT = ICS.build();

        private CompletionStatus() {}
    }

    /** Invalidation queue error record register. */
    public static final class QueueError {
        /** Offset in bytes. */
        public static final int OFFSET = 0xb0;

        /** {@link #IQEI}: the tail lies beyond the queue. */
        public static final int INVALID_TAIL = 1;

        /** {@link #IQEI}: a descriptor could not be fetched. */
        public static final int FETCH_ERROR = 2;

        /** {@link #IQEI}: the type is unknown. */
        public static final int UNKNOWN_TYPE = 3;

        /** {@link #IQEI}: a reserved bit or value. */
        public static final int RESERVED_FIELD = 4;

        /** {@link #IQEI}: the descriptor width is not legal. */
        public static final int INVALID_WIDTH = 5;

        /** {@link #IQEI}: the tail is not a multiple of the descriptor's size. */
        public static final int UNALIGNED_TAIL = 6;

        /** {@link #IQEI}: the table mode is not legal for the operation. */
        public static final int INVALID_TABLE_MODE = 7;

        private static final Layout.Builder IQERCD =
                Layout.named("IQERCD_REG").ignoreReserved().spec("VT-d 11.4.9.9");

        /** Why FSTS.IQE is set. */
        public static final BitField IQEI = IQERCD.bits(
                "IQEI",
                3,
                0,
                oneOf(
                        code(0, "no information"),
                        code(INVALID_TAIL, "tail beyond the queue"),
                        code(FETCH_ERROR, "descriptor cannot be fetched"),
                        code(UNKNOWN_TYPE, "unknown type"),
                        code(RESERVED_FIELD, "reserved bit or value"),
                        code(INVALID_WIDTH, "descriptor width not legal"),
                        code(UNALIGNED_TAIL, "tail not aligned"),
                        code(INVALID_TABLE_MODE, "table mode not legal")));

        /** Device whose invalidation timed out, while FSTS.ITE is set. */
        public static final BitField ITESID = IQERCD.bits("ITESID", 47, 32);

        /** Device that sent an unexpected completion, while FSTS.ICE is set. */
        public static final BitField ICESID = IQERCD.bits("ICESID", 63, 48);

        /** The register. */
        public static final Layout LAYOUT = IQERCD.build();

        private QueueError() {}
    }

    /** Interrupt remapping table address register. */
    public static final class InterruptTableAddress {
        /** Offset in bytes. */
        public static final int OFFSET = 0xb8;

        private static final Layout.Builder IRTA = Layout.named("IRTA_REG").spec("VT-d 11.4.10");

        /** Size: 2^(S + 1) entries. */
        public static final BitField S = IRTA.bits("S", 3, 0, about("2^(S+1) entries"));

        /** Extended interrupt mode. */
        public static final BitField EIME = IRTA.bit("EIME", 11);

        /** Address of the table. */
        public static final BitField IRTA_BASE = IRTA.address("IRTA", 63, 12);

        /** The register. */
        public static final Layout LAYOUT = IRTA.build();

        private InterruptTableAddress() {}
    }

    /** Any 32-bit register without fields of its own: message data, message address. */
    private static final class Plain {
        private static Layout word(String name, int bits, String section) {
            Layout.Builder plain = Layout.named(name).size(bits).spec(section);
            plain.bits("VALUE", bits - 1, 0);
            return plain.build();
        }

        private Plain() {}
    }

    private static final long MASKED = EventControl.IM.mask();
    private static final long MESSAGE_ADDRESS = 0xffff_fffcL;

    /** Version; its reset value is the device's. */
    public static final Register VER = Register.readOnly("VER", Ver.OFFSET, 32, 0, Ver.LAYOUT);

    /** Capabilities; the reset value is the device's. */
    public static final Register CAP = Register.readOnly("CAP", Cap.OFFSET, 64, 0, Cap.LAYOUT);

    /** Extended capabilities; the reset value is the device's. */
    public static final Register ECAP = Register.readOnly("ECAP", Ecap.OFFSET, 64, 0, Ecap.LAYOUT);

    /** Global command, write-only. */
    public static final Register GCMD = Register.readWrite(
                    "GCMD", Global.COMMAND_OFFSET, 32, 0, 0xff80_0000L, Global.LAYOUT)
            .reading(0);

    /** Global status. */
    public static final Register GSTS = Register.readOnly("GSTS", Global.STATUS_OFFSET, 32, 0, Global.STATUS_LAYOUT);

    /** Root table address. */
    public static final Register RTADDR = Register.readWrite(
            "RTADDR", RootTableAddress.OFFSET, 64, 0, 0xffff_ffff_ffff_fc00L, RootTableAddress.LAYOUT);

    /** Context command; the source id and function mask read 0. */
    public static final Register CCMD = Register.readWrite(
                    "CCMD", ContextCommand.OFFSET, 64, 0, 0xe000_0003_ffff_ffffL, ContextCommand.LAYOUT)
            .reading(~0x0000_0003_ffff_0000L);

    /** Fault status. */
    public static final Register FSTS = Register.readOnly("FSTS", FaultStatus.OFFSET, 32, 0, FaultStatus.LAYOUT)
            .clearing(FaultStatus.PFO.mask() | FaultStatus.IQE.mask() | FaultStatus.ICE.mask() | FaultStatus.ITE.mask())
            .surviving();

    /** Fault event control. */
    public static final Register FECTL =
            Register.readWrite("FECTL", EventControl.FAULT_OFFSET, 32, MASKED, MASKED, EventControl.LAYOUT);

    /** Fault event data. */
    public static final Register FEDATA =
            Register.readWrite("FEDATA", 0x3c, 32, 0, 0xffff, Plain.word("FEDATA_REG", 32, "VT-d 11.4.7.3"));

    /** Fault event address. */
    public static final Register FEADDR =
            Register.readWrite("FEADDR", 0x40, 32, 0, MESSAGE_ADDRESS, Plain.word("FEADDR_REG", 32, "VT-d 11.4.7.4"));

    /** Fault event upper address; writable with ECAP.EIM. */
    public static final Register FEUADDR =
            Register.readWrite("FEUADDR", 0x44, 32, 0, 0xffff_ffffL, Plain.word("FEUADDR_REG", 32, "VT-d 11.4.7.5"));

    /** Protected memory enable; with CAP.PLMR or CAP.PHMR. */
    public static final Register PMEN = Register.readWrite(
            "PMEN", ProtectedMemory.OFFSET, 32, 0, ProtectedMemory.EPM.mask(), ProtectedMemory.LAYOUT);

    /** Protected low memory base; with CAP.PLMR. */
    public static final Register PLMBASE = Register.readWrite(
            "PLMBASE",
            ProtectedMemory.LOW_BASE_OFFSET,
            32,
            0,
            0xfff0_0000L,
            Plain.word("PLMBASE_REG", 32, "VT-d 11.4.8.2"));

    /** Protected low memory limit; with CAP.PLMR. */
    public static final Register PLMLIMIT = Register.readWrite(
            "PLMLIMIT",
            ProtectedMemory.LOW_LIMIT_OFFSET,
            32,
            0,
            0xfff0_0000L,
            Plain.word("PLMLIMIT_REG", 32, "VT-d 11.4.8.3"));

    /** Protected high memory base; with CAP.PHMR. */
    public static final Register PHMBASE = Register.readWrite(
            "PHMBASE",
            ProtectedMemory.HIGH_BASE_OFFSET,
            64,
            0,
            0xffff_ffff_fff0_0000L,
            Plain.word("PHMBASE_REG", 64, "VT-d 11.4.8.4"));

    /** Protected high memory limit; with CAP.PHMR. */
    public static final Register PHMLIMIT = Register.readWrite(
            "PHMLIMIT",
            ProtectedMemory.HIGH_LIMIT_OFFSET,
            64,
            0,
            0xffff_ffff_fff0_0000L,
            Plain.word("PHMLIMIT_REG", 64, "VT-d 11.4.8.5"));

    /** Invalidation queue head; with ECAP.QI. */
    public static final Register IQH = Register.readOnly("IQH", QueueHead.OFFSET, 64, 0, QueueHead.LAYOUT);

    /** Invalidation queue tail; with ECAP.QI. */
    public static final Register IQT =
            Register.readWrite("IQT", QueueTail.OFFSET, 64, 0, QueueTail.QT.mask(), QueueTail.LAYOUT);

    /** Invalidation queue address; with ECAP.QI. */
    public static final Register IQA =
            Register.readWrite("IQA", QueueAddress.OFFSET, 64, 0, 0xffff_ffff_ffff_f807L, QueueAddress.LAYOUT);

    /** Invalidation completion status; with ECAP.QI. */
    public static final Register ICS = Register.readOnly("ICS", CompletionStatus.OFFSET, 32, 0, CompletionStatus.LAYOUT)
            .clearing(CompletionStatus.IWC.mask())
            .surviving();

    /** Invalidation event control; with ECAP.QI. */
    public static final Register IECTL =
            Register.readWrite("IECTL", EventControl.INVALIDATION_OFFSET, 32, MASKED, MASKED, EventControl.LAYOUT);

    /** Invalidation event data; with ECAP.QI. */
    public static final Register IEDATA =
            Register.readWrite("IEDATA", 0xa4, 32, 0, 0xffff, Plain.word("IEDATA_REG", 32, "VT-d 11.4.9.6"));

    /** Invalidation event address; with ECAP.QI. */
    public static final Register IEADDR =
            Register.readWrite("IEADDR", 0xa8, 32, 0, MESSAGE_ADDRESS, Plain.word("IEADDR_REG", 32, "VT-d 11.4.9.7"));

    /** Invalidation event upper address; with ECAP.QI, writable with ECAP.EIM. */
    public static final Register IEUADDR =
            Register.readWrite("IEUADDR", 0xac, 32, 0, 0xffff_ffffL, Plain.word("IEUADDR_REG", 32, "VT-d 11.4.9.8"));

    /** Invalidation queue error record; with ECAP.QI. */
    public static final Register IQERCD = Register.readOnly("IQERCD", QueueError.OFFSET, 64, 0, QueueError.LAYOUT)
            .surviving();

    /** Interrupt remapping table address; with ECAP.IR. */
    public static final Register IRTA = Register.readWrite(
            "IRTA", InterruptTableAddress.OFFSET, 64, 0, 0xffff_ffff_ffff_f80fL, InterruptTableAddress.LAYOUT);

    /** Invalidate address, write-only; the offset is relative to ECAP.IRO * 16. */
    public static final Register IVA = Register.readWrite(
                    "IVA", 0, 64, 0, 0xffff_ffff_ffff_f07fL, InvalidateAddress.LAYOUT)
            .reading(0);

    /** IOTLB invalidate; the offset is relative to ECAP.IRO * 16. */
    public static final Register IOTLB = Register.readWrite("IOTLB", 8, 64, 0, 0xb003_ffff_0000_0000L, Iotlb.LAYOUT);

    /** Low half of a fault record; the offset is relative to CAP.FRO * 16. */
    public static final Register FRCD_LOW =
            Register.readOnly("FRCD_LOW", 0, 64, 0, FaultRecord.LAYOUT).surviving();

    /** High half of a fault record; the offset is relative to CAP.FRO * 16. */
    public static final Register FRCD_HIGH = Register.readOnly("FRCD_HIGH", 8, 64, 0, FaultRecord.LAYOUT)
            .clearing(FaultRecord.F.mask())
            .surviving();

    /** Every row, for documentation. */
    public static final List<Register> ALL = List.of(
            VER, CAP, ECAP, GCMD, GSTS, RTADDR, CCMD, FSTS, FECTL, FEDATA, FEADDR, FEUADDR, PMEN, PLMBASE, PLMLIMIT,
            PHMBASE, PHMLIMIT, IQH, IQT, IQA, ICS, IECTL, IEDATA, IEADDR, IEUADDR, IQERCD, IRTA, IVA, IOTLB, FRCD_LOW,
            FRCD_HIGH);

    private VtdRegisters() {}

    /**
     * The registers of one unit: those that its capabilities give it, with its reset values and at its offsets. What is not
     * there reads 0 and ignores writes.
     */
    public static List<Register> of(VtdCapabilities unit) {
        List<Register> rows = new ArrayList<>(List.of(
                VER.resetTo(unit.ver()),
                CAP.resetTo(unit.cap()),
                ECAP.resetTo(unit.ecap()),
                GCMD,
                GSTS,
                RTADDR,
                FSTS,
                FECTL,
                FEDATA,
                FEADDR));
        boolean extendedMessages = Ecap.EIM.isSet(unit.ecap());
        if (extendedMessages) {
            rows.add(FEUADDR);
        }
        boolean low = Cap.PLMR.isSet(unit.cap());
        boolean high = Cap.PHMR.isSet(unit.cap());
        if (low || high) {
            rows.add(PMEN);
        }
        if (low) {
            rows.add(PLMBASE);
            rows.add(PLMLIMIT);
        }
        if (high) {
            rows.add(PHMBASE);
            rows.add(PHMLIMIT);
        }
        if (unit.hasQueue()) {
            rows.addAll(List.of(IQH, IQT, IQA, ICS, IECTL, IEDATA, IEADDR, IQERCD));
            if (extendedMessages) {
                rows.add(IEUADDR);
            }
        }
        if (Ecap.IR.isSet(unit.ecap())) {
            rows.add(IRTA);
        }
        if (unit.hasRegisterInvalidation()) {
            rows.add(CCMD);
            rows.add(movedBy(IVA, unit.iotlbOffset(), ""));
            rows.add(movedBy(IOTLB, unit.iotlbOffset(), ""));
        }
        for (int record = 0; record < unit.faultRecords(); record++) {
            int at = unit.faultRecordOffset() + record * FaultRecord.BYTES;
            rows.add(movedBy(FRCD_LOW, at, "[" + record + "]"));
            rows.add(movedBy(FRCD_HIGH, at, "[" + record + "]"));
        }
        return List.copyOf(rows);
    }

    private static Register movedBy(Register row, int bytes, String suffix) {
        return new Register(
                row.name() + suffix,
                row.offset() + bytes,
                row.widthBits(),
                row.reset(),
                row.writable(),
                row.writeOneToClear(),
                row.readable(),
                row.sticky(),
                row.layout());
    }
}
