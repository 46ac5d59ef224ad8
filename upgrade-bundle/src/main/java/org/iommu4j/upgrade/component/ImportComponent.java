package org.iommu4j.upgrade.component;

import java.nio.file.Path;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.upgrade.ImportOptions;
import org.iommu4j.upgrade.ImportResult;
import org.iommu4j.upgrade.ImportService;
import org.iommu4j.upgrade.trace.TraceImport;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Offers imports of traces as a service. */
@Component(service = ImportService.class)
public final class ImportComponent implements ImportService {
    private final TraceImport imports;

    /** Imports by the formats of that core's bundles. */
    @Activate
    public ImportComponent(@Reference IommuService service) {
        imports = new TraceImport(service);
    }

    @Override
    public ImportResult make(Path trace, Path directory, ImportOptions options) {
        return imports.make(trace, directory, options);
    }
}
