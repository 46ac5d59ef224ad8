package org.iommu4j.testbench.conform;

import java.nio.file.Path;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.BundleService.BundleRefusedException;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.testbench.run.Arrivals;

/** Installs bundles to be checked, and makes one of them serve. */
final class Servers {
    private final IommuService service;
    private final Arrivals arrivals;

    Servers(IommuService service, BundleService bundles) {
        this.service = service;
        arrivals = new Arrivals(service, bundles);
    }

    /**
     * Installs a bundle and waits until its backend is usable or has failed. A trial has limits of time, which a busy machine
     * may miss once: so a bundle that fails it is installed anew, and the second time counts.
     *
     * @throws Check.Unmet if the container refuses it, or no backend comes
     */
    Arrivals.Arrival install(Path jar) {
        try {
            Arrivals.Arrival first = arrivals.install(jar);
            if (first.status().reason().isEmpty()) {
                return first;
            }
            first.close();
            return arrivals.install(jar);
        } catch (BundleRefusedException e) {
            throw new Check.Unmet(e.getMessage(), e);
        }
    }

    /**
     * Makes a backend serve its model.
     *
     * @throws Check.Unmet if it does not
     */
    void serve(IommuModel model, int id) {
        for (BackendStatus status : service.backends()) {
            if (status.id() == id && status.state() == BackendStatus.State.ACTIVE) {
                return;
            }
        }
        SwapReport report = service.swap(model, "#" + id, SwapLimits.DEFAULT);
        Check.expect(
                report.outcome() == SwapReport.Outcome.DONE,
                "it does not serve: the swap to it ended as " + report.outcome() + ": " + report.reason());
    }
}
