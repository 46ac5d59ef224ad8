package org.iommu4j.testbench.tables;

import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.BackendMachine;

/** A chip that caches nothing, and its driver where a format is bound by one. */
public final class TableMachine extends BackendMachine {
    private final FuzzScene scene;

    TableMachine(Backend backend, HardwareConfig config, Platform platform) {
        super(backend, config, platform);
        // Where software of a bare chip keeps the operands of the instructions with which a stopped device is brought
        // back.
        scene = new FuzzScene.Builder()
                .value("block", platform.allocatePages(2))
                .build();
    }

    /** A machine for a chip, with as much memory as its addresses reach. */
    static Platform platformFor(TableFormat format) {
        return new SimulatedPlatform(new PlatformConfig(
                format.shape().targetBits(), List.of(), (address, data) -> {}, DevicePort.COMPLETING));
    }

    /** Brings a device back that a fault has stopped. */
    void recover() {
        backend().bench().fuzz().recover(scene, this);
    }

    /** An access of one byte. */
    DmaAccess access(int requester, int pasid, long iova, int right) {
        DmaAccess access = new DmaAccess().begin(requester, iova, right).withPasid(pasid);
        chip().translate(access);
        return access;
    }

    /** What the driver answers has to be this. */
    void expect(Errno answer) {
        if (answer != Errno.OK) {
            throw new AssertionError(last().toString());
        }
    }
}
