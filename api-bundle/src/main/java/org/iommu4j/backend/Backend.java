package org.iommu4j.backend;

import java.util.List;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.Layout;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * One version of a vendor's bundle, registered as a service. A consumer type: vendors implement it and keep resolving when
 * a default method is added. It is tiny on purpose; abilities grow as data in {@link BackendDescription}.
 *
 * <p>All methods may be called from any thread and have no side effect on other objects that the backend made.
 */
@ConsumerType
public interface Backend {
    /** What it is; always the same answer. */
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

    /** Every structure, command, register and payload, for explanations and documentation. */
    List<Layout> layouts();

    /** The vendor part of each bind operation that it understands; see {@link BindFormat}. */
    List<BindFormat> bindFormats();

    /** Handlers between its own generations. */
    List<Shim> shims();

    /** What a test bench has to know of the model. */
    default BenchSupport bench() {
        return BenchSupport.NONE;
    }
}
