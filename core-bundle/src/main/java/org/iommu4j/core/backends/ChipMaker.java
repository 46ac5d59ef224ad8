package org.iommu4j.core.backends;

import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.core.lease.HardwarePort;
import org.iommu4j.core.lease.Lease;
import org.iommu4j.core.service.UnitConfig;

/**
 * Has a backend make, save and restore chips with their drivers, and takes from it only what it announced: the generation
 * that was asked for, and the kind and version of state of its description.
 */
public final class ChipMaker {
    private ChipMaker() {}

    /** Returns a saved state if it has the kind and version that the backend announced. */
    public static Snapshot checked(Snapshot state, Snapshot.Kind kind, BackendEntry by) {
        if (state == null || state.kind() != kind || state.model() != by.model()) {
            throw new BackendException(Errno.EIO, "save() of " + by + " answered " + state + " for its " + kind);
        }
        if (state.version() != by.description().stateWritten()) {
            throw new BackendException(
                    Errno.EIO,
                    "save() of " + by + " wrote state version " + state.version() + ", announced is "
                            + by.description().stateWritten());
        }
        return state;
    }

    /** Why a backend cannot read a version of state; empty if it can. */
    public static String obstacle(int stateVersion, BackendDescription reader) {
        return reader.stateOldestRead() <= stateVersion && stateVersion <= reader.stateWritten()
                ? ""
                : "state version " + stateVersion + " is not in " + reader.stateOldestRead() + ".."
                        + reader.stateWritten() + " of " + reader.name() + " " + reader.version();
    }

    public static Hardware checked(Hardware hardware, int subVersion, BackendEntry by) {
        HardwareConfig made = hardware == null ? null : hardware.config();
        if (made == null || made.subVersion() != subVersion) {
            throw new IllegalStateException(by + " made no chip of generation " + Generation.text(subVersion));
        }
        return hardware;
    }

    public static Translator checked(Translator translator, int subVersion, BackendEntry by) {
        if (translator == null || translator.subVersion() != subVersion) {
            throw new IllegalStateException(by + " made no driver of generation " + Generation.text(subVersion));
        }
        return translator;
    }

    /** A chip fresh from reset, with its driver unless it is bare. Calls foreign code. */
    public static Chip fresh(UnitConfig config, Lease lease, BackendEntry by) {
        Backend backend = by.parts().backend();
        int subVersion = config.hardware().subVersion();
        Hardware hardware = checked(backend.createHardware(config.hardware(), lease), subVersion, by);
        if (config.bare()) {
            return new Chip(by, hardware, null);
        }
        Translator translator = backend.createTranslator(subVersion, new HardwarePort(lease, hardware));
        return new Chip(by, hardware, checked(translator, subVersion, by));
    }

    /** A chip and a driver that go on where others stopped. Calls foreign code. */
    public static Chip resumed(
            Snapshot hardwareState, Snapshot driverState, int subVersion, Lease lease, BackendEntry by) {
        Backend backend = by.parts().backend();
        Hardware hardware = checked(backend.restoreHardware(hardwareState, lease), subVersion, by);
        Translator translator = backend.restoreTranslator(driverState, new HardwarePort(lease, hardware));
        return new Chip(by, hardware, checked(translator, subVersion, by));
    }

    /** Repeats an invalidation until it is complete; it fails with EIO if the driver makes no progress. */
    public static int invalidate(Translator translator, int domain, InvalidateRequest request, Completion completion) {
        int code;
        long before;
        do {
            before = request.progress();
            code = translator.invalidate(domain, request, completion);
        } while (code == Translator.UNFINISHED && request.progress() > before);
        return code == Translator.UNFINISHED
                ? completion.fail(Errno.EIO, "the backend does not come any further with the request")
                : code;
    }
}
