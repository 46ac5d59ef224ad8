package org.iommu4j.backend.capture;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/**
 * The meaning of a captured machine's register accesses and fetched commands, for a model with a register block.
 *
 * @param capabilities the registers that say what the chip can do
 * @param ring where the guest says where its command ring is; null if the model has none
 * @param publications what publishes changed structures; of several that fit, the first one counts
 * @param oddReads what the captured machine reads back otherwise than the specification says
 * @param bringUp the register writes that turn translation on in a machine that was stopped, in this order
 * @param lenient what the captured machine can do though its registers do not say so
 */
public record RegisterRecords(
        List<Register> capabilities,
        RingBase ring,
        List<Publication> publications,
        List<OddRead> oddReads,
        List<BringUp> bringUp,
        List<Lenient> lenient) {
    /** A model without registers. */
    public static final RegisterRecords NONE = new RegisterRecords(List.of(), null, List.of(), List.of(), List.of());

    /** A machine that can do nothing that its registers do not say. */
    public RegisterRecords(
            List<Register> capabilities,
            RingBase ring,
            List<Publication> publications,
            List<OddRead> oddReads,
            List<BringUp> bringUp) {
        this(capabilities, ring, publications, oddReads, bringUp, List.of());
    }

    /** Copies the lists. */
    public RegisterRecords {
        capabilities = List.copyOf(capabilities);
        publications = List.copyOf(publications);
        oddReads = List.copyOf(oddReads);
        bringUp = List.copyOf(bringUp);
        lenient = List.copyOf(lenient);
    }

    /** Every register that is named here, each once. */
    public Set<Register> all() {
        Set<Register> all = new LinkedHashSet<>(capabilities);
        if (ring != null) {
            all.add(ring.register());
        }
        publications.stream().map(Publication::register).forEach(all::add);
        oddReads.stream().map(OddRead::register).forEach(all::add);
        bringUp.stream().map(BringUp::register).forEach(all::add);
        all.remove(null);
        return all;
    }

    /**
     * The register that holds the address of the command ring.
     *
     * @param register which
     * @param address field whose value is the address
     */
    public record RingBase(Register register, BitField address) {}

    /**
     * A value that a field must have.
     *
     * @param field of a register or a command
     * @param value as {@link BitField#get(long)} gives it
     */
    public record FieldValue(BitField field, long value) {
        /** True if words hold it. */
        public boolean isIn(long[] words) {
            return field.get(words) == value;
        }
    }

    /**
     * A register write or a command after which the hardware may read changed structures.
     *
     * @param register which one is written; null for a command
     * @param command layout of the command; null for a register
     * @param when values that the register or command must have
     * @param devices which devices it concerns; null if all
     */
    public record Publication(Register register, Layout command, List<FieldValue> when, Devices devices) {
        /** Copies the list. */
        public Publication {
            when = List.copyOf(when);
        }

        /** A write of a register. */
        public static Publication ofWrite(Register register, FieldValue... when) {
            return new Publication(register, null, List.of(when), null);
        }

        /** A command of the ring. */
        public static Publication ofCommand(Layout command, FieldValue... when) {
            return new Publication(null, command, List.of(when), null);
        }

        /** The same, but it concerns only these devices. */
        public Publication of(Devices some) {
            return new Publication(register, command, when, some);
        }

        /**
         * True if this is what was written.
         *
         * @param words value of the register, or the command's
         */
        public boolean matches(long[] words) {
            return when.stream().allMatch(value -> value.isIn(words));
        }
    }

    /**
     * The devices that a publication names: those whose requester id is the one in a field, but for some bits.
     *
     * @param requester field with the requester id
     * @param ignored field that says which bits are not compared; null if all are
     * @param ignoredBits for each value of {@code ignored}, from 0 on, the bits of the requester id that are not compared
     */
    public record Devices(BitField requester, BitField ignored, List<Long> ignoredBits) {
        /** Copies the list. */
        public Devices {
            ignoredBits = List.copyOf(ignoredBits);
        }

        /** One device. */
        public static Devices one(BitField requester) {
            return new Devices(requester, null, List.of());
        }

        /**
         * The bits that are not compared.
         *
         * @return all of them for a value that the list does not have
         */
        public long ignoredBits(long[] words) {
            if (ignored == null) {
                return 0;
            }
            long value = ignored.get(words);
            return value >= 0 && value < ignoredBits.size() ? ignoredBits.get((int) value) : -1L;
        }
    }

    /**
     * Bits that the captured machine reads back otherwise than the specification says; they are not compared.
     *
     * @param register which
     * @param fields of the register
     * @param why for people
     */
    public record OddRead(Register register, List<BitField> fields, String why) {
        /** Copies the list. */
        public OddRead {
            fields = List.copyOf(fields);
        }

        /** The bits. */
        public long bits() {
            return fields.stream().mapToLong(BitField::mask).reduce(0, (one, other) -> one | other);
        }
    }

    /**
     * A capability that the captured machine does not show, but accepts what it allows; the bit is not compared.
     *
     * @param register of capabilities
     * @param shown flag that it shows then
     * @param accepted flag that it acts as if it showed
     * @param why for people
     */
    public record Lenient(Register register, BitField shown, BitField accepted, String why) {
        /** The register as the machine acts. */
        public long acted(long value) {
            return shown.isSet(value) ? value | accepted.mask() : value;
        }

        /** The bit that is not compared, as a read of the register. */
        public OddRead oddRead() {
            return new OddRead(register, List.of(accepted), why);
        }
    }

    /**
     * One register write that brings a stopped machine up.
     *
     * @param register which one is written
     * @param from name under which the value stands among the registers of the stopped machine; null for a constant
     * @param constant what is written otherwise
     */
    public record BringUp(Register register, String from, long constant) {
        /** The value that the register had. */
        public static BringUp restored(Register register) {
            return new BringUp(register, register.name(), 0);
        }

        /** A value that is always the same. */
        public static BringUp constant(Register register, long value) {
            return new BringUp(register, null, value);
        }
    }
}
