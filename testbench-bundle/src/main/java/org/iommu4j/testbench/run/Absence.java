package org.iommu4j.testbench.run;

import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;

/** What is said of a model that no backend serves. */
public final class Absence {
    private Absence() {}

    /** The refusal, with what is there that should serve and why it does not. */
    public static BackendException of(IommuService service, IommuModel model) {
        String why = service.absence(model);
        return new BackendException(
                Errno.ENODEV,
                "model '" + model.label() + "' is not installed" + (why.isEmpty() ? "" : "; not serving: " + why));
    }
}
