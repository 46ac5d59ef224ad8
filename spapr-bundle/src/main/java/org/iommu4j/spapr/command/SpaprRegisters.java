package org.iommu4j.spapr.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/**
 * Registers of the host bridge that concern DMA, IODA2 and IODA3; 64 bits, big endian. Software may access them by halves:
 * the one at the lower offset is the more significant.
 */
public final class SpaprRegisters {
    private SpaprRegisters() {}

    /** Begins a layout. Apart from the outer class, whose list needs every layout complete. */
    private static final class Form {
        private Form() {}

        static Layout.Builder register(String name, String source) {
            return Layout.named(name)
                    .size(64)
                    .bigEndian()
                    .msb0()
                    .spec("IODA2 and IODA3, registers of the host bridge; " + source);
        }
    }

    /** Where the requester translation table is. */
    public static final class RttBar {
        private static final Layout.Builder REG = Form.register("RTT_BAR", "docs/spec/spapr-tce.md 3.5");

        /** The table is in use. */
        public static final BitField ENABLE =
                REG.bit("ENABLE", 0, about("the table decides which PE a requester is in"));

        /** Its address: 65536 entries of 16 bits. */
        public static final BitField BASE = REG.address("BASE", 8, 46, about("65536 entries of 16 bits, big endian"));

        /** The register. */
        public static final Layout LAYOUT = REG.build();

        /** Offset in bytes. */
        public static final int OFFSET = 0x168;

        private RttBar() {}
    }

    /** Where the endpoint state table is. */
    public static final class PestBar {
        private static final Layout.Builder REG = Form.register("PEST_BAR", "docs/spec/spapr-tce.md 3.6");

        /** The table is in use. */
        public static final BitField ENABLE = REG.bit("ENABLE", 0, about("fault records are also stored there"));

        /** Its address. */
        public static final BitField BASE = REG.address("BASE", 8, 51, about("an entry of 16 bytes for each PE"));

        /** The register. */
        public static final Layout LAYOUT = REG.build();

        /** Offset in bytes. */
        public static final int OFFSET = 0x1a8;

        private PestBar() {}
    }

    /** DMA read sync. */
    public static final class DmaReadSync {
        private static final Layout.Builder REG = Form.register("DMARD_SYNC", "docs/spec/spapr-tce.md 2.3");

        /** Starts it. */
        public static final BitField START = REG.bit("START", 0, about("starts a sync"));

        /** It is over: what was read under old entries has arrived. */
        public static final BitField COMPLETE = REG.bit("COMPLETE", 1, about("the sync is over"));

        /** The register. */
        public static final Layout LAYOUT = REG.build();

        /** Offset in bytes. */
        public static final int OFFSET = 0x200;

        private DmaReadSync() {}
    }

    /** Drops what is cached of the requester translation table. */
    public static final class RtcInvalidate {
        private static final Layout.Builder REG = Form.register("RTC_INVALIDATE", "docs/spec/spapr-tce.md 4.1");

        /** All of it. */
        public static final BitField ALL = REG.bit("ALL", 0, about("every requester"));

        /** One requester. */
        public static final BitField RID = REG.bits("RID", 16, 31, about("one requester id"));

        /** The register. */
        public static final Layout LAYOUT = REG.build();

        /** Offset in bytes. */
        public static final int OFFSET = 0x208;

        private RtcInvalidate() {}
    }

    /** TCE Kill: drops cached entries. */
    public static final class TceKill {
        private static final Layout.Builder REG = Form.register("TCE_KILL", "docs/spec/spapr-tce.md 2.3");

        /** Everything of the host bridge. */
        public static final BitField ALL = REG.bit("ALL", 0, about("every entry of the host bridge"));

        /** Everything of an endpoint. */
        public static final BitField PE = REG.bit("PE", 1, about("every entry of the endpoint"));

        /** One page. */
        public static final BitField ONE = REG.bit("ONE", 2, about("the entry of one page"));

        /** The page size is named; IODA3. */
        public static final BitField PSEL = REG.bit("PSEL", 3, about("SIZE names the page size; IODA3"));

        /** Which page; its top four bits are those above. */
        public static final BitField ADDRESS = REG.address("ADDRESS", 4, 49, about("DMA address, bits 4 to 49"));

        /** With PSEL the page size, else two more bits of the address. */
        public static final BitField SIZE = REG.bits(
                "SIZE",
                50,
                51,
                oneOf(
                        code(0, "4 KiB, or bits 50 and 51 of the address"),
                        code(1, "64 KiB with PSEL"),
                        code(2, "2 MiB with PSEL"),
                        code(3, "1 GiB with PSEL")));

        /** Which endpoint; IODA2 has the low 8 bits of it. */
        public static final BitField PE_NUMBER = REG.bits("PE_NUMBER", 55, 63, about("PE; 8 bits on IODA2"));

        /** The register. */
        public static final Layout LAYOUT = REG.build();

        /** Offset in bytes. */
        public static final int OFFSET = 0x210;

        /** The bits that start something; on IODA3 they read 0 once there is room for another. */
        public static final long BUSY = ALL.mask() | PE.mask() | ONE.mask();

        /** Bits of a DMA address that a kill of a page of 4 KiB can name. */
        public static final long PAGE = ADDRESS.mask() | SIZE.mask();

        private TceKill() {}

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
        private static final Layout.Builder REG = Form.register("IODA_ADDR", "docs/spec/spapr-tce.md 3.6");

        /** The index grows by one with each access of the data register. */
        public static final BitField AUTO_INCREMENT =
                REG.bit("AUTO_INCREMENT", 0, about("the index grows with each access"));

        /** Which table. */
        public static final BitField TABLE = REG.bits("TABLE", 11, 15, about("7 PESTA, 8 PESTB, 9 TVT, 20 PEEV"));

        /** Which entry. */
        public static final BitField INDEX = REG.bits("INDEX", 54, 63, about("9 bits on IODA2"));

        /** The register. */
        public static final Layout LAYOUT = REG.build();

        /** Offset in bytes. */
        public static final int OFFSET = 0x220;

        /** {@link #TABLE}: MMIO is stopped, bit 0 of each. */
        public static final int PESTA = 7;

        /** {@link #TABLE}: DMA is stopped, bit 0 of each. */
        public static final int PESTB = 8;

        /** {@link #TABLE}: translation validation entries. */
        public static final int TVT = 9;

        /** {@link #TABLE}: which endpoints are stopped, 64 a word. */
        public static final int PEEV = 20;

        private IodaAddress() {}
    }

    /** The selected entry. */
    public static final class IodaData {
        private static final Layout.Builder REG = Form.register("IODA_DATA0", "docs/spec/spapr-tce.md 3.6");

        /** The entry. */
        public static final BitField DATA = REG.bits("DATA", 0, 63, about("the entry that IODA_ADDR selects"));

        /** The register. */
        public static final Layout LAYOUT = REG.build();

        /** Offset in bytes. */
        public static final int OFFSET = 0x228;

        private IodaData() {}
    }

    /** All of them. */
    public static final List<Register> ALL = List.of(
            row("RTT_BAR", RttBar.OFFSET, RttBar.ENABLE.mask() | RttBar.BASE.mask(), RttBar.LAYOUT),
            row("PEST_BAR", PestBar.OFFSET, PestBar.ENABLE.mask() | PestBar.BASE.mask(), PestBar.LAYOUT),
            row("DMARD_SYNC", DmaReadSync.OFFSET, 0, DmaReadSync.LAYOUT),
            row("RTC_INVALIDATE", RtcInvalidate.OFFSET, 0, RtcInvalidate.LAYOUT),
            row("TCE_KILL", TceKill.OFFSET, -1L, TceKill.LAYOUT),
            row(
                    "IODA_ADDR",
                    IodaAddress.OFFSET,
                    IodaAddress.AUTO_INCREMENT.mask() | IodaAddress.TABLE.mask() | IodaAddress.INDEX.mask(),
                    IodaAddress.LAYOUT),
            row("IODA_DATA0", IodaData.OFFSET, 0, IodaData.LAYOUT));

    private static Register row(String name, int offset, long writable, Layout layout) {
        return Register.readWrite(name, offset, 64, 0, writable, layout);
    }
}
