package org.iommu4j.core.service;

import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.IommuModel;
import org.osgi.annotation.versioning.ProviderType;

/** The entry: an OSGi service. All methods may be called from any thread. */
@ProviderType
public interface IommuService {
    /**
     * Every backend that is or was there, newest last; then the vendors' bundles that are there and bring no backend, each
     * with the reason and the number 0. Waits for no trial: but a model's first backend, which this may be the first to use, has a
     * second.
     */
    List<BackendStatus> backends();

    /**
     * Why no backend serves a model, as far as something is there that should: each backend and bundle with its root cause,
     * those that do not tell their model included. Empty if one serves, or nothing is known.
     */
    default String absence(IommuModel model) {
        return "";
    }

    /**
     * The backend that serves a model now, or will once it has been used for the first time and passed its trial; or null. For
     * descriptions only: what it makes is not swapped. It may be kept: what the vendor's code throws arrives as
     * {@link org.iommu4j.backend.BackendException}, and once its bundle is leaving every method of it, of its formats and of its
     * bench support answers {@code ENODEV}, but {@link Backend#describe}.
     */
    Backend backend(IommuModel model);

    /**
     * How captures are read, as the backends that are there say: of each architecture of captures what the one with the
     * highest version says, whether it serves or stands by. Ordered by the names of the architectures.
     */
    default List<CaptureFormat> captureFormats() {
        return List.of();
    }

    /**
     * Makes a machine with one chip, and a driver for it unless it is bare.
     *
     * @throws org.iommu4j.backend.BackendException {@code ENODEV} without a backend, and what the backend throws
     */
    Unit openUnit(UnitConfig config);

    /** The open units, as their clients have them. */
    List<Unit> units();

    /** Negotiates as for a new container, without opening anything. */
    Agreement negotiate(Offer offer, int hostSubVersion);

    /**
     * What clients of each generation would agree on with chips of each, as {@link #negotiate} says, with the backend that serves
     * and all shims that are there. Null if no backend serves the model.
     */
    default NegotiationTable negotiationTable(IommuModel model) {
        return null;
    }

    /**
     * Makes another present backend the one that serves its model. Either every unit of the model has moved and no request
     * was lost, or everything is as before.
     *
     * @param version the wanted backend's bundle version, or {@code #} and its {@link BackendStatus#id} where versions are
     *     equal. A backend that failed is tried again
     */
    SwapReport swap(IommuModel model, String version, SwapLimits limits);

    /**
     * As {@link #swap}, when the backend that serves does not let go. Calls that do not come out in
     * {@link SwapLimits#drainNanos} are left behind with the chip and driver that they are in: their threads are interrupted,
     * which is all that Java can do, and whenever they come out they are answered with {@code EIO}. Their units start from
     * reset on the new backend, get their domains, devices and bindings again, and everything is invalidated. Other units
     * move as usual. Containers whose agreement the new backend does not serve are lost, and reported so. The one that served
     * counts as failed.
     */
    default SwapReport forceSwap(IommuModel model, String version, SwapLimits limits) {
        return swap(model, version, limits);
    }

    /** Previews a swap: agreements that survive, state that can be read. Changes nothing. */
    SwapReport preview(IommuModel model, String version);

    /** Reports of the last swaps, oldest first; bounded. */
    List<SwapReport> swaps();

    /** Tells a listener of each swap after it ended; close the handle to stop. */
    AutoCloseable onSwap(java.util.function.Consumer<SwapReport> listener);

    /**
     * Shows every unit that is opened from now on to an interposer, before its client gets it; close the handle to stop.
     * With several, each gets what the one before it gave. One that throws has no part in the unit.
     */
    AutoCloseable interpose(UnitInterposer interposer);
}
