package org.iommu4j.backend.capture;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;

/**
 * The meaning of the records in one architecture's captures: which ones are calls, where in the captured registers the command
 * ring is, what publishes changed structures, what the captured machine answered otherwise than the specification.
 *
 * @param arch name in the captures
 * @param model who serves it
 * @param defaultCapture folder of the capture that is replayed if none is named, below the project's folder of captures;
 *     empty if there is none
 * @param requesterBits width of what a device's accesses are tagged with, 1 to 32
 * @param generations which generation a capture needs: the first rule that holds decides; the last one always holds
 * @param structures kinds of table reads that are not page tables: the guest publishes them by an invalidation or a call
 * @param registers what register accesses and commands mean
 * @param calls what hypercalls or instructions mean
 * @param unitOfRequester the bits of {@code dev} that number the unit of the machine which translates for it; null if they
 *     do not tell
 * @param requesterTables tables of structures whose entries are found by the requester, so that an entry's address tells whose
 *     it is
 * @param passThroughMayBlock true if the capture's own walker calls devices untranslated that the tables may as well block: it
 *     looks at no rights where there is no page table
 * @param passingFaults words of a translation's {@code fault} with which the access was not refused: translation was off, and it
 *     passed
 * @param commandNames names of commands by those that captures have for them, where they differ
 * @param hostFields capability fields, by group and name, that a host's chip needs beside those of the captured one, so that it can
 *     serve the guest
 * @param gaps how the gaps of captures are filled that do not have everything
 * @param trace how a capture is made of an emulator's own trace
 */
public record CaptureFormat(
        String arch,
        IommuModel model,
        String defaultCapture,
        int requesterBits,
        List<GenerationRule> generations,
        Set<String> structures,
        RegisterRecords registers,
        CallRecords calls,
        CapturedNumber unitOfRequester,
        List<RequesterTable> requesterTables,
        boolean passThroughMayBlock,
        Set<String> passingFaults,
        Map<String, String> commandNames,
        Map<String, Map<String, Long>> hostFields,
        GapRecords gaps,
        TraceFormat trace) {

    /**
     * A table of structures whose entries are found by the requester.
     *
     * @param structure kind of table read
     * @param register where the guest says where the table is
     * @param base field with the address
     * @param entryBytes size of an entry
     */
    public record RequesterTable(String structure, Register register, BitField base, int entryBytes) {
        /**
         * The requester whose entry is at an address.
         *
         * @param table value of the register
         * @return a negative number, or one beyond every requester, if it is outside of the table
         */
        public long requesterAt(long table, long pa) {
            return Math.floorDiv(pa - base.get(table), entryBytes);
        }
    }

    /** Copies the collections and checks the width. */
    public CaptureFormat {
        if (requesterBits < 1 || requesterBits > Integer.SIZE) {
            throw new IllegalArgumentException(arch + ": requesters of " + requesterBits + " bits");
        }
        if (generations.isEmpty() || generations.get(generations.size() - 1).source() != null) {
            throw new IllegalArgumentException(arch + " has no rule for generations that always holds");
        }
        generations = List.copyOf(generations);
        structures = Set.copyOf(structures);
        requesterTables = List.copyOf(requesterTables);
        passingFaults = Set.copyOf(passingFaults);
        commandNames = Map.copyOf(commandNames);
        hostFields = Map.copyOf(hostFields);
    }

    /** A format of captures that have everything. */
    public CaptureFormat(
            String arch,
            IommuModel model,
            String defaultCapture,
            int requesterBits,
            List<GenerationRule> generations,
            Set<String> structures,
            RegisterRecords registers,
            CallRecords calls,
            CapturedNumber unitOfRequester,
            List<RequesterTable> requesterTables,
            boolean passThroughMayBlock,
            Set<String> passingFaults,
            Map<String, String> commandNames,
            Map<String, Map<String, Long>> hostFields) {
        this(
                arch,
                model,
                defaultCapture,
                requesterBits,
                generations,
                structures,
                registers,
                calls,
                unitOfRequester,
                requesterTables,
                passThroughMayBlock,
                passingFaults,
                commandNames,
                hostFields,
                GapRecords.NONE,
                TraceFormat.NONE);
    }

    /**
     * Starts the declaration of a format: requesters of 32 bits, no registers, no calls.
     *
     * @param arch name in the captures
     * @param model who serves it
     */
    public static Builder of(String arch, IommuModel model) {
        return new Builder(arch, model);
    }

    /** The largest requester. */
    public long lastRequester() {
        return -1L >>> (Long.SIZE - requesterBits);
    }

    /**
     * The condition under which a capture needs a generation.
     *
     * @param subVersion the generation
     * @param about name for people
     * @param source name of the register that decides, or of the fact from calls; null if the rule always holds
     * @param mask bits that decide
     * @param value what they must be
     */
    public record GenerationRule(int subVersion, String about, String source, long mask, long value) {
        /** A rule that always holds. */
        public static GenerationRule otherwise(int subVersion, String about) {
            return new GenerationRule(subVersion, about, null, 0, 0);
        }

        /** A rule that holds if the guest wrote, or the chip has, that value in a field of a register. */
        public static GenerationRule ofField(
                int subVersion, String about, Register register, BitField field, long value) {
            return new GenerationRule(subVersion, about, register.name(), field.mask(), field.of(value));
        }

        /** A rule that holds if some bits of a fact are set. */
        public static GenerationRule ofFact(int subVersion, String about, String fact, long bits) {
            return new GenerationRule(subVersion, about, fact, bits, bits);
        }
    }

    /** Collects the parts of a format. */
    public static final class Builder {
        private final String arch;
        private final IommuModel model;
        private String defaultCapture = "";
        private int requesterBits = Integer.SIZE;
        private List<GenerationRule> generations = List.of();
        private Set<String> structures = Set.of();
        private RegisterRecords registers = RegisterRecords.NONE;
        private CallRecords calls = CallRecords.NONE;
        private CapturedNumber unitOfRequester;
        private List<RequesterTable> requesterTables = List.of();
        private boolean passThroughMayBlock;
        private Set<String> passingFaults = Set.of();
        private Map<String, String> commandNames = Map.of();
        private Map<String, Map<String, Long>> hostFields = Map.of();
        private GapRecords gaps = GapRecords.NONE;
        private TraceFormat trace = TraceFormat.NONE;

        private Builder(String arch, IommuModel model) {
            this.arch = arch;
            this.model = model;
        }

        /** The capture that is replayed if none is named. */
        public Builder defaultCapture(String folder) {
            defaultCapture = folder;
            return this;
        }

        /** Width of a requester, 1 to 32. */
        public Builder requesterBits(int width) {
            requesterBits = width;
            return this;
        }

        /** The rules that tell a capture's generation; the first that holds counts, and the last one always holds. */
        public Builder generations(GenerationRule... rules) {
            generations = List.of(rules);
            return this;
        }

        /** Kinds of table reads that are not page tables. */
        public Builder structures(String... kinds) {
            structures = Set.of(kinds);
            return this;
        }

        /** The meaning of register accesses and commands. */
        public Builder registers(RegisterRecords records) {
            registers = records;
            return this;
        }

        /** The meaning of hypercalls or instructions. */
        public Builder calls(CallRecords records) {
            calls = records;
            return this;
        }

        /** The bits of {@code dev} that number the machine's unit. */
        public Builder unitOfRequester(CapturedNumber bits) {
            unitOfRequester = bits;
            return this;
        }

        /** Tables of structures whose entries are found by the requester. */
        public Builder requesterTables(RequesterTable... tables) {
            requesterTables = List.of(tables);
            return this;
        }

        /** The capture's own walker calls devices untranslated that the tables may as well block. */
        public Builder passThroughMayBlock() {
            passThroughMayBlock = true;
            return this;
        }

        /** Words of a translation's {@code fault} with which the access was not refused. */
        public Builder passingFaults(String... words) {
            passingFaults = Set.of(words);
            return this;
        }

        /** Names of commands by those that captures have for them. */
        public Builder commandNames(Map<String, String> names) {
            commandNames = names;
            return this;
        }

        /** Capability fields of one group that a host's chip needs beside the captured ones. */
        public Builder hostFields(String group, Map<String, Long> fields) {
            hostFields = Map.of(group, fields);
            return this;
        }

        /** How the gaps of captures are filled. */
        public Builder gaps(GapRecords records) {
            gaps = records;
            return this;
        }

        /** How a capture is made of an emulator's own trace. */
        public Builder trace(TraceFormat format) {
            trace = format;
            return this;
        }

        /**
         * The format.
         *
         * @throws IllegalArgumentException if no rule for generations always holds
         */
        public CaptureFormat build() {
            return new CaptureFormat(
                    arch,
                    model,
                    defaultCapture,
                    requesterBits,
                    generations,
                    structures,
                    registers,
                    calls,
                    unitOfRequester,
                    requesterTables,
                    passThroughMayBlock,
                    passingFaults,
                    commandNames,
                    hostFields,
                    gaps,
                    trace);
        }
    }
}
