package org.iommu4j.intel.command;

import static org.iommu4j.layout.Access.READ_ONLY;
import static org.iommu4j.layout.Access.READ_WRITE;
import static org.iommu4j.layout.Access.WRITE_ONE_CLEARS;
import static org.iommu4j.layout.Access.WRITE_ONLY;
import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.reset;
import static org.iommu4j.layout.FieldOption.when;
import static org.iommu4j.layout.FieldOption.whileClear;

import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.FieldOption;
import org.iommu4j.layout.Register;

/**
 * The remapping registers, VT-d 11.4, each declared once: place, width, section, fields and what software may do with them.
 * {@link UnitRegisters} says which a unit has. The two IOTLB registers stand at {@link Ecap#IRO} * 16 and the fault records at
 * {@link Cap#FRO} * 16.
 *
 * <p>The class is long because it is one table: each register with its place, fields, accesses and section.
 */
public final class VtdRegisters {

    /** Version register. */
    public static final class Ver {
        private static final Register.Builder VER =
                register("VER", 0x00, 32, "11.4.1").ignoreReserved().each(READ_ONLY);
        public static final BitField MINOR = VER.bits("MIN", 3, 0, about("minor number"));
        public static final BitField MAJOR = VER.bits("MAJOR", 7, 4, about("major number"));

        public static final Register REGISTER = VER.build();
    }

    /** Capability register. */
    public static final class Cap {
        private static final Register.Builder CAP =
                register("CAP", 0x08, 64, "11.4.2").ignoreReserved().each(READ_ONLY);
        public static final BitField ND = CAP.bits("ND", 2, 0, about("2^(4+2*ND) domain ids"));
        public static final BitField AFL = CAP.bit("AFL", 3, about("advanced fault logging"));
        public static final BitField RWBF = CAP.bit("RWBF", 4, about("write-buffer flush is needed"));
        public static final BitField PLMR = CAP.bit("PLMR", 5, about("protected low memory region"));
        public static final BitField PHMR = CAP.bit("PHMR", 6, about("protected high memory region"));
        public static final BitField CM = CAP.bit("CM", 7, about("caching mode: absent entries may be cached"));
        public static final BitField SAGAW = CAP.bits("SAGAW", 12, 8, about("bit n, 1 to 3: AW n, 30+9n bits"));
        public static final BitField MGAW = CAP.bits("MGAW", 21, 16, about("bits of an address, less 1"));
        public static final BitField ZLR = CAP.bit("ZLR", 22, about("zero-length reads pass on write-only pages"));
        public static final BitField ISOCH = CAP.bit("ISOCH", 23, about("isochronous unit"));
        public static final BitField FRO = CAP.bits("FRO", 33, 24, about("offset of the fault records / 16"));
        public static final BitField SSLPS = CAP.bits("SSLPS", 37, 34, about("second-stage pages of 2M, 1G"));
        public static final BitField PSI = CAP.bit("PSI", 39, about("page-selective invalidation"));
        public static final BitField NFR = CAP.bits("NFR", 47, 40, about("number of fault records, less 1"));
        public static final BitField MAMV = CAP.bits("MAMV", 53, 48, about("largest AM"));
        public static final BitField DWD = CAP.bit("DWD", 54, about("write draining"));
        public static final BitField DRD = CAP.bit("DRD", 55, about("read draining"));
        public static final BitField FS1GP = CAP.bit("FS1GP", 56, about("first-stage 1 GiB pages"));
        public static final BitField PI = CAP.bit("PI", 59, about("posted interrupts"));
        public static final BitField FS5LP = CAP.bit("FS5LP", 60, about("first-stage 5-level tables"));
        public static final BitField ECMDS = CAP.bit("ECMDS", 61, about("enhanced commands"));
        public static final BitField ESIRTPS = CAP.bit("ESIRTPS", 62, about("SIRTP invalidates"));
        public static final BitField ESRTPS = CAP.bit("ESRTPS", 63, about("SRTP invalidates"));

        public static final Register REGISTER = CAP.build();
    }

    /** Extended capability register. */
    public static final class Ecap {
        private static final Register.Builder ECAP =
                register("ECAP", 0x10, 64, "11.4.3").ignoreReserved().each(READ_ONLY);
        public static final BitField C = ECAP.bit("C", 0, about("page walks are coherent"));
        public static final BitField QI = ECAP.bit("QI", 1, about("queued invalidation"));
        public static final BitField DT = ECAP.bit("DT", 2, about("device TLBs"));
        public static final BitField IR = ECAP.bit("IR", 3, about("interrupt remapping"));
        public static final BitField EIM = ECAP.bit("EIM", 4, about("extended interrupt mode"));
        public static final BitField CH = ECAP.bit("CH", 5, about("caching hints (1.x)"));
        public static final BitField PT = ECAP.bit("PT", 6, about("pass-through"));
        public static final BitField SC = ECAP.bit("SC", 7, about("snoop control"));
        public static final BitField IRO = ECAP.bits("IRO", 17, 8, about("offset of IVA and IOTLB / 16"));
        public static final BitField MHMV = ECAP.bits("MHMV", 23, 20, about("largest IM"));
        public static final BitField ECS = ECAP.bit("ECS", 24, about("extended context entries"));
        public static final BitField MTS = ECAP.bit("MTS", 25, about("memory type support"));
        public static final BitField NEST = ECAP.bit("NEST", 26, about("nested translation"));
        public static final BitField DIS = ECAP.bit("DIS", 27, about("deferred invalidation"));
        public static final BitField OLD_PASID = ECAP.bit("OLD_PASID", 28, about("first, defective PASID bit"));
        public static final BitField PRS = ECAP.bit("PRS", 29, about("page requests"));
        public static final BitField ERS = ECAP.bit("ERS", 30, about("execute requests"));
        public static final BitField SRS = ECAP.bit("SRS", 31, about("supervisor requests"));
        public static final BitField NWFS = ECAP.bit("NWFS", 33, about("no-write flag"));
        public static final BitField EAFS = ECAP.bit("EAFS", 34, about("extended accessed flag"));
        public static final BitField PSS = ECAP.bits("PSS", 39, 35, about("bits of a PASID, less 1"));
        public static final BitField PASID = ECAP.bit("PASID", 40, about("requests with PASID"));
        public static final BitField DIT = ECAP.bit("DIT", 41, about("device-TLB invalidation throttle: PFSID"));
        public static final BitField PDS = ECAP.bit("PDS", 42, about("page-request drain"));
        public static final BitField SMTS = ECAP.bit("SMTS", 43, about("scalable mode"));
        public static final BitField VCS = ECAP.bit("VCS", 44, about("virtual commands"));
        public static final BitField SSADS = ECAP.bit("SSADS", 45, about("second-stage accessed and dirty flags"));
        public static final BitField SSTS = ECAP.bit("SSTS", 46, about("second stage in scalable mode"));
        public static final BitField FSTS = ECAP.bit("FSTS", 47, about("first stage in scalable mode"));
        public static final BitField SMPWCS = ECAP.bit("SMPWCS", 48, about("walk snoop control in scalable mode"));
        public static final BitField RPS = ECAP.bit("RPS", 49, about("PASID for requests without one"));
        public static final BitField TDXCS = ECAP.bit("TDXCS", 50, about("trusted domain extensions"));
        public static final BitField PMS = ECAP.bit("PMS", 51, about("performance monitoring"));
        public static final BitField ADMS = ECAP.bit("ADMS", 52, about("abort-DMA mode"));
        public static final BitField RPRIVS = ECAP.bit("RPRIVS", 53, about("privilege for requests without PASID"));
        public static final BitField HPTS = ECAP.bit("HPTS", 55, about("host permission tables"));
        public static final BitField PTRS = ECAP.bit("PTRS", 56, about("PASID in translated requests"));
        public static final BitField SSIRWS = ECAP.bit("SSIRWS", 57, about("second-stage permissions in own bits"));
        public static final BitField SMS = ECAP.bit("SMS", 58, about("stop markers"));
        public static final BitField HPT1GPS = ECAP.bit("HPT1GPS", 59, about("host permission tables of 1 GiB pages"));
        public static final BitField RDTS = ECAP.bit("RDTS", 60, about("resource director technology"));
        public static final BitField EIMER = ECAP.bit("EIMER", 61, about("extended interrupt mode is required"));
        public static final BitField IRREQ = ECAP.bit("IRREQ", 62, about("interrupt remapping is required"));

        public static final Register REGISTER = ECAP.build();
    }

    /** Global command register and, with the same bit positions, global status register. */
    public static final class Global {
        private static final Register.Builder GCMD =
                register("GCMD", 0x18, 32, "11.4.4.1").each(WRITE_ONLY);
        public static final BitField CFI = GCMD.bit("CFI", 23, about("compatibility-format interrupts"));
        public static final BitField SIRTP = GCMD.bit("SIRTP", 24, about("one-shot: set interrupt table pointer"));
        public static final BitField IRE = GCMD.bit("IRE", 25, about("interrupt remapping enable"));
        public static final BitField QIE = GCMD.bit("QIE", 26, about("queued invalidation enable"));
        public static final BitField WBF = GCMD.bit("WBF", 27, about("one-shot: flush the write buffer"));
        public static final BitField EAFL = GCMD.bit("EAFL", 28, about("enable advanced fault logging"));
        public static final BitField SFL = GCMD.bit("SFL", 29, about("one-shot: set fault log"));
        public static final BitField SRTP = GCMD.bit("SRTP", 30, about("one-shot: set root table pointer"));
        public static final BitField TE = GCMD.bit("TE", 31, about("translation enable"));

        /** The command register. */
        public static final Register COMMAND = GCMD.build();

        /** Commands that stay in force until they are written 0. The others are done once. */
        public static final long PERSISTENT = CFI.mask() | IRE.mask() | QIE.mask() | EAFL.mask() | TE.mask();

        private static final Register.Builder GSTS =
                register("GSTS", 0x1c, 32, "11.4.4.2").ignoreReserved().each(READ_ONLY);
        public static final BitField CFIS = GSTS.bit("CFIS", 23, about("status of CFI"));
        public static final BitField IRTPS = GSTS.bit("IRTPS", 24, about("status of SIRTP"));
        public static final BitField IRES = GSTS.bit("IRES", 25, about("status of IRE"));
        public static final BitField QIES = GSTS.bit("QIES", 26, about("status of QIE"));
        public static final BitField WBFS = GSTS.bit("WBFS", 27, about("a flush of the write buffer is under way"));
        public static final BitField AFLS = GSTS.bit("AFLS", 28, about("status of EAFL"));
        public static final BitField FLS = GSTS.bit("FLS", 29, about("status of SFL"));
        public static final BitField RTPS = GSTS.bit("RTPS", 30, about("status of SRTP"));
        public static final BitField TES = GSTS.bit("TES", 31, about("status of TE"));

        /** The status register. */
        public static final Register STATUS = GSTS.build();
    }

    /** Root table address register. */
    public static final class RootTableAddress {
        private static final Register.Builder RTADDR =
                register("RTADDR", 0x20, 64, "11.4.5").each(READ_WRITE);
        public static final BitField TTM =
                RTADDR.bits("TTM", 11, 10, oneOf(code(0, "legacy"), code(1, "scalable"), code(3, "abort DMA")));

        // Codes of TTM.
        public static final int LEGACY = 0;
        public static final int SCALABLE = 1;
        public static final int ABORT = 3;

        /** Second-stage permissions stand in bits 61 and 62 of an entry, not in bits 0 and 1. */
        public static final BitField SSIRWE =
                RTADDR.bit("SSIRWE", 7, when("SSIRWS"), about("second-stage permissions in bits 62:61"));

        public static final BitField RTA = RTADDR.address("RTA", 63, 12, about("root table"));

        public static final Register REGISTER = RTADDR.build();
    }

    /** Context command register: register-based context-cache invalidation. Locked while the queue is on, VT-d 6.5.1. */
    public static final class ContextCommand {
        private static final Register.Builder CCMD =
                register("CCMD", 0x28, 64, "11.4.6.1").each(whileClear(Global.STATUS, Global.QIES));
        public static final BitField DID = CCMD.bits("DID", 15, 0, READ_WRITE, about("domain id"));
        public static final BitField SID = CCMD.bits("SID", 31, 16, WRITE_ONLY, about("source id"));
        public static final BitField FM = CCMD.bits("FM", 33, 32, WRITE_ONLY, about("function mask"));

        public static final BitField CAIG =
                CCMD.bits("CAIG", 60, 59, READ_ONLY, granularity("refused", "device"), about("what hardware used"));

        public static final BitField CIRG =
                CCMD.bits("CIRG", 62, 61, READ_WRITE, granularity("reserved", "device"), about("what is asked for"));

        public static final BitField ICC = CCMD.bit("ICC", 63, READ_WRITE, about("start; reads 1 while busy"));

        public static final Register REGISTER = CCMD.build();
    }

    /** Invalidate address register. Locked while the queue is on. */
    public static final class InvalidateAddress {
        private static final Register.Builder IVA =
                register("IVA", 0, 64, "11.4.6.4").each(WRITE_ONLY, whileClear(Global.STATUS, Global.QIES));
        public static final BitField AM = IVA.bits("AM", 5, 0, about("2^AM pages of 4 KiB"));
        public static final BitField IH = IVA.bit("IH", 6, about("only leaf entries were changed"));
        public static final BitField ADDR = IVA.address("ADDR", 63, 12, about("first page"));

        /** The register; its offset is relative to ECAP.IRO * 16, see {@link #of}. */
        public static final Register REGISTER = IVA.build();

        /** The register of a unit with those extended capabilities. */
        public static Register of(long ecap) {
            return REGISTER.at(REGISTER.name(), Iotlb.blockOffset(ecap) + REGISTER.offset());
        }
    }

    /** IOTLB invalidate register: register-based IOTLB invalidation. Locked while the queue is on. */
    public static final class Iotlb {
        private static final Register.Builder IOTLB =
                register("IOTLB", 8, 64, "11.4.6.3").each(READ_WRITE, whileClear(Global.STATUS, Global.QIES));
        public static final BitField DID = IOTLB.bits("DID", 47, 32, about("domain id"));
        public static final BitField DW = IOTLB.bit("DW", 48, about("drain writes"));
        public static final BitField DR = IOTLB.bit("DR", 49, about("drain reads"));

        public static final BitField IAIG =
                IOTLB.bits("IAIG", 58, 57, READ_ONLY, granularity("refused", "page"), about("what hardware used"));

        public static final BitField IIRG =
                IOTLB.bits("IIRG", 61, 60, granularity("reserved", "page"), about("what is asked for"));

        public static final BitField IVT = IOTLB.bit("IVT", 63, about("start; reads 1 while busy"));

        /** The register; its offset is relative to ECAP.IRO * 16, see {@link #of}. */
        public static final Register REGISTER = IOTLB.build();

        /** The register of a unit with those extended capabilities. */
        public static Register of(long ecap) {
            return REGISTER.at(REGISTER.name(), blockOffset(ecap) + REGISTER.offset());
        }

        private static int blockOffset(long ecap) {
            return Ecap.IRO.getInt(ecap) * OFFSET_UNIT;
        }
    }

    /** Fault status register. */
    public static final class FaultStatus {
        private static final Register.Builder FSTS =
                register("FSTS", 0x34, 32, "11.4.7.1").ignoreReserved();
        public static final BitField PFO = FSTS.bit("PFO", 0, WRITE_ONE_CLEARS, about("overflow: a fault was lost"));
        public static final BitField PPF = FSTS.bit("PPF", 1, READ_ONLY, about("a fault record is in use"));
        public static final BitField AFO = FSTS.bit("AFO", 2, READ_ONLY, about("advanced fault overflow"));
        public static final BitField APF = FSTS.bit("APF", 3, READ_ONLY, about("advanced pending fault"));
        public static final BitField IQE = FSTS.bit("IQE", 4, WRITE_ONE_CLEARS, about("invalidation queue error"));
        public static final BitField ICE = FSTS.bit("ICE", 5, WRITE_ONE_CLEARS, about("invalidation completion error"));
        public static final BitField ITE = FSTS.bit("ITE", 6, WRITE_ONE_CLEARS, about("invalidation time-out error"));
        public static final BitField PRO = FSTS.bit("PRO", 7, READ_ONLY, about("page request overflow (older)"));
        public static final BitField FRI = FSTS.bits("FRI", 15, 8, READ_ONLY, about("first fault record in use"));

        public static final Register REGISTER = FSTS.build().surviving();
    }

    /**
     * The four registers of a message-signalled event.
     *
     * @param control mask and pending bit
     * @param data message data
     * @param address message address
     * @param upperAddress upper half of the message address; only with ECAP.EIM
     */
    public record EventRegisters(Register control, Register data, Register address, Register upperAddress) {
        /** The registers that every unit has. */
        List<Register> basic() {
            return List.of(control, data, address);
        }
    }

    /** Event registers: fault events, invalidation completion events and page request events. */
    public static final class EventControl {
        private static final Register.Builder ECTL =
                register("FECTL", 0x38, 32, "11.4.7.2, 11.4.9.5, 11.4.11.5").ignoreReserved();
        public static final BitField IP = ECTL.bit("IP", 30, READ_ONLY, about("the message waits, it is masked"));
        public static final BitField IM = ECTL.bit("IM", 31, READ_WRITE, reset(1), about("messages are masked"));

        private static final Register FECTL = ECTL.build();

        /** Fault events. */
        public static final EventRegisters FAULT = new EventRegisters(
                FECTL,
                data("FEDATA", 0x3c, "11.4.7.3"),
                address("FEADDR", 0x40, "11.4.7.4"),
                upperAddress("FEUADDR", 0x44, "11.4.7.5"));

        /** Invalidation completion events. */
        public static final EventRegisters INVALIDATION = new EventRegisters(
                FECTL.at("IECTL", 0xa0),
                data("IEDATA", 0xa4, "11.4.9.6"),
                address("IEADDR", 0xa8, "11.4.9.7"),
                upperAddress("IEUADDR", 0xac, "11.4.9.8"));

        /** Page request events; with ECAP.PRS. */
        public static final EventRegisters PAGE_REQUEST = new EventRegisters(
                FECTL.at("PECTL", 0xe0),
                data("PEDATA", 0xe4, "11.4.11.6"),
                address("PEADDR", 0xe8, "11.4.11.7"),
                upperAddress("PEUADDR", 0xec, "11.4.11.8"));

        /** The upper half is reserved in a unit whose messages have 16 bits of data. */
        private static Register data(String name, int offset, String section) {
            Register.Builder data = register(name, offset, 32, section);
            data.bits("IMD", 15, 0, READ_WRITE, about("message data"));
            return data.build();
        }

        private static Register address(String name, int offset, String section) {
            Register.Builder address = register(name, offset, 32, section);
            address.address("MA", 31, 2, READ_WRITE, about("message address"));
            return address.build();
        }

        private static Register upperAddress(String name, int offset, String section) {
            Register.Builder address = register(name, offset, 32, section);
            address.bits("MUA", 31, 0, READ_WRITE, about("upper half of the message address"));
            return address.build();
        }
    }

    /** Protected memory: enable register and the two regions, aligned to 1 MiB. */
    public static final class ProtectedMemory {
        private static final Register.Builder PMEN =
                register("PMEN", 0x64, 32, "11.4.8.1").ignoreReserved();
        public static final BitField PRS = PMEN.bit("PRS", 0, READ_ONLY, about("the regions are protected"));
        public static final BitField EPM = PMEN.bit("EPM", 31, READ_WRITE, about("protect the regions"));

        /** The enable register; with CAP.PLMR or CAP.PHMR. */
        public static final Register ENABLE = PMEN.build();

        /** First address of the low region; with CAP.PLMR. */
        public static final Register LOW_BASE = bound("PLMBASE", 0x68, 32, "11.4.8.2");

        /** Last block of the low region; with CAP.PLMR. */
        public static final Register LOW_LIMIT = bound("PLMLIMIT", 0x6c, 32, "11.4.8.3");

        /** First address of the high region; with CAP.PHMR. */
        public static final Register HIGH_BASE = bound("PHMBASE", 0x70, 64, "11.4.8.4");

        /** Last block of the high region; with CAP.PHMR. */
        public static final Register HIGH_LIMIT = bound("PHMLIMIT", 0x78, 64, "11.4.8.5");

        private static Register bound(String name, int offset, int bits, String section) {
            Register.Builder bound = register(name, offset, bits, section);
            bound.address("ADDR", bits - 1, 20, READ_WRITE, about("block of 1 MiB"));
            return bound.build();
        }
    }

    /** Invalidation queue head register; with ECAP.QI. */
    public static final class QueueHead {
        private static final Register.Builder IQH =
                register("IQH", 0x80, 64, "11.4.9.1").ignoreReserved();
        public static final BitField QH = IQH.address("QH", 18, 4, READ_ONLY, about("next descriptor to be fetched"));

        public static final Register REGISTER = IQH.build();
    }

    /** Invalidation queue tail register; with ECAP.QI. */
    public static final class QueueTail {
        private static final Register.Builder IQT = register("IQT", 0x88, 64, "11.4.9.2");
        public static final BitField QT = IQT.address("QT", 18, 4, READ_WRITE, about("next descriptor to be written"));

        public static final Register REGISTER = IQT.build();
    }

    /** Invalidation queue address register; with ECAP.QI. Locked while the queue is on. */
    public static final class QueueAddress {
        private static final Register.Builder IQA =
                register("IQA", 0x90, 64, "11.4.9.3").each(READ_WRITE, whileClear(Global.STATUS, Global.QIES));
        public static final BitField QS = IQA.bits("QS", 2, 0, about("2^QS pages"));

        /** Descriptor width; 256 bits need ECAP.SMTS or ADMS, scalable mode and abort mode need 256 bits. */
        public static final BitField DW =
                IQA.bit("DW", 11, oneOf(code(0, "128-bit descriptors"), code(1, "256-bit descriptors")));

        public static final BitField IQA_BASE = IQA.address("IQA", 63, 12, about("the queue"));

        public static final Register REGISTER = IQA.build();
    }

    /** Invalidation completion status register; with ECAP.QI. */
    public static final class CompletionStatus {
        private static final Register.Builder ICS =
                register("ICS", 0x9c, 32, "11.4.9.4").ignoreReserved();
        public static final BitField IWC = ICS.bit("IWC", 0, WRITE_ONE_CLEARS, about("a wait with IF has completed"));

        public static final Register REGISTER = ICS.build().surviving();
    }

    /** Invalidation queue error record register; with ECAP.QI. */
    public static final class QueueError {
        // Codes of IQEI, which says what each means.
        public static final int NO_INFORMATION = 0;
        public static final int INVALID_TAIL = 1;
        public static final int FETCH_ERROR = 2;
        public static final int UNKNOWN_TYPE = 3;
        public static final int RESERVED_FIELD = 4;
        public static final int INVALID_WIDTH = 5;
        public static final int UNALIGNED_TAIL = 6;
        public static final int INVALID_TABLE_MODE = 7;

        private static final Register.Builder IQERCD =
                register("IQERCD", 0xb0, 64, "11.4.9.9").ignoreReserved().each(READ_ONLY);
        /** Why FSTS.IQE is set. */
        public static final BitField IQEI = IQERCD.bits(
                "IQEI",
                3,
                0,
                oneOf(
                        code(NO_INFORMATION, "no information"),
                        code(INVALID_TAIL, "tail beyond the queue"),
                        code(FETCH_ERROR, "descriptor cannot be fetched"),
                        code(UNKNOWN_TYPE, "unknown type"),
                        code(RESERVED_FIELD, "reserved bit or value"),
                        code(INVALID_WIDTH, "descriptor width not legal"),
                        code(UNALIGNED_TAIL, "tail not aligned"),
                        code(INVALID_TABLE_MODE, "table mode not legal")));

        public static final BitField ITESID = IQERCD.bits("ITESID", 47, 32, about("with ITE: device that timed out"));
        public static final BitField ICESID = IQERCD.bits("ICESID", 63, 48, about("with ICE: device that answered"));

        public static final Register REGISTER = IQERCD.build().surviving();
    }

    /** Address and size of the page request queue, VT-d 11.4.11; with ECAP.PRS. */
    public static final class PageRequestPlace {
        private static final Register.Builder PQH = register("PQH", 0xc0, 64, "11.4.11.1");

        /** In {@link #HEAD}. */
        public static final BitField QH =
                PQH.address("QH", 18, 5, READ_WRITE, about("next record that software reads"));

        public static final Register HEAD = PQH.build();

        private static final Register.Builder PQT = register("PQT", 0xc8, 64, "11.4.11.2");

        /** In {@link #TAIL}. */
        public static final BitField QT =
                PQT.address("QT", 18, 5, READ_WRITE, about("next record that hardware writes"));

        public static final Register TAIL = PQT.build();

        private static final Register.Builder PQA =
                register("PQA", 0xd0, 64, "11.4.11.3").each(READ_WRITE);

        /** In {@link #ADDRESS}. */
        public static final BitField QS = PQA.bits("QS", 2, 0, about("2^QS pages"));

        /** In {@link #ADDRESS}. */
        public static final BitField QA = PQA.address("QA", 63, 12, about("the queue"));

        public static final Register ADDRESS = PQA.build();
    }

    /** Page request status register; with ECAP.PRS. */
    public static final class PageRequestStatus {
        private static final Register.Builder PRS =
                register("PRS", 0xdc, 32, "11.4.11.4").ignoreReserved();
        public static final BitField PPR = PRS.bit("PPR", 0, WRITE_ONE_CLEARS, about("a record was written"));
        public static final BitField PRO = PRS.bit("PRO", 1, WRITE_ONE_CLEARS, about("overflow: no room for a record"));

        public static final Register REGISTER = PRS.build().surviving();
    }

    /** Interrupt remapping table address register; with ECAP.IR. */
    public static final class InterruptTableAddress {
        private static final Register.Builder IRTA =
                register("IRTA", 0xb8, 64, "11.4.10").each(READ_WRITE);
        public static final BitField S = IRTA.bits("S", 3, 0, about("2^(S+1) entries"));
        public static final BitField EIME = IRTA.bit("EIME", 11, about("extended interrupt mode"));
        public static final BitField IRTA_BASE = IRTA.address("IRTA", 63, 12, about("interrupt remapping table"));

        public static final Register REGISTER = IRTA.build();
    }

    /** The two halves of a fault record. */
    public static final class FaultRecordRegisters {
        private static final Register LOW = Register.ofWord("FRCD_LOW", 0, FaultRecord.LAYOUT, 0);
        private static final Register HIGH = Register.ofWord("FRCD_HIGH", Long.BYTES, FaultRecord.LAYOUT, 1);

        /** Low half of a record of a unit with those capabilities. */
        public static Register low(long cap, int record) {
            return half(LOW, cap, record);
        }

        /** High half of a record of a unit with those capabilities. */
        public static Register high(long cap, int record) {
            return half(HIGH, cap, record);
        }

        private static Register half(Register half, long cap, int record) {
            int offset = Cap.FRO.getInt(cap) * OFFSET_UNIT + record * FaultRecord.BYTES + half.offset();
            return half.at(half.name() + "[" + record + "]", offset).surviving();
        }
    }

    /** Bytes that CAP.FRO and ECAP.IRO count in. */
    private static final int OFFSET_UNIT = 16;

    private VtdRegisters() {}

    private static FieldOption granularity(String none, String narrowest) {
        return oneOf(code(0, none), code(1, "global"), code(2, "domain"), code(3, narrowest));
    }

    /** Begins a register; the specification calls it NAME_REG. */
    private static Register.Builder register(String name, int offset, int bits, String section) {
        return Register.named(name).layout(name + "_REG").at(offset, bits).spec("VT-d " + section);
    }
}
