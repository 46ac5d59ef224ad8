package org.iommu4j.intel.command;

import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.Ver;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.config.SettingRow;
import org.iommu4j.simulation.config.SettingTable;
import org.iommu4j.simulation.config.SettingValues;

/** The settings of a VT-d unit: its capability registers, and choices that the architecture leaves open. */
public final class VtdSettings {
    /** Names of the capability registers. */
    static final String VER = "VER";

    static final String CAP = "CAP";
    static final String ECAP = "ECAP";

    private static final int VER_BITS = Ver.MAJOR.width() + Ver.MINOR.width();
    private static final SettingTable.Builder ROWS = SettingTable.of(
                    "VT-d",
                    "cap",
                    VtdGeneration.LEGACY_REG,
                    VtdGeneration.LEGACY_QI,
                    VtdGeneration.SCALABLE,
                    VtdGeneration.WIDE_TYPE,
                    VtdGeneration.HOST_PERMISSIONS)
            .register(
                    VER,
                    "ver",
                    Ver.REGISTER.layout(),
                    VER_BITS,
                    generation -> VtdCapabilities.base(generation).ver())
            .register(
                    CAP,
                    "cap",
                    Cap.REGISTER.layout(),
                    Long.SIZE,
                    generation -> VtdCapabilities.base(generation).cap())
            .register(
                    ECAP,
                    "ecap",
                    Ecap.REGISTER.layout(),
                    Long.SIZE,
                    generation -> VtdCapabilities.base(generation).ecap());

    static {
        // An ability that changes what software sees and that no generation of this release has.
        ROWS.field(Cap.AFL).legal("0; not modelled in this release", (generation, value) -> value == 0);
        // Names of older revisions of the specification.
        ROWS.field(Cap.SSLPS).alias("SPS", "SLLPS");
        ROWS.field(Ecap.SSADS).alias("SLADS");
        ROWS.field(Ecap.SSTS).alias("SLTS");
        ROWS.field(Ecap.FSTS).alias("FLTS");
        ROWS.field(Ecap.TDXCS).alias("TDXIO");
        ROWS.field(Ecap.SSIRWS).alias("PBDS");
        ROWS.vary(Cap.SAGAW, random -> 2L + random.nextInt(7) * 2L);
        ROWS.vary(Cap.MGAW, random -> 29L + random.nextInt(28));
        ROWS.vary(Cap.SSLPS, random -> random.nextInt(4));
        for (BitField flag : List.of(Cap.CM, Cap.ZLR, Cap.PSI, Cap.ESRTPS, Cap.PLMR, Cap.PHMR)) {
            ROWS.vary(flag, random -> random.nextInt(2));
        }
        ROWS.vary(Cap.ND, random -> random.nextInt(7));
        ROWS.vary(Cap.NFR, random -> random.nextInt(4));
        ROWS.vary(Cap.MAMV, random -> random.nextInt(20));
        for (BitField flag : List.of(Ecap.PT, Ecap.SC, Ecap.DT)) {
            ROWS.vary(flag, random -> random.nextInt(2));
        }
    }

    public static final SettingRow FAULT_COLLAPSE = ROWS.choice("fault-collapse", "on", "off")
            .about("a fault of a device that has a pending record is dropped without overflow, VT-d 7.2.1");

    public static final SettingRow TAIL_BEFORE_ENABLE = ROWS.choice("tail-before-enable", "accept", "refuse")
            .about(
                    "descriptors that software has put before IQT before it sets QIE are executed, or are an invalid tail "
                            + "(IQEI 1)");

    public static final SettingRow QUEUE_OFF = ROWS.choice("queue-off", "drained", "at-once")
            .about(
                    "QIE=0 while descriptors wait, as behind an error: the queue stays on (QIES), or goes off and they are lost");

    public static final SettingRow TIMEOUT_SOURCE_ID = ROWS.choice("timeout-source-id", "report", "zero")
            .about("what ITESID names after a device-TLB time-out; old units leave 0 there");

    private static final SettingRow VERSION = ROWS.text("ver").about("version as major.minor, 4 bits each");
    /** All that can be chosen. */
    public static final SettingTable TABLE = ROWS.build();

    private VtdSettings() {}

    /** The version register: an option {@code ver} wins over the register and its fields. */
    static long version(SettingValues values) {
        if (!values.isChosen(VERSION)) {
            return values.register(VER);
        }
        String text = values.text(VERSION);
        String[] parts = text.split("\\.", -1);
        if (parts.length == 2) {
            try {
                return Ver.MAJOR.of(Integer.parseInt(parts[0])) | Ver.MINOR.of(Integer.parseInt(parts[1]));
            } catch (IllegalArgumentException e) {
                throw new BackendException(Errno.EINVAL, "ver=" + text + " is no major.minor of 4 bits each", e);
            }
        }
        throw new BackendException(Errno.EINVAL, "ver=" + text + " is no major.minor");
    }
}
