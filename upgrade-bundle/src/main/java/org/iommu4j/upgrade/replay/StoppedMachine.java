package org.iommu4j.upgrade.replay;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.ReplayResult.Step;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureScan;

/** One unit of a captured machine as it stood when it was stopped, without caches: it shows each step of its walks. */
public final class StoppedMachine implements AutoCloseable {
    private final Unit unit;
    private final DmaAccess access = new DmaAccess();
    private final List<Step> steps = new ArrayList<>();

    /**
     * Brings the unit up, with empty memory.
     *
     * @param name of the unit
     * @param config of its chip; its caches do not count
     * @throws org.iommu4j.upgrade.CaptureException if a register is missing in the capture
     */
    public StoppedMachine(
            IommuService service,
            Capture capture,
            CaptureScan scan,
            String name,
            HardwareConfig config,
            Progress progress) {
        HardwareConfig uncached = new HardwareConfig(
                config.subVersion(), config.fields(), config.registers(), CacheConfig.NONE, config.options());
        unit = service.openUnit(
                Serving.machine(service, capture.model(), uncached).withoutDriver());
        try {
            CallPlayer calls = new CallPlayer(Serving.backend(service, unit.model()), unit.platform(), unit::call);
            FrozenCheck.bringUp(capture, scan, name, unit::writeRegister, calls, progress);
        } catch (RuntimeException e) {
            unit.close();
            throw e;
        }
        access.explainTo((what, pa, word) -> steps.add(new Step(what, pa, word)));
    }

    /** The memory that its tables are in. */
    public PhysicalMemory memory() {
        return unit.platform().memory();
    }

    /** Makes an access; its outcome, until the next one. */
    public DmaAccess access(int requester, long iova, int rights) {
        steps.clear();
        access.begin(requester, iova, rights);
        Devices.access(unit, access);
        return access;
    }

    /** The entries that the last access read. */
    public List<Step> steps() {
        return Collections.unmodifiableList(steps);
    }

    @Override
    public void close() {
        unit.close();
    }
}
