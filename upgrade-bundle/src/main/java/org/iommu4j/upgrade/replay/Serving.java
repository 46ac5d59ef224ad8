package org.iommu4j.upgrade.replay;

import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;

/** The backend that serves a model at this moment; none while its bundle is updated in place. */
public final class Serving {
    private Serving() {}

    /**
     * The backend that serves.
     *
     * @throws BackendException {@code ENODEV} if none does; it says why
     */
    public static Backend backend(IommuService service, IommuModel model) {
        Backend backend = service.backend(model);
        if (backend == null) {
            String why = service.absence(model);
            throw new BackendException(
                    Errno.ENODEV, "no backend serves model " + model.label() + (why.isEmpty() ? "" : ": " + why));
        }
        return backend;
    }
}
