package org.iommu4j.spapr.shim;

import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;

/**
 * Between generations 1 and 2: the vendor part means the same, only the calls are others. To generation 1 many entries become
 * as many calls (sheet 1.3, S); nothing is lost.
 *
 * @param from the generation that the request has
 * @param to the generation that it gets
 */
public record SameTableShim(int from, int to) implements Shim {
    @Override
    public IommuModel model() {
        return IommuModel.SPAPR;
    }

    @Override
    public String name() {
        return "sPAPR " + from + " to " + to + ", same table";
    }

    @Override
    public Fidelity fidelity() {
        return Fidelity.EXACT;
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        request.retag(to);
        return 0;
    }
}
