package org.iommu4j.upgrade.capture;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.contract.IommuModel;

/**
 * What the records of one architecture mean: where in the captured registers the ring is, which records publish changed
 * structures, which register reads are oddities of the machine that was captured; or which records are calls. Knowledge of
 * the format, as data.
 *
 * @param arch name in the captures
 * @param model who serves it
 * @param registers by name, with their places
 * @param capabilities names of the registers that say what the chip can do
 * @param ringBase where the guest says where its ring is; null if the model has no ring
 * @param generations first rule that holds decides; the last one always holds
 * @param structures kinds of table reads that are not page tables: the guest publishes them by an invalidation
 * @param publications what publishes them
 * @param oddReads register reads that the captured machine answered otherwise than the specification
 * @param bringUp what turns a frozen machine's translation on
 * @param calls what its hypercalls or instructions mean, of a model without registers
 */
public record CaptureModel(
        String arch,
        IommuModel model,
        Map<String, RegisterPlace> registers,
        List<String> capabilities,
        RingBase ringBase,
        List<GenerationRule> generations,
        Set<String> structures,
        List<Publication> publications,
        List<OddRead> oddReads,
        List<BringUp> bringUp,
        CallRecords calls) {

    /** Copies the collections. */
    public CaptureModel {
        registers = Map.copyOf(registers);
        capabilities = List.copyOf(capabilities);
        generations = List.copyOf(generations);
        structures = Set.copyOf(structures);
        publications = List.copyOf(publications);
        oddReads = List.copyOf(oddReads);
        bringUp = List.copyOf(bringUp);
    }

    /**
     * Where a register is.
     *
     * @param offset in bytes from the start of the register block
     * @param sizeBytes 4 or 8
     */
    public record RegisterPlace(long offset, int sizeBytes) {}

    /**
     * The register that holds the address of the ring.
     *
     * @param register its name
     * @param mask the bits that are the address
     */
    public record RingBase(String register, long mask) {}

    /**
     * Which generation a capture needs.
     *
     * @param subVersion the generation
     * @param about name for people
     * @param register name of the register, or of the fact from calls, that decides; null if the rule always holds
     * @param mask bits that decide
     * @param value what they must be
     */
    public record GenerationRule(int subVersion, String about, String register, long mask, long value) {}

    /**
     * A register write or a command after which the hardware may read changed structures.
     *
     * @param register its name; null for a command, of which the first 64-bit word counts
     * @param mask bits that decide
     * @param value what they must be
     * @param granularityShift lowest bit of the two-bit granularity, of which 3 names one device; -1 if all are meant
     * @param requesterShift lowest bit of the 16-bit requester id
     * @param functionMaskShift lowest bit of the two-bit mask of function bits to ignore
     */
    public record Publication(
            String register, long mask, long value, int granularityShift, int requesterShift, int functionMaskShift) {
        private static final int ONE_DEVICE = 3;
        private static final int[] IGNORED_FUNCTION_BITS = {0, 4, 6, 7};

        /** True if that word publishes something. */
        public boolean matches(long word) {
            return (word & mask) == value;
        }

        /** True if what that word publishes may concern every device. */
        public boolean coversAll(long word) {
            return granularityShift < 0 || (word >>> granularityShift & 3) != ONE_DEVICE;
        }

        /** The device that a word names which does not cover all. */
        public int requester(long word) {
            return (int) (word >>> requesterShift) & 0xffff;
        }

        /** True if what that word publishes concerns a device. */
        public boolean covers(long word, int device) {
            int ignored = IGNORED_FUNCTION_BITS[(int) (word >>> functionMaskShift & 3)];
            return coversAll(word) || ((requester(word) ^ device) & ~ignored) == 0;
        }
    }

    /**
     * Bits that the captured machine reads back otherwise than the specification says.
     *
     * @param register its name
     * @param ignoredBits not compared
     * @param why for people
     */
    public record OddRead(String register, long ignoredBits, String why) {}

    /**
     * One register write that brings a frozen machine up.
     *
     * @param register where
     * @param from name of the frozen register whose value is written; null for a constant
     * @param constant what is written otherwise
     */
    public record BringUp(String register, String from, long constant) {}

    /** Architectures of the format that are not replayed yet, with their models. */
    static final Map<String, String> LATER = Map.of(
            "smmuv3", IommuModel.ARM_SMMU.label(),
            "amdvi", IommuModel.AMD.label());

    private static final CaptureModel VTD = new CaptureModel(
            "vtd",
            IommuModel.INTEL,
            Map.of(
                    "VER", new RegisterPlace(0x0, 4),
                    "CAP", new RegisterPlace(0x8, 8),
                    "ECAP", new RegisterPlace(0x10, 8),
                    "GCMD", new RegisterPlace(0x18, 4),
                    "RTADDR", new RegisterPlace(0x20, 8),
                    "CCMD", new RegisterPlace(0x28, 8),
                    "IQA", new RegisterPlace(0x90, 8)),
            List.of("VER", "CAP", "ECAP"),
            new RingBase("IQA", 0x000f_ffff_ffff_f000L),
            List.of(
                    new GenerationRule(0x0300, "scalable mode", "RTADDR", 0xc00, 0x400),
                    new GenerationRule(0x0100, "register-based invalidation", "ECAP", 0x2, 0),
                    new GenerationRule(0x0110, "legacy mode with a queue", null, 0, 0)),
            Set.of("root", "ctx"),
            List.of(
                    new Publication(null, 0xf, 0x1, 4, 32, 48),
                    new Publication("CCMD", 1L << 63, 1L << 63, 61, 16, 32),
                    new Publication("GCMD", 1L << 30, 1L << 30, -1, 0, 0)),
            List.of(
                    new OddRead("IQA", 1L << 11, "the captured machine reads IQA.DW back as 0"),
                    new OddRead("CCMD", 0x3_ffff_0000L, "it reads the write-only CCMD.SID and CCMD.FM back")),
            List.of(
                    new BringUp("RTADDR", "RTADDR", 0),
                    new BringUp("GCMD", null, 1L << 30),
                    new BringUp("GCMD", null, 1L << 31)),
            CallRecords.NONE);

    private static final List<CaptureModel> ALL = List.of(VTD, SpaprRecords.MODEL, ZpciRecords.MODEL);

    /** The model of that architecture, or null. */
    public static CaptureModel ofArch(String arch) {
        for (CaptureModel model : ALL) {
            if (model.arch.equals(arch)) {
                return model;
            }
        }
        return null;
    }

    /** Names of the known architectures. */
    public static List<String> archs() {
        return ALL.stream().map(CaptureModel::arch).toList();
    }

    /** Name of the register at an offset that begins there or lies in it, or null. */
    public String registerAt(long offset) {
        for (Map.Entry<String, RegisterPlace> entry : registers.entrySet()) {
            RegisterPlace place = entry.getValue();
            if (offset >= place.offset() && offset < place.offset() + place.sizeBytes()) {
                return entry.getKey();
            }
        }
        return null;
    }
}
