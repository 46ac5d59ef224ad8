package org.iommu4j.core.component;

import org.iommu4j.core.IommuCore;
import org.iommu4j.core.backends.CoreLog;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.log.Logger;
import org.osgi.service.log.LoggerFactory;

/** The core's log in a container that has a log service; without one this component is never made. */
@Component(service = CoreLog.class)
public final class CoreLogComponent implements CoreLog {
    private final Logger logger;

    /** Logs under the name of the core. */
    @Activate
    public CoreLogComponent(@Reference LoggerFactory loggers) {
        logger = loggers.getLogger(IommuCore.class);
    }

    @Override
    public void log(Level level, String line) {
        switch (level) {
            case ERROR -> logger.error("{}", line);
            case WARNING -> logger.warn("{}", line);
            case INFO -> logger.info("{}", line);
        }
    }
}
