package org.iommu4j.amd.table;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Device table entry, 48882 2.2.2.1 Table 7; 32 bytes for each DeviceID. The GCR3 root stands in three pieces. */
public final class DeviceTableEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("device_table_entry").size(256).littleEndian().spec("AMD 48882 2.2.2.1");

    /** The half for memory requests is valid; otherwise they pass untranslated. */
    public static final BitField V = ENTRY.bit("V", 0, about("the half for memory requests is valid"));

    /** Mode, root, IR, IW and DomainID are valid. */
    public static final BitField TV = ENTRY.bit("TV", 1, about("translation information is valid"));

    public static final BitField MEM_ATTR = ENTRY.bits("MemAttr", 6, 4, when("CXLIOSup"), about("CXL.io attributes"));

    /** Accessed and dirty bits in host tables; both only with HDSup. */
    public static final BitField HAD = ENTRY.bits(
            "HAD", 8, 7, when("HASup"), oneOf(code(0, "off"), code(1, "accessed"), code(3, "accessed and dirty")));

    /** Levels of the host table; 0 for none, 7 is reserved. */
    public static final BitField MODE = ENTRY.bits("Mode", 11, 9, about("levels of the host table, 0: none"));

    public static final BitField HOST_ROOT = ENTRY.address("HostRoot", 51, 12, about("root of the host table"));
    public static final BitField PPR = ENTRY.bit("PPR", 52, when("EPHSup"), about("page requests are allowed"));
    public static final BitField GPRP = ENTRY.bit("GPRP", 53, when("EPHSup"), about("guest responses carry the PASID"));

    /** Requests without PASID use the guest table of PASID 0. */
    public static final BitField GIOV =
            ENTRY.bit("GIOV", 54, when("GIOSup"), about("requests without PASID have PASID 0"));

    public static final BitField GV = ENTRY.bit("GV", 55, when("GTSup"), about("guest translation is valid"));

    /** Levels of the GCR3 table, less 1; 3 is reserved. */
    public static final BitField GLX =
            ENTRY.bits("GLX", 57, 56, when("GTSup"), about("levels of the GCR3 table, less 1"));

    public static final BitField GCR3_LOW = ENTRY.bits("GCR3Root[14:12]", 60, 58, when("GTSup"), about("GCR3 root"));
    public static final BitField IR = ENTRY.bit("IR", 61, about("read"));
    public static final BitField IW = ENTRY.bit("IW", 62, about("write"));
    public static final BitField DOMAIN_ID = ENTRY.bits("DomainID", 79, 64, about("tag of cached translations"));
    public static final BitField GCR3_MIDDLE = ENTRY.bits("GCR3Root[30:15]", 95, 80, when("GTSup"), about("GCR3 root"));

    /** Address translation services are allowed. */
    public static final BitField I = ENTRY.bit("I", 96, about("the device may translate itself"));

    /** Only the first page fault is logged while the entry is cached. */
    public static final BitField SE = ENTRY.bit("SE", 97, about("log the first page fault only"));

    public static final BitField SA = ENTRY.bit("SA", 98, about("log no page fault"));

    /** Port I/O. */
    public static final BitField IOCTL =
            ENTRY.bits("IoCtl", 100, 99, oneOf(code(0, "abort"), code(1, "forward"), code(2, "translate")));

    public static final BitField CACHE = ENTRY.bit("Cache", 101, about("cache hint for device TLBs"));

    /** Snooping is switched off. */
    public static final BitField SD = ENTRY.bit("SD", 102, about("no snooping"));

    public static final BitField EX = ENTRY.bit("EX", 103, about("the exclusion range applies"));

    /** System management range. */
    public static final BitField SYS_MGT = ENTRY.bits(
            "SysMgt",
            105,
            104,
            oneOf(code(0, "abort"), code(1, "forward posted"), code(2, "forward INTx"), code(3, "translate")));

    public static final BitField SATS = ENTRY.bit("SATS", 106, when("SATSSup"), about("secure translation services"));
    public static final BitField GCR3_HIGH = ENTRY.bits("GCR3Root[51:31]", 127, 107, when("GTSup"), about("GCR3 root"));
    public static final BitField IV = ENTRY.bit("IV", 128, about("the half for interrupts is valid"));

    /** log2 of the entries of the interrupt table, at most 11. */
    public static final BitField INT_TAB_LEN = ENTRY.bits("IntTabLen", 132, 129, about("2^n interrupt entries"));

    public static final BitField IG = ENTRY.bit("IG", 133, about("do not log unmapped interrupts"));
    public static final BitField INT_ROOT = ENTRY.address("IntTabRoot", 179, 134, about("interrupt table"));

    /** Levels of guest tables: 4, or 5; 2 and 3 are reserved. */
    public static final BitField GUEST_PAGING_MODE =
            ENTRY.bits("GuestPagingMode", 183, 182, about("0: 4 levels, 1: 5 levels"));

    public static final BitField INIT_PASS = ENTRY.bit("INITPass", 184, about("INIT passes"));
    public static final BitField EINT_PASS = ENTRY.bit("EIntPass", 185, about("ExtInt passes"));
    public static final BitField NMI_PASS = ENTRY.bit("NMIPass", 186, about("NMI passes"));

    /** Hint on the host's page tables. */
    public static final BitField HPT_MODE = ENTRY.bit("HPTMode", 187, about("hint, no effect"));

    /** Fixed and arbitrated interrupts. */
    public static final BitField INT_CTL =
            ENTRY.bits("IntCtl", 189, 188, oneOf(code(0, "abort"), code(1, "forward"), code(2, "remap")));

    public static final BitField LINT0_PASS = ENTRY.bit("LINT0Pass", 190, about("LINT0 passes"));
    public static final BitField LINT1_PASS = ENTRY.bit("LINT1Pass", 191, about("LINT1 passes"));

    /** Interrupts of a guest's own unit. */
    public static final BitField VIMU_EN = ENTRY.bit("vImuEn", 207, when("vIOMMUSup"), about("guest unit"));

    public static final BitField GUEST_DEVICE_ID =
            ENTRY.bits("GDeviceID", 223, 208, when("vIOMMUSup"), about("the guest's DeviceID"));
    public static final BitField GUEST_ID = ENTRY.bits("GuestID", 239, 224, when("vIOMMUSup"), about("the guest"));
    public static final BitField FREE = ENTRY.ignored("free", 245, 245);

    public static final BitField ATTR_V = ENTRY.bit("AttrV", 246, about("attributes are valid"));
    public static final BitField MODE0_FC = ENTRY.bit("Mode0FC", 247, about("coherence with Mode 0"));
    public static final BitField SNOOP_ATTRIBUTE = ENTRY.bits("SnoopAttribute", 255, 248, about("snoop attribute"));

    public static final Layout LAYOUT = ENTRY.presentIfAny(V).build();

    /** Size of an entry. */
    public static final int BYTES = 32;

    /** {@link #HAD}: accessed and dirty bits. */
    public static final int ACCESSED_AND_DIRTY = 3;

    /** Largest {@link #INT_TAB_LEN}. */
    public static final int MOST_INT_TAB_LEN = 11;

    /** {@link #INT_CTL}: interrupts are aborted. */
    public static final int INT_ABORT = 0;

    /** {@link #INT_CTL}: interrupts are remapped. */
    public static final int INT_REMAP = 2;

    /** Bits of the page offset, which the GCR3 root does not hold. */
    private static final int PAGE_SHIFT = 12;

    private DeviceTableEntry() {}

    /** The GCR3 root of an entry. */
    public static long gcr3Root(long word0, long word1) {
        int middle = PAGE_SHIFT + GCR3_LOW.width();
        return GCR3_LOW.get(word0) << PAGE_SHIFT
                | GCR3_MIDDLE.get(word1) << middle
                | GCR3_HIGH.get(word1) << (middle + GCR3_MIDDLE.width());
    }

    /** A first word that holds only its part of a GCR3 root. */
    public static long gcr3Word0(long root) {
        return GCR3_LOW.of(part(root, PAGE_SHIFT, GCR3_LOW));
    }

    /** A second word that holds only its parts of a GCR3 root. */
    public static long gcr3Word1(long root) {
        int middle = PAGE_SHIFT + GCR3_LOW.width();
        return GCR3_MIDDLE.of(part(root, middle, GCR3_MIDDLE))
                | GCR3_HIGH.of(part(root, middle + GCR3_MIDDLE.width(), GCR3_HIGH));
    }

    private static long part(long root, int shift, BitField field) {
        return root >>> shift & (1L << field.width()) - 1;
    }
}
