package org.iommu4j.testbench.run;

import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;

/** Messages about a model that no backend serves. */
public final class Absence {
    private Absence() {}

    /** The refusal, with the bundles that should serve the model and the reasons why they do not. */
    public static BackendException of(IommuService service, IommuModel model) {
        String why = service.absence(model);
        return new BackendException(
                Errno.ENODEV,
                "model '" + model.label() + "' is not installed" + (why.isEmpty() ? "" : "; not serving: " + why));
    }
}
