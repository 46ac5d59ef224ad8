package org.iommu4j.upgrade.component;

import java.nio.file.Path;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.ReplayService;
import org.iommu4j.upgrade.replay.Replay;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Offers replays as a service. */
@Component(service = ReplayService.class)
public final class ReplayComponent implements ReplayService {
    private final Replay replay;

    /** Replays through that core. */
    @Activate
    public ReplayComponent(@Reference IommuService service) {
        replay = new Replay(service);
    }

    @Override
    public ReplayResult replay(Path directory, ReplayOptions options) {
        return replay.replay(directory, options);
    }
}
