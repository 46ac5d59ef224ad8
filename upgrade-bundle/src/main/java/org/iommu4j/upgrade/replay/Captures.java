package org.iommu4j.upgrade.replay;

import java.nio.file.Path;
import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.capture.Capture;

/** Opens captures by the formats that the installed bundles bring. */
public final class Captures {
    private Captures() {}

    /**
     * Opens a capture. Its format is data that is taken now: whatever becomes of the bundle that brought it, the capture can be
     * played to its end.
     *
     * @throws org.iommu4j.upgrade.CaptureException if it cannot be read, or no format is that of its architecture
     * @throws BackendException {@code ENODEV} if nobody serves any model
     * @throws ReplayRefusedException if those that serve bring no format at all
     */
    public static Capture open(IommuService service, Path directory) {
        List<CaptureFormat> formats = service.captureFormats();
        if (!formats.isEmpty()) {
            return Capture.open(directory, formats);
        }
        List<String> silent = service.backends().stream()
                .filter(status -> status.state() == BackendStatus.State.ACTIVE)
                .map(status -> status.name() + " " + status.version())
                .toList();
        if (silent.isEmpty()) {
            throw new BackendException(Errno.ENODEV, "no backend is there, which would say how captures are read");
        }
        throw new ReplayRefusedException("no installed bundle says how captures are read: " + String.join(", ", silent)
                + "; bundles up to version 1.1 do not: install a newer one beside, which need not serve");
    }
}
