package org.iommu4j.spapr.command;

import static org.iommu4j.layout.Access.READ_ONLY;
import static org.iommu4j.layout.Access.READ_WRITE;
import static org.iommu4j.layout.Access.WRITE_ONLY;
import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;

/**
 * Registers of the host bridge that concern DMA, IODA2 and IODA3; 64 bits, big endian. Software may access them by halves:
 * the one at the lower offset is the more significant.
 */
public final class SpaprRegisters {
    /** Base of the requester translation table. */
    public static final class RttBar {
        private static final Register.Builder REG =
                register("RTT_BAR", 0x168, "docs/spec/spapr-tce.md 3.5").each(READ_WRITE);
        public static final BitField ENABLE =
                REG.bit("ENABLE", 0, about("the table decides which PE a requester is in"));
        public static final BitField BASE = REG.address("BASE", 8, 46, about("65536 entries of 16 bits, big endian"));

        public static final Register REGISTER = REG.build();
    }

    /** Base of the endpoint state table. */
    public static final class PestBar {
        private static final Register.Builder REG =
                register("PEST_BAR", 0x1a8, "docs/spec/spapr-tce.md 3.6").each(READ_WRITE);
        public static final BitField ENABLE = REG.bit("ENABLE", 0, about("fault records are also stored there"));
        public static final BitField BASE = REG.address("BASE", 8, 51, about("an entry of 16 bytes for each PE"));

        public static final Register REGISTER = REG.build();
    }

    /** DMA read sync. */
    public static final class DmaReadSync {
        private static final Register.Builder REG = register("DMARD_SYNC", 0x200, "docs/spec/spapr-tce.md 2.3");
        public static final BitField START = REG.bit("START", 0, WRITE_ONLY, about("starts a sync"));

        /** The sync is over: data that was read under old entries has arrived. */
        public static final BitField COMPLETE = REG.bit("COMPLETE", 1, READ_ONLY, about("the sync is over"));

        public static final Register REGISTER = REG.build();
    }

    /** Drops what is cached of the requester translation table. */
    public static final class RtcInvalidate {
        private static final Register.Builder REG =
                register("RTC_INVALIDATE", 0x208, "docs/spec/spapr-tce.md 4.1").each(WRITE_ONLY);
        public static final BitField ALL = REG.bit("ALL", 0, about("every requester"));
        public static final BitField RID = REG.bits("RID", 16, 31, about("one requester id"));

        public static final Register REGISTER = REG.build();
    }

    /** TCE Kill: drops cached entries. */
    public static final class TceKill {
        private static final Register.Builder REG =
                register("TCE_KILL", 0x210, "docs/spec/spapr-tce.md 2.3").each(READ_WRITE);
        public static final BitField ALL = REG.bit("ALL", 0, about("every entry of the host bridge"));
        public static final BitField PE = REG.bit("PE", 1, about("every entry of the endpoint"));
        public static final BitField ONE = REG.bit("ONE", 2, about("the entry of one page"));
        public static final BitField PSEL = REG.bit("PSEL", 3, about("SIZE names the page size; IODA3"));

        /** Address of the page; its top four bits overlap the command bits. */
        public static final BitField ADDRESS = REG.address("ADDRESS", 4, 49, about("DMA address, bits 4 to 49"));

        public static final BitField SIZE = REG.bits(
                "SIZE",
                50,
                51,
                oneOf(
                        code(0, "4 KiB, or bits 50 and 51 of the address"),
                        code(1, "64 KiB with PSEL"),
                        code(2, "2 MiB with PSEL"),
                        code(3, "1 GiB with PSEL")));

        /** Stored, without effect. */
        public static final BitField UNUSED = REG.ignored("unused", 52, 54);

        public static final BitField PE_NUMBER = REG.bits("PE_NUMBER", 55, 63, about("PE; 8 bits on IODA2"));

        public static final Register REGISTER = REG.build();

        /** The bits that start something; on IODA3 they read 0 once there is room for another. */
        public static final long BUSY = ALL.mask() | PE.mask() | ONE.mask();

        /** Bits of a DMA address that a kill of a page of 4 KiB can name. */
        public static final long PAGE = ADDRESS.mask() | SIZE.mask();

        /** {@link #SIZE} of a page shift; 0 for 4 KiB; -1 if there is none. */
        public static int sizeOf(int pageShift) {
            return switch (pageShift) {
                case 12 -> 0;
                case 16 -> 1;
                case 21 -> 2;
                case 30 -> 3;
                default -> -1;
            };
        }

        /** The page shift of {@link #SIZE} with PSEL. */
        public static int shiftOf(int size) {
            return switch (size) {
                case 1 -> 16;
                case 2 -> 21;
                case 3 -> 30;
                default -> 12;
            };
        }
    }

    /** Selects an entry of an on-chip table. */
    public static final class IodaAddress {
        private static final Register.Builder REG =
                register("IODA_ADDR", 0x220, "docs/spec/spapr-tce.md 3.6").each(READ_WRITE);
        public static final BitField AUTO_INCREMENT =
                REG.bit("AUTO_INCREMENT", 0, about("the index grows with each access"));
        public static final BitField TABLE = REG.bits("TABLE", 11, 15, about("7 PESTA, 8 PESTB, 9 TVT, 20 PEEV"));
        public static final BitField INDEX = REG.bits("INDEX", 54, 63, about("9 bits on IODA2"));

        public static final Register REGISTER = REG.build();

        // Codes of TABLE: MMIO and DMA stopped (bit 0 of each), validation entries, stopped endpoints (64 a word).
        public static final int PESTA = 7;
        public static final int PESTB = 8;
        public static final int TVT = 9;
        public static final int PEEV = 20;
    }

    /** The selected entry; a read as a whole finds it in its table. */
    public static final class IodaData {
        private static final Register.Builder REG =
                register("IODA_DATA0", 0x228, "docs/spec/spapr-tce.md 3.6").each(WRITE_ONLY);
        public static final BitField DATA = REG.bits("DATA", 0, 63, about("the entry that IODA_ADDR selects"));

        public static final Register REGISTER = REG.build();
    }

    private SpaprRegisters() {}

    /** All of them. */
    public static List<Register> all() {
        return List.of(
                RttBar.REGISTER,
                PestBar.REGISTER,
                DmaReadSync.REGISTER,
                RtcInvalidate.REGISTER,
                TceKill.REGISTER,
                IodaAddress.REGISTER,
                IodaData.REGISTER);
    }

    private static Register.Builder register(String name, int offset, String source) {
        return Register.named(name)
                .at(offset, 64)
                .bigEndian()
                .msb0()
                .spec("IODA2 and IODA3, registers of the host bridge; " + source);
    }
}
