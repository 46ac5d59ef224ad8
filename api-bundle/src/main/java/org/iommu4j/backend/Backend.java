package org.iommu4j.backend;

import java.util.List;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * One version of a vendor's bundle, registered as a service. A consumer type: vendors implement it and keep resolving when
 * a default method is added. It is tiny on purpose; abilities grow as data in {@link BackendDescription}.
 *
 * <p>All methods may be called from any thread and have no side effect on other objects that the backend made.
 */
@ConsumerType
public interface Backend {
    /** The backend's model, version and generations; always the same answer. */
    BackendDescription describe();

    /**
     * A chip fresh from reset.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation, {@code EINVAL} for a capability that
     *     does not exist or does not fit its field, naming it
     */
    Hardware createHardware(HardwareConfig config, Platform platform);

    /**
     * A chip that goes on where another stopped; its caches may be empty.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version outside what {@link #describe} says,
     *     {@code EINVAL} for a damaged state; nothing is restored in part
     */
    Hardware restoreHardware(Snapshot state, Platform platform);

    /**
     * A driver for a chip fresh from reset. It programs the chip through {@code port} until translation is enabled and
     * every device is blocked.
     *
     * @param subVersion the generation of the chip
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation, {@code EIO} if the chip does not answer
     */
    Translator createTranslator(int subVersion, NativePort port);

    /**
     * A driver that goes on where another stopped; it writes nothing until it is called.
     *
     * @throws BackendException as {@link #restoreHardware}
     */
    Translator restoreTranslator(Snapshot state, NativePort port);

    /**
     * Says whether a virtual IOMMU may stand in front of a chip. Where the chip walks the guest's own tables, the guest must not be
     * offered what the chip would ignore in them.
     *
     * @param guest what the guest sees
     * @param host the chip
     * @throws BackendException {@code EOPNOTSUPP} if the guest would be offered too much, and as {@link #createHardware} for a
     *     configuration that is refused
     */
    default void checkGuest(HardwareConfig guest, HardwareConfig host) {
        // Nothing that a guest is offered needs more than each chip has.
    }

    /**
     * A virtual IOMMU of one generation for one guest.
     *
     * @param config what the guest sees
     * @param memory the guest's memory
     */
    GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory);

    /**
     * A virtual IOMMU that goes on where another stopped.
     *
     * @throws BackendException as {@link #restoreHardware}
     */
    GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory);

    /**
     * A virtual IOMMU whose tables are the host's: it may need pages of its own, as where a guest changes its tables by
     * hypercalls only. The core calls this form.
     *
     * @param config what the guest sees
     * @param platform the guest's memory, and the host's pages
     */
    default GuestDecoder createGuestDecoder(HardwareConfig config, Platform platform) {
        return createGuestDecoder(config, platform.memory());
    }

    /**
     * A virtual IOMMU that goes on where another stopped; its pages are those of the other.
     *
     * @throws BackendException as {@link #restoreHardware}
     */
    default GuestDecoder restoreGuestDecoder(Snapshot state, Platform platform) {
        return restoreGuestDecoder(state, platform.memory());
    }

    /** Every structure, command, register and payload, for explanations and documentation. */
    List<Layout> layouts();

    /**
     * The native commands that its chips take, of all generations; for explanations. A field of a command's layout with
     * exactly one legal code is part of its opcode: by these fields a command is told from its siblings.
     */
    default List<CommandFormat> commands() {
        return List.of();
    }

    /** The hypercalls or instructions that its chips take, of all generations; empty for a model with registers only. */
    default List<CallFormat> calls() {
        return List.of();
    }

    /** Layouts that the vendor part of an invalidation may have in a generation; empty if the generation is unknown. */
    default List<Layout> payloads(int subVersion) {
        return List.of();
    }

    /**
     * The registers of a generation's default chip, each at its offset; for explanations. Empty if the generation is
     * unknown, or has no register block.
     */
    default List<Register> registers(int subVersion) {
        return List.of();
    }

    /**
     * The meaning of a value where the layout does not say it: a fault reason, the size of a range. Empty if there is nothing
     * to add.
     *
     * @param layout one of {@link #layouts}
     * @param field one of its fields
     * @param words the structure's words
     */
    default String meaning(Layout layout, BitField field, long... words) {
        return "";
    }

    /**
     * The settings of a configuration of its chips, of all generations; for documents and help. Empty if the backend does
     * not tell.
     */
    default List<Setting> settings() {
        return List.of();
    }

    /**
     * The vendor part of each bind operation that it understands; see {@link BindFormat}. A 32-bit layout of the same name
     * and {@code " flags"} in {@link #layouts} says what the header's flags mean.
     */
    List<BindFormat> bindFormats();

    /** Handlers between its own generations. */
    List<Shim> shims();

    /**
     * The forms in which generations say effects, at most one each. With them the core compares what a request drops before and after shims,
     * whoever brings them.
     */
    default List<EffectForm> effectForms() {
        return List.of();
    }

    /** Pairs of generations that nothing may bridge, neither its own shims nor those of others. */
    default List<Unbridgeable> unbridgeable() {
        return List.of();
    }

    /**
     * The formats that the backend recognizes in bytes. A backend without an answer of its own is asked by the methods of
     * {@link BenchSupport} that had this role.
     */
    default NativeFormats formats() {
        return new BenchFormats(bench());
    }

    /**
     * How captures of machines with its chips are read, one format an architecture of captures. Data only: neither they nor
     * what they hold are classes of the vendor's.
     */
    default List<CaptureFormat> captureFormats() {
        return List.of();
    }

    /** Knowledge of the model that only a test bench needs. */
    default BenchSupport bench() {
        return BenchSupport.NONE;
    }
}
