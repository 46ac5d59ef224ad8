package org.iommu4j.core.swap;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntSupplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.backends.ChipMaker;
import org.iommu4j.core.containers.CoreGuest;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.GuestBackend;
import org.iommu4j.core.containers.UnitRegistry;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.foreign.VendorThread;
import org.iommu4j.core.lease.Lease;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.UnitConfig;

/** Has backends make units and virtual IOMMUs, in a bounded time; what is made too late reaches no machine. */
final class UnitMaker {
    private final PlatformFactory platforms;
    private final UnitRegistry registry;

    /**
     * A maker.
     *
     * @param platforms makes the machines of units
     * @param registry of the model, for the units
     */
    UnitMaker(PlatformFactory platforms, UnitRegistry registry) {
        this.platforms = platforms;
        this.registry = registry;
    }

    /**
     * Makes a unit with its machine, chip and driver.
     *
     * @throws VendorFailure if the backend refuses, breaks or does not answer in time
     */
    CoreUnit unit(IntSupplier ids, UnitConfig config, Generation generation, BackendEntry serving)
            throws VendorFailure {
        int width = config.hostAddressWidth() == 0 ? generation.hostAddressWidth() : config.hostAddressWidth();
        PlatformConfig machine;
        try {
            machine = new PlatformConfig(
                    width, config.ram(), config.interrupts(), config.devices(), config.sanitizer(), config.reads());
        } catch (IllegalArgumentException e) {
            throw new BackendException(Errno.EINVAL, e.getMessage());
        }
        AtomicReference<Lease> given = new AtomicReference<>();
        try (VendorThread thread = new VendorThread("iommu4j-open")) {
            Platform platform = machine(machine, thread);
            return thread.callWithoutHaste("making a unit", SwapLimits.DEFAULT.handoverNanos(), () -> {
                Lease lease = new Lease(platform.forOwner(PageOwner.HOST));
                given.set(lease);
                Chip chip = ChipMaker.fresh(config, lease, serving);
                return new CoreUnit(ids.getAsInt(), registry, config, platform, chip, lease);
            });
        } catch (VendorFailure e) {
            Lease lease = given.get();
            if (lease != null) {
                lease.end();
            }
            throw e;
        }
    }

    private Platform machine(PlatformConfig config, VendorThread thread) {
        try {
            return thread.callWithoutHaste("making a machine", SwapLimits.DEFAULT.handoverNanos(), () -> {
                Platform platform = platforms.create(config);
                if (platform == null || platform.memory() == null) {
                    throw new BackendException(Errno.EIO, "nobody makes a machine for the unit");
                }
                return platform;
            });
        } catch (VendorFailure e) {
            throw e.toUsers();
        }
    }

    /**
     * Makes a virtual IOMMU in front of a unit.
     *
     * @throws VendorFailure if the backend refuses, breaks or does not answer in time
     */
    static CoreGuest guest(CoreUnit unit, HardwareConfig config, GuestRequests sink, BackendEntry serving)
            throws VendorFailure {
        Backend backend = serving.parts().backend();
        AtomicReference<Lease> given = new AtomicReference<>();
        try (VendorThread thread = new VendorThread("iommu4j-open")) {
            return thread.callWithoutHaste("making a virtual IOMMU", SwapLimits.DEFAULT.handoverNanos(), () -> {
                backend.checkGuest(config, unit.config().hardware());
                Lease lease = new Lease(unit.guestPlatform());
                given.set(lease);
                GuestDecoder decoder = backend.createGuestDecoder(config, lease);
                if (decoder == null) {
                    throw new BackendException(Errno.EIO, serving + " made no virtual IOMMU");
                }
                return new CoreGuest(unit, sink, new GuestBackend(serving, decoder, ""), lease);
            });
        } catch (VendorFailure e) {
            Lease lease = given.get();
            if (lease != null) {
                lease.endAndFree();
            }
            throw e;
        }
    }
}
