package org.iommu4j.arm.command;

import static org.iommu4j.layout.Access.READ_ONLY;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.whileClear;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.FieldOption;
import org.iommu4j.layout.Register;

/**
 * The Non-secure registers, IHI 0070 6.3, each declared once: place, width, section, fields, what software may do with them,
 * and what locks them while a function is on. The two pages of 64 KiB are one block; page 1 begins at 0x10000.
 *
 * <p>It is longer than other classes because it is a table, a row a field, in the order of the specification.
 *
 * <p>The class is long because it is one table: each register with its place, fields, accesses and section.
 */
public final class SmmuRegisters {
    /** Value of a register that resets to an UNKNOWN value if software is to notice, bit by bit. */
    private static final long POISON = 0xA5A5_A5A5_A5A5_A5A5L;

    /** IDR0: features. */
    public static final class Idr0 {
        private static final Register.Builder IDR = register("IDR0", 0x000, 32, "6.3.1", READ_ONLY);
        public static final BitField S2P = IDR.bit("S2P", 0, about("stage 2"));
        public static final BitField S1P = IDR.bit("S1P", 1, about("stage 1"));
        public static final BitField TTF = IDR.bits("TTF", 3, 2, about("bit 0: AArch32, bit 1: AArch64 tables"));
        public static final BitField COHACC = IDR.bit("COHACC", 4, about("coherent access"));
        public static final BitField BTM = IDR.bit("BTM", 5, about("broadcast TLB maintenance"));
        public static final BitField HTTU = IDR.bits("HTTU", 7, 6, about("1: access flag, 2: also dirty state"));
        public static final BitField DORMHINT = IDR.bit("DORMHINT", 8, about("dormant hint"));
        public static final BitField HYP = IDR.bit("Hyp", 9, about("EL2 streams"));
        public static final BitField ATS = IDR.bit("ATS", 10, about("address translation services"));
        public static final BitField NS1ATS = IDR.bit("NS1ATS", 11, about("no split-stage ATS"));
        public static final BitField ASID16 = IDR.bit("ASID16", 12, about("16-bit ASIDs"));
        public static final BitField MSI = IDR.bit("MSI", 13, about("message-signalled interrupts"));
        public static final BitField SEV = IDR.bit("SEV", 14, about("events for waiting processors"));
        public static final BitField ATOS = IDR.bit("ATOS", 15, about("address translation operations"));
        public static final BitField PRI = IDR.bit("PRI", 16, about("page requests"));
        public static final BitField VMW = IDR.bit("VMW", 17, about("VMID wildcards"));
        public static final BitField VMID16 = IDR.bit("VMID16", 18, about("16-bit VMIDs"));
        public static final BitField CD2L = IDR.bit("CD2L", 19, about("two-level context descriptor tables"));
        public static final BitField VATOS = IDR.bit("VATOS", 20, about("virtual ATOS page"));
        public static final BitField TTENDIAN =
                IDR.bits("TTENDIAN", 22, 21, about("tables: 0 any, 2 little, 3 big endian"));
        public static final BitField ATSRECERR = IDR.bit("ATSRECERR", 23, about("CR2.REC_CFG_ATS"));
        public static final BitField STALL_MODEL =
                IDR.bits("STALL_MODEL", 25, 24, about("0: both, 1: never, 2: always"));
        public static final BitField TERM_MODEL = IDR.bit("TERM_MODEL", 26, about("CD.A must be 1"));
        public static final BitField ST_LEVEL = IDR.bits("ST_LEVEL", 28, 27, about("1: two-level stream tables"));
        public static final BitField RME_IMPL = IDR.bit("RME_IMPL", 30, about("realm management"));
        public static final Register REGISTER = IDR.build();
    }

    /** IDR1: sizes. */
    public static final class Idr1 {
        private static final Register.Builder IDR = register("IDR1", 0x004, 32, "6.3.2", READ_ONLY);
        public static final BitField SIDSIZE = IDR.bits("SIDSIZE", 5, 0, about("bits of a StreamID"));
        public static final BitField SSIDSIZE = IDR.bits("SSIDSIZE", 10, 6, about("bits of a SubstreamID"));
        public static final BitField PRIQS = IDR.bits("PRIQS", 15, 11, about("log2 of most page requests"));
        public static final BitField EVENTQS = IDR.bits("EVENTQS", 20, 16, about("log2 of most events"));
        public static final BitField CMDQS = IDR.bits("CMDQS", 25, 21, about("log2 of most commands"));
        public static final BitField ATTR_PERMS_OVR = IDR.bit("ATTR_PERMS_OVR", 26, about("INSTCFG, PRIVCFG"));
        public static final BitField ATTR_TYPES_OVR = IDR.bit("ATTR_TYPES_OVR", 27, about("MemAttr, SHCFG, ALLOCCFG"));
        public static final BitField REL = IDR.bit("REL", 28, about("base addresses are relative"));
        public static final BitField QUEUES_PRESET = IDR.bit("QUEUES_PRESET", 29, about("queue bases are fixed"));
        public static final BitField TABLES_PRESET = IDR.bit("TABLES_PRESET", 30, about("table bases are fixed"));
        public static final BitField ECMDQ = IDR.bit("ECMDQ", 31, about("several command queues"));
        public static final Register REGISTER = IDR.build();
    }

    /** IDR2 to IDR6 but IDR3 and IDR5: nothing of this model. */
    public static final class OtherIds {
        private static final Register.Builder IDR2 = register("IDR2", 0x008, 32, "6.3.3", READ_ONLY);
        public static final BitField BA_VATOS = IDR2.bits("BA_VATOS", 9, 0, about("place of the VATOS page"));
        public static final Register SECOND = IDR2.build();
    }

    /** IDR3: features. */
    public static final class Idr3 {
        private static final Register.Builder IDR = register("IDR3", 0x00C, 32, "6.3.4", READ_ONLY);
        public static final BitField HAD = IDR.bit("HAD", 2, about("CD.HAD0, HAD1"));
        public static final BitField PBHA = IDR.bit("PBHA", 3, about("page-based hardware attributes"));
        public static final BitField XNX = IDR.bit("XNX", 4, about("stage-2 execute by privilege"));
        public static final BitField PPS = IDR.bit("PPS", 5, about("automatic page responses have the PASID"));
        public static final BitField MPAM = IDR.bit("MPAM", 7, about("memory partitioning"));
        public static final BitField FWB = IDR.bit("FWB", 8, about("STE.S2FWB"));
        public static final BitField STT = IDR.bit("STT", 9, about("small translation tables"));
        public static final BitField RIL = IDR.bit("RIL", 10, about("invalidation by range and level"));
        public static final BitField BBML = IDR.bits("BBML", 12, 11, about("break-before-make level"));
        public static final BitField E0PD = IDR.bit("E0PD", 13, about("CD.E0PD0, E0PD1"));
        public static final BitField PTWNNC = IDR.bit("PTWNNC", 14, about("walks of Device memory are Normal"));
        public static final BitField DPT = IDR.bit("DPT", 15, about("device permission tables"));
        public static final BitField PASIDTT = IDR.bit("PASIDTT", 16, about("PASID of translated transactions"));
        public static final BitField EPAN = IDR.bit("EPAN", 17, about("CD.EPAN"));
        public static final BitField S1PI = IDR.bit("S1PI", 18, about("stage-1 permission indirection"));
        public static final BitField S2PI = IDR.bit("S2PI", 19, about("stage-2 permission indirection"));
        public static final BitField S2PO = IDR.bit("S2PO", 20, about("stage-2 permission overlay"));
        public static final BitField THE = IDR.bit("THE", 21, about("translation hardening"));
        public static final BitField MTEPERM = IDR.bit("MTEPERM", 22, about("stage-2 tag permission"));
        public static final BitField AIE = IDR.bit("AIE", 23, about("attribute index extension"));
        public static final Register REGISTER = IDR.build();
    }

    /** IDR5: address sizes. */
    public static final class Idr5 {
        private static final Register.Builder IDR = register("IDR5", 0x014, 32, "6.3.6", READ_ONLY);
        public static final BitField OAS = IDR.bits("OAS", 2, 0, about("output address size, as IPS"));
        public static final BitField GRAN4K = IDR.bit("GRAN4K", 4, about("4 KiB granule"));
        public static final BitField GRAN16K = IDR.bit("GRAN16K", 5, about("16 KiB granule"));
        public static final BitField GRAN64K = IDR.bit("GRAN64K", 6, about("64 KiB granule"));
        public static final BitField DS = IDR.bit("DS", 7, about("52 bits with 4K and 16K, SCALE of 6 bits"));
        public static final BitField D128 = IDR.bit("D128", 8, about("128-bit descriptors"));
        public static final BitField VAX = IDR.bits("VAX", 11, 10, about("1: 52-bit virtual addresses"));
        public static final BitField STALL_MAX = IDR.bits("STALL_MAX", 31, 16, about("most stalled transactions"));
        public static final Register REGISTER = IDR.build();
    }

    /** Implementer of the part. */
    public static final class Iidr {
        private static final Register.Builder IIDR = register("IIDR", 0x018, 32, "6.3.7", READ_ONLY);
        public static final BitField IMPLEMENTER = IIDR.bits("Implementer", 11, 0, about("JEP106 code"));
        public static final BitField REVISION = IIDR.bits("Revision", 15, 12, about("minor revision"));
        public static final BitField VARIANT = IIDR.bits("Variant", 19, 16, about("major revision"));
        public static final BitField PRODUCT = IIDR.bits("ProductID", 31, 20, about("part"));
        public static final Register REGISTER = IIDR.build();
    }

    /** Architecture version. */
    public static final class Aidr {
        private static final Register.Builder AIDR = register("AIDR", 0x01C, 32, "6.3.8", READ_ONLY);
        public static final BitField MINOR = AIDR.bits("ArchMinorRev", 3, 0, about("minor version"));
        public static final BitField MAJOR = AIDR.bits("ArchMajorRev", 7, 4, about("0: SMMUv3"));
        public static final Register REGISTER = AIDR.build();
    }

    /** CR0 and, with the same fields, CR0ACK. */
    public static final class Cr0 {
        private static final Register.Builder CR0 = register("CR0", 0x020, 32, "6.3.9");
        public static final BitField SMMUEN = CR0.bit("SMMUEN", 0, about("translate"));
        public static final BitField PRIQEN = CR0.bit("PRIQEN", 1, about("page request queue"));
        public static final BitField EVENTQEN = CR0.bit("EVENTQEN", 2, about("event queue"));
        public static final BitField CMDQEN = CR0.bit("CMDQEN", 3, about("command queue"));
        public static final BitField ATSCHK = CR0.bit("ATSCHK", 4, about("translated transactions are checked"));
        public static final BitField VMW = CR0.bits("VMW", 8, 6, about("low VMID bits that invalidations ignore"));
        public static final Register REGISTER = CR0.build();

        private static final Register.Builder CR0ACK = register("CR0ACK", 0x024, 32, "6.3.10", READ_ONLY);
        public static final BitField ACK_SMMUEN = CR0ACK.bit("SMMUEN", 0, about("translates"));
        public static final BitField ACK_PRIQEN = CR0ACK.bit("PRIQEN", 1, about("page request queue is on"));
        public static final BitField ACK_EVENTQEN = CR0ACK.bit("EVENTQEN", 2, about("event queue is on"));
        public static final BitField ACK_CMDQEN = CR0ACK.bit("CMDQEN", 3, about("command queue is on"));
        public static final BitField ACK_ATSCHK = CR0ACK.bit("ATSCHK", 4, about("translated transactions are checked"));
        public static final BitField ACK_VMW = CR0ACK.bits("VMW", 8, 6, about("low VMID bits that are ignored"));

        /** CR0ACK. */
        public static final Register ACK = CR0ACK.build();

        /** Locks while translation is on, IHI 0070 6.2: neither CR0 nor CR0ACK may have the bit. */
        private static FieldOption[] whileOff(BitField command, BitField acknowledged) {
            return new FieldOption[] {whileClear(REGISTER, command), whileClear(ACK, acknowledged)};
        }
    }

    /** CR1: attributes of fetches. */
    public static final class Cr1 {
        private static final Register.Builder CR1 = register("CR1", 0x028, 32, "6.3.11");
        private static final FieldOption[] QUEUES_OFF = {
            whileClear(Cr0.REGISTER, Cr0.PRIQEN, Cr0.EVENTQEN, Cr0.CMDQEN),
            whileClear(Cr0.ACK, Cr0.ACK_PRIQEN, Cr0.ACK_EVENTQEN, Cr0.ACK_CMDQEN)
        };
        public static final BitField QUEUE_IC = CR1.bits("QUEUE_IC", 1, 0, QUEUES_OFF);
        public static final BitField QUEUE_OC = CR1.bits("QUEUE_OC", 3, 2, QUEUES_OFF);
        public static final BitField QUEUE_SH = CR1.bits("QUEUE_SH", 5, 4, QUEUES_OFF);
        public static final BitField TABLE_IC = CR1.bits("TABLE_IC", 7, 6, Cr0.whileOff(Cr0.SMMUEN, Cr0.ACK_SMMUEN));
        public static final BitField TABLE_OC = CR1.bits("TABLE_OC", 9, 8, Cr0.whileOff(Cr0.SMMUEN, Cr0.ACK_SMMUEN));
        public static final BitField TABLE_SH = CR1.bits("TABLE_SH", 11, 10, Cr0.whileOff(Cr0.SMMUEN, Cr0.ACK_SMMUEN));
        public static final Register REGISTER = CR1.build();
    }

    /** CR2: modes. Locked while translation is on. */
    public static final class Cr2 {
        private static final Register.Builder CR2 =
                register("CR2", 0x02C, 32, "6.3.12", Cr0.whileOff(Cr0.SMMUEN, Cr0.ACK_SMMUEN));
        public static final BitField E2H = CR2.bit("E2H", 0, about("EL2 streams are EL2-E2H"));
        public static final BitField RECINVSID = CR2.bit("RECINVSID", 1, about("record C_BAD_STREAMID"));
        public static final BitField PTM = CR2.bit("PTM", 2, about("ignore broadcast TLB maintenance"));
        public static final BitField REC_CFG_ATS = CR2.bit("REC_CFG_ATS", 3, about("record errors of ATS requests"));
        public static final Register REGISTER = CR2.build();
    }

    /** STATUSR. */
    public static final class Statusr {
        private static final Register.Builder STATUSR = register("STATUSR", 0x040, 32, "6.3.13", READ_ONLY);
        public static final BitField DORMANT = STATUSR.bit("DORMANT", 0, about("nothing is cached"));
        public static final Register REGISTER = STATUSR.build();
    }

    /** GBPA: what becomes of transactions while translation is off. */
    public static final class Gbpa {
        private static final int USE_INCOMING = 1;
        private static final Register.Builder GBPA = register("GBPA", 0x044, 32, "6.3.14");
        public static final BitField MEM_ATTR = GBPA.bits("MemAttr", 3, 0, about("memory attribute"));
        public static final BitField MTCFG = GBPA.bit("MTCFG", 4, about("override the memory type"));
        public static final BitField ALLOCCFG = GBPA.bits("ALLOCCFG", 11, 8, about("allocation hints"));
        public static final BitField SHCFG =
                GBPA.bits("SHCFG", 13, 12, FieldOption.reset(USE_INCOMING), about("shareability"));
        public static final BitField PRIVCFG = GBPA.bits("PRIVCFG", 17, 16, about("privilege"));
        public static final BitField INSTCFG = GBPA.bits("INSTCFG", 19, 18, about("instruction or data"));
        public static final BitField ABORT = GBPA.bit("ABORT", 20, about("abort instead of bypass"));
        public static final BitField UPDATE = GBPA.bit("Update", 31, about("take the other fields; reads 0 when done"));
        public static final Register REGISTER = GBPA.build();
    }

    /** IRQ_CTRL and, with the same fields, IRQ_CTRLACK. */
    public static final class IrqCtrl {
        private static final Register.Builder CTRL = register("IRQ_CTRL", 0x050, 32, "6.3.17");
        public static final BitField GERROR = CTRL.bit("GERROR_IRQEN", 0, about("interrupt of global errors"));
        public static final BitField PRIQ = CTRL.bit("PRIQ_IRQEN", 1, about("interrupt of page requests"));
        public static final BitField EVENTQ = CTRL.bit("EVENTQ_IRQEN", 2, about("interrupt of events"));
        public static final Register REGISTER = CTRL.build();

        private static final Register.Builder CTRLACK = register("IRQ_CTRLACK", 0x054, 32, "6.3.18", READ_ONLY);
        public static final BitField ACK_GERROR = CTRLACK.bit("GERROR_IRQEN", 0, about("is on"));
        public static final BitField ACK_PRIQ = CTRLACK.bit("PRIQ_IRQEN", 1, about("is on"));
        public static final BitField ACK_EVENTQ = CTRLACK.bit("EVENTQ_IRQEN", 2, about("is on"));

        /** IRQ_CTRLACK. */
        public static final Register ACK = CTRLACK.build();
    }

    /** Global errors: an error is active while its bits in GERROR and GERRORN differ. */
    public static final class Gerror {
        private static final Register.Builder GERROR = register("GERROR", 0x060, 32, "6.3.19", READ_ONLY);
        public static final BitField CMDQ_ERR = GERROR.bit("CMDQ_ERR", 0, about("the command queue has stopped"));
        public static final BitField EVENTQ_ABT_ERR = GERROR.bit("EVENTQ_ABT_ERR", 2, about("an event write aborted"));
        public static final BitField PRIQ_ABT_ERR =
                GERROR.bit("PRIQ_ABT_ERR", 3, about("a page request write aborted"));
        public static final BitField MSI_CMDQ_ABT_ERR =
                GERROR.bit("MSI_CMDQ_ABT_ERR", 4, about("a CMD_SYNC message aborted"));
        public static final BitField MSI_EVENTQ_ABT_ERR =
                GERROR.bit("MSI_EVENTQ_ABT_ERR", 5, about("a message aborted"));
        public static final BitField MSI_PRIQ_ABT_ERR = GERROR.bit("MSI_PRIQ_ABT_ERR", 6, about("a message aborted"));
        public static final BitField MSI_GERROR_ABT_ERR =
                GERROR.bit("MSI_GERROR_ABT_ERR", 7, about("a message aborted"));
        public static final BitField SFM_ERR = GERROR.bit("SFM_ERR", 8, about("service failure mode"));
        public static final Register REGISTER = GERROR.build();

        private static final Register.Builder GERRORN = register("GERRORN", 0x064, 32, "6.3.20");
        public static final BitField ACK_CMDQ_ERR = GERRORN.bit("CMDQ_ERR", 0, about("acknowledged"));
        public static final BitField ACK_EVENTQ_ABT_ERR = GERRORN.bit("EVENTQ_ABT_ERR", 2, about("acknowledged"));
        public static final BitField ACK_PRIQ_ABT_ERR = GERRORN.bit("PRIQ_ABT_ERR", 3, about("acknowledged"));
        public static final BitField ACK_MSI_CMDQ = GERRORN.bit("MSI_CMDQ_ABT_ERR", 4, about("acknowledged"));
        public static final BitField ACK_MSI_EVENTQ = GERRORN.bit("MSI_EVENTQ_ABT_ERR", 5, about("acknowledged"));
        public static final BitField ACK_MSI_PRIQ = GERRORN.bit("MSI_PRIQ_ABT_ERR", 6, about("acknowledged"));
        public static final BitField ACK_MSI_GERROR = GERRORN.bit("MSI_GERROR_ABT_ERR", 7, about("acknowledged"));
        public static final BitField ACK_SFM_ERR = GERRORN.bit("SFM_ERR", 8, about("acknowledged"));

        /** GERRORN. */
        public static final Register ACKNOWLEDGED = GERRORN.build();
    }

    /** The three registers of an interrupt's message, locked while the interrupt is on. */
    public static final class Message {
        /** Of global errors. */
        public static final Message GERROR =
                new Message("GERROR", 0x068, 0x070, 0x074, "6.3.21", IrqCtrl.GERROR, IrqCtrl.ACK_GERROR);

        /** Of the event queue. */
        public static final Message EVENTQ =
                new Message("EVENTQ", 0x0B0, 0x0B8, 0x0BC, "6.3.30", IrqCtrl.EVENTQ, IrqCtrl.ACK_EVENTQ);

        /** Of the page request queue. */
        public static final Message PRIQ =
                new Message("PRIQ", 0x0D0, 0x0D8, 0x0DC, "6.3.34", IrqCtrl.PRIQ, IrqCtrl.ACK_PRIQ);

        private final BitField enable;
        private final Register addressRegister;
        private final Register dataRegister;
        private final Register attributesRegister;
        private final BitField address;
        private final BitField data;
        private final BitField onLast;

        private Message(
                String name, int cfg0, int cfg1, int cfg2, String section, BitField enable, BitField acknowledged) {
            this.enable = enable;
            FieldOption[] lock = {whileClear(IrqCtrl.REGISTER, enable), whileClear(IrqCtrl.ACK, acknowledged)};
            Register.Builder first = register(name + "_IRQ_CFG0", cfg0, 64, section, lock);
            address = first.address("ADDR", 51, 2, about("address; 0: no message"));
            addressRegister = first.build();
            Register.Builder second = register(name + "_IRQ_CFG1", cfg1, 32, section, lock);
            data = second.bits("DATA", 31, 0, about("data"));
            dataRegister = second.build();
            Register.Builder third = register(name + "_IRQ_CFG2", cfg2, 32, section, lock);
            third.bits("MemAttr", 3, 0, about("memory attribute"));
            third.bits("SH", 5, 4, about("shareability"));
            onLast = enable.equals(IrqCtrl.PRIQ)
                    ? third.bit("LO", 31, about("only for the last request of a group"))
                    : null;
            attributesRegister = third.build();
        }

        /** Bit of the interrupt in IRQ_CTRL. */
        public BitField enable() {
            return enable;
        }

        /** CFG0. */
        public Register addressRegister() {
            return addressRegister;
        }

        /** CFG1. */
        public Register dataRegister() {
            return dataRegister;
        }

        /** CFG2. */
        public Register attributesRegister() {
            return attributesRegister;
        }

        /** The address in CFG0. */
        public BitField address() {
            return address;
        }

        /** The data in CFG1. */
        public BitField data() {
            return data;
        }

        /** PRIQ_IRQ_CFG2.LO; null for the others. */
        public BitField onLast() {
            return onLast;
        }
    }

    /** Stream table, IHI 0070 3.3.1. Locked while translation is on. */
    public static final class StreamTableBase {
        private static final Register.Builder BASE =
                register("STRTAB_BASE", 0x080, 64, "6.3.24", Cr0.whileOff(Cr0.SMMUEN, Cr0.ACK_SMMUEN));
        public static final BitField ADDR = BASE.address("ADDR", 51, 6, about("stream table"));
        public static final BitField RA = BASE.bit("RA", 62, about("read-allocate hint"));
        public static final Register REGISTER = BASE.build();

        private static final Register.Builder CFG =
                register("STRTAB_BASE_CFG", 0x088, 32, "6.3.25", Cr0.whileOff(Cr0.SMMUEN, Cr0.ACK_SMMUEN));
        public static final BitField LOG2SIZE = CFG.bits("LOG2SIZE", 5, 0, about("log2 of the StreamIDs"));
        public static final BitField SPLIT = CFG.bits("SPLIT", 10, 6, about("StreamID bits of the second level"));
        public static final BitField FMT = CFG.bits("FMT", 17, 16, about("1: two levels"));

        /** STRTAB_BASE_CFG. */
        public static final Register CONFIG = CFG.build();
    }

    /** A queue: base, and positions with a bit above the index that flips on every lap. */
    public static final class Queue {
        /** Commands. */
        public static final Queue COMMANDS =
                new Queue("CMDQ", 0x090, 0x098, 0x09C, "6.3.26", Cr0.CMDQEN, Cr0.ACK_CMDQEN);

        /** Offset of page 1 in the register block. */
        public static final long PAGE_1 = 0x1_0000;

        /** Events; its positions are in page 1. */
        public static final Queue EVENTS =
                new Queue("EVENTQ", 0x0A0, 0x100A8, 0x100AC, "6.3.29", Cr0.EVENTQEN, Cr0.ACK_EVENTQEN);

        /** Page requests; its positions are in page 1. */
        public static final Queue PAGE_REQUESTS =
                new Queue("PRIQ", 0x0C0, 0x100C8, 0x100CC, "6.3.33", Cr0.PRIQEN, Cr0.ACK_PRIQEN);

        /** {@link #error}: IHI 0070 7.1. */
        public static final int ERROR_NONE = 0;

        /** {@link #error}: the command is illegal. */
        public static final int ERROR_ILLEGAL = 1;

        /** {@link #error}: the command could not be fetched. */
        public static final int ERROR_ABORT = 2;

        /** {@link #error}: a device did not complete an ATC invalidation. */
        public static final int ERROR_ATC_SYNC = 3;

        private final Register baseRegister;
        private final Register producer;
        private final Register consumer;
        private final BitField address;
        private final BitField log2Size;
        private final BitField write;
        private final BitField read;
        private final BitField error;
        private final BitField overflow;
        private final BitField overflowSeen;

        private Queue(
                String name, int base, int prod, int cons, String section, BitField enable, BitField acknowledged) {
            boolean commands = enable.equals(Cr0.CMDQEN);
            FieldOption[] lock = Cr0.whileOff(enable, acknowledged);
            Register.Builder place = register(name + "_BASE", base, 64, section, lock);
            log2Size = place.bits("LOG2SIZE", 4, 0, about("log2 of the entries"));
            address = place.address("ADDR", 51, 5, about("first entry"));
            place.bit(commands ? "RA" : "WA", 62, about("allocation hint"));
            baseRegister = place.build();
            // Software writes the producer's position of commands and the consumer's of records at any time.
            Register.Builder tail = commands
                    ? register(name + "_PROD", prod, 32, section)
                    : register(name + "_PROD", prod, 32, section, lock);
            write = tail.bits("WR", 19, 0, about("index and lap bit of the next entry to write"));
            overflow = commands ? null : tail.bit("OVFLG", 31, about("flips when a record is lost"));
            producer = tail.build();
            Register.Builder head = commands
                    ? register(name + "_CONS", cons, 32, section, lock)
                    : register(name + "_CONS", cons, 32, section);
            read = head.bits("RD", 19, 0, about("index and lap bit of the next entry to read"));
            overflowSeen = commands ? null : head.bit("OVACKFLG", 31, about("the OVFLG that software has seen"));
            error = commands ? head.bits("ERR", 30, 24, READ_ONLY, about("why the queue has stopped")) : null;
            consumer = head.build();
        }

        /** BASE. */
        public Register baseRegister() {
            return baseRegister;
        }

        /** PROD. */
        public Register producer() {
            return producer;
        }

        /** CONS. */
        public Register consumer() {
            return consumer;
        }

        /** First entry, in BASE. */
        public BitField address() {
            return address;
        }

        /** log2 of the entries, in BASE. */
        public BitField log2Size() {
            return log2Size;
        }

        /** Position in PROD. */
        public BitField write() {
            return write;
        }

        /** Position in CONS. */
        public BitField read() {
            return read;
        }

        /** CMDQ_CONS.ERR; null for the others. */
        public BitField error() {
            return error;
        }

        /** OVFLG in PROD; null for commands. */
        public BitField overflow() {
            return overflow;
        }

        /** OVACKFLG in CONS; null for commands. */
        public BitField overflowSeen() {
            return overflowSeen;
        }

        List<Register> registers() {
            return List.of(baseRegister, producer, consumer);
        }
    }

    private SmmuRegisters() {}

    /** Every register, as a chip that has them all has them; for explanations and documentation. */
    public static List<Register> all() {
        return of(SmmuCapabilities.defaultOf(SmmuGeneration.V3_3), false);
    }

    /**
     * The registers of one chip, with its reset values. What is not there reads 0 and ignores writes.
     *
     * @param poisoned true if what resets to an UNKNOWN value is to be seen; otherwise it is 0
     */
    public static List<Register> of(SmmuCapabilities chip, boolean poisoned) {
        List<Register> rows = new ArrayList<>(List.of(
                Idr0.REGISTER.resetTo(chip.idr0()),
                Idr1.REGISTER.resetTo(chip.idr1()),
                OtherIds.SECOND,
                Idr3.REGISTER.resetTo(chip.idr3()),
                Idr5.REGISTER.resetTo(chip.idr5()),
                Iidr.REGISTER.resetTo(chip.iidr()),
                Aidr.REGISTER.resetTo(chip.aidr()),
                Cr0.REGISTER,
                Cr0.ACK,
                Statusr.REGISTER,
                Gbpa.REGISTER,
                IrqCtrl.REGISTER,
                IrqCtrl.ACK,
                Gerror.REGISTER,
                Gerror.ACKNOWLEDGED));
        List<Register> unknown =
                new ArrayList<>(List.of(Cr1.REGISTER, Cr2.REGISTER, StreamTableBase.REGISTER, StreamTableBase.CONFIG));
        unknown.addAll(Queue.COMMANDS.registers());
        unknown.addAll(Queue.EVENTS.registers());
        addIf(chip.has("PRI"), unknown, Queue.PAGE_REQUESTS.registers());
        boolean messages = chip.has("MSI");
        addIf(messages, unknown, messageRegisters(Message.GERROR));
        addIf(messages, unknown, messageRegisters(Message.EVENTQ));
        addIf(messages && chip.has("PRI"), unknown, messageRegisters(Message.PRIQ));
        for (Register row : unknown) {
            rows.add(poisoned ? row.resetTo(POISON & row.writable()) : row);
        }
        return List.copyOf(rows);
    }

    private static List<Register> messageRegisters(Message message) {
        return List.of(message.addressRegister(), message.dataRegister(), message.attributesRegister());
    }

    private static void addIf(boolean there, List<Register> rows, List<Register> more) {
        if (there) {
            rows.addAll(more);
        }
    }

    private static Register.Builder register(
            String name, int offset, int widthBits, String section, FieldOption... each) {
        return Register.named(name)
                .layout("SMMU_" + name)
                .at(offset, widthBits)
                .spec("IHI 0070 " + section)
                .ignoreReserved()
                .each(each);
    }
}
