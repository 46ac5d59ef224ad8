package org.iommu4j.intel.command;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.Ver;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * The capability registers of one unit.
 *
 * @param ver version register
 * @param cap capability register
 * @param ecap extended capability register
 */
public record VtdCapabilities(long ver, long cap, long ecap) {
    /** The register-only unit of legacy mode: 256 domains, 39 bits, no queue. */
    public static final VtdCapabilities LEGACY_REG = new VtdCapabilities(0x10, 0x00c9008020660202L, 0x1001L);

    /** The queue unit of legacy mode: 64K domains, 39 and 48 bits, 2 MiB and 1 GiB pages, device TLBs, pass-through. */
    public static final VtdCapabilities LEGACY_QI = new VtdCapabilities(0x10, 0x00d2008c226f0606L, 0xf00fdfL);

    /** First major version without register-based invalidation. */
    private static final int QUEUE_ONLY_MAJOR = 6;

    /** Abilities that change what software sees and that no generation of this release has. */
    private static final List<BitField> NOT_MODELLED_CAP = List.of(Cap.AFL);

    private static final List<BitField> NOT_MODELLED_ECAP = List.of(Ecap.ECS, Ecap.SMTS);

    /** What older revisions of the specification call a field, by its name now. */
    private static final Map<String, String> FORMER_NAMES = Map.of(
            "SPS", "SSLPS", "SLLPS", "SSLPS", "FLTS", "FSTS", "SLTS", "SSTS", "SLADS", "SSADS", "TDXIO", "TDXCS",
            "PBDS", "SSIRWS");

    /**
     * The capabilities that a configuration asks for: the generation's default, then whole registers (VER, CAP, ECAP), then
     * single fields (groups {@code ver}, {@code cap}, {@code ecap}, by the names of the layouts or those of
     * older revisions), then the option
     * {@code ver} as {@code "major.minor"}.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or an ability that is known but not
     *     modelled, {@code EINVAL} for an unknown name or a value that does not fit
     */
    public static VtdCapabilities of(HardwareConfig config) {
        VtdCapabilities base = defaultOf(config.subVersion());
        long ver = base.ver;
        long cap = base.cap;
        long ecap = base.ecap;
        for (Map.Entry<String, Long> register : new TreeMap<>(config.registers()).entrySet()) {
            switch (register.getKey()) {
                case "VER" -> ver = register.getValue();
                case "CAP" -> cap = register.getValue();
                case "ECAP" -> ecap = register.getValue();
                default ->
                    throw new BackendException(
                            Errno.EINVAL,
                            "unknown capability register " + register.getKey() + "; known: VER, CAP, ECAP");
            }
        }
        for (Map.Entry<String, Map<String, Long>> group : new TreeMap<>(config.fields()).entrySet()) {
            switch (group.getKey()) {
                case "ver" -> ver = withFields(ver, Ver.LAYOUT, group);
                case "cap" -> cap = withFields(cap, Cap.LAYOUT, group);
                case "ecap" -> ecap = withFields(ecap, Ecap.LAYOUT, group);
                default ->
                    throw new BackendException(
                            Errno.EINVAL, "unknown capability group " + group.getKey() + "; known: ver, cap, ecap");
            }
        }
        String version = config.options().get("ver");
        if (version != null) {
            ver = parseVersion(version);
        }
        if (ver >>> Ver.LAYOUT.sizeBits() != 0 || ver >>> 8 != 0) {
            throw new BackendException(Errno.EINVAL, "VER=0x" + Long.toHexString(ver) + " exceeds 8 bits");
        }
        VtdCapabilities capabilities = new VtdCapabilities(ver, cap, ecap);
        refuse(NOT_MODELLED_CAP, "CAP", cap);
        refuse(NOT_MODELLED_ECAP, "ECAP", ecap);
        return capabilities;
    }

    /**
     * The capabilities of a generation's default unit.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation
     */
    public static VtdCapabilities defaultOf(int subVersion) {
        return switch (subVersion) {
            case VtdGeneration.LEGACY_REG -> LEGACY_REG;
            case VtdGeneration.LEGACY_QI -> LEGACY_QI;
            default ->
                throw new BackendException(
                        Errno.EPROTONOSUPPORT, "VT-d generation 0x" + Integer.toHexString(subVersion) + " is unknown");
        };
    }

    /** True if a capability of one bit, by its name in CAP or ECAP, is present; false for names that do not exist. */
    public boolean has(String capability) {
        for (BitField field : Cap.LAYOUT.fields()) {
            if (field.name().equals(capability)) {
                return field.isSet(cap);
            }
        }
        for (BitField field : Ecap.LAYOUT.fields()) {
            if (field.name().equals(capability)) {
                return field.isSet(ecap);
            }
        }
        return false;
    }

    /** True if the invalidation queue exists. */
    public boolean hasQueue() {
        return Ecap.QI.isSet(ecap);
    }

    /** True if CCMD, IVA and IOTLB exist: they are gone from major version 6 on. */
    public boolean hasRegisterInvalidation() {
        return Ver.MAJOR.get(ver) < QUEUE_ONLY_MAJOR;
    }

    /** Widest address of a device in bits. */
    public int mgawBits() {
        return Cap.MGAW.getInt(cap) + 1;
    }

    /** The bits of an address of a device; the others are ignored in commands. */
    public long addressMask() {
        return mgawBits() < Long.SIZE ? (1L << mgawBits()) - 1 : -1L;
    }

    /** Width of a domain id in bits, 4 to 16. */
    public int domainIdBits() {
        return Math.min(16, 4 + 2 * Cap.ND.getInt(cap));
    }

    /** Number of fault records. */
    public int faultRecords() {
        return Cap.NFR.getInt(cap) + 1;
    }

    /** Offset in bytes of the first fault record. */
    public int faultRecordOffset() {
        return Cap.FRO.getInt(cap) * 16;
    }

    /** Offset in bytes of IVA; IOTLB follows 8 bytes further. */
    public int iotlbOffset() {
        return Ecap.IRO.getInt(ecap) * 16;
    }

    private static long withFields(long register, Layout layout, Map.Entry<String, Map<String, Long>> group) {
        long value = register;
        for (Map.Entry<String, Long> wanted : new TreeMap<>(group.getValue()).entrySet()) {
            BitField field = fieldOf(layout, wanted.getKey());
            if (field == null) {
                throw new BackendException(
                        Errno.EINVAL, "unknown capability " + group.getKey() + "." + wanted.getKey());
            }
            if (wanted.getValue() < 0 || (field.width() < 63 && wanted.getValue() >>> field.width() != 0)) {
                throw new BackendException(
                        Errno.EINVAL,
                        "capability " + group.getKey() + "." + field.name() + "=0x"
                                + Long.toHexString(wanted.getValue()) + " exceeds " + field.width() + " bits");
            }
            value = field.set(value, wanted.getValue());
        }
        return value;
    }

    private static BitField fieldOf(Layout layout, String name) {
        String today = FORMER_NAMES.getOrDefault(name, name);
        for (BitField field : layout.fields()) {
            if (field.name().equals(today)) {
                return field;
            }
        }
        return null;
    }

    private static void refuse(List<BitField> fields, String register, long value) {
        for (BitField field : fields) {
            if (field.isSet(value)) {
                throw new BackendException(
                        Errno.EPROTONOSUPPORT, register + "." + field.name() + " is not modelled in this release");
            }
        }
    }

    private static long parseVersion(String text) {
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
