package org.iommu4j.upgrade;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.testing.ForwardingHardware;

/** VT-d's bundle, whose chips stop to answer accesses while it is told to hang. */
public final class HangingVtd extends VtdBackend {
    private volatile boolean hanging;

    /** A backend of that version, which does not hang yet. */
    public HangingVtd(String version) {
        super(version);
    }

    /** Lets accesses hang from now on, or lets go of them. */
    public void hang(boolean on) {
        hanging = on;
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return stuck(super.createHardware(config, platform));
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return stuck(super.restoreHardware(state, platform));
    }

    private Hardware stuck(Hardware chip) {
        return new ForwardingHardware(chip) {
            @Override
            public void translate(DmaAccess access) {
                while (hanging) {
                    Thread.onSpinWait();
                }
                super.translate(access);
            }
        };
    }
}
