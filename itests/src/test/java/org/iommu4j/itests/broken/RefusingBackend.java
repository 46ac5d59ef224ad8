package org.iommu4j.itests.broken;

import java.util.List;
import java.util.Set;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.Layout;

/** A vendor's version that refuses the state of the one before it. */
public final class RefusingBackend implements Backend {

    @Override
    public BackendDescription describe() {
        Generation queue = new Generation(0x0110, "queue", Set.of(0, 16), 12, 0, 48, Set.of(), Set.of());
        return new BackendDescription(IommuModel.INTEL, "broken", "8.0.0", List.of(queue), 1, 1);
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        throw new BackendException(Errno.EIO, "this version makes nothing");
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        throw new BackendException(Errno.EPROTONOSUPPORT, "state version " + state.version() + " is too old");
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        throw new BackendException(Errno.EIO, "this version makes nothing");
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        throw new BackendException(Errno.EIO, "this version makes nothing");
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        throw new BackendException(Errno.EIO, "this version makes nothing");
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        throw new BackendException(Errno.EIO, "this version makes nothing");
    }

    @Override
    public List<Layout> layouts() {
        return List.of();
    }

    @Override
    public List<BindFormat> bindFormats() {
        return List.of();
    }

    @Override
    public List<Shim> shims() {
        return List.of();
    }
}
