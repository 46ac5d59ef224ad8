package org.iommu4j.s390.shim;

import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.s390.command.ZpciGeneration;

/**
 * Generation 2 on a unit of generation 1: the client invalidates after every change, the unit needs it after some. The others drop
 * what is right, which is read again.
 */
public final class RefreshToRefreshless implements Shim {
    @Override
    public IommuModel model() {
        return IommuModel.S390;
    }

    @Override
    public int from() {
        return ZpciGeneration.REFRESH;
    }

    @Override
    public int to() {
        return ZpciGeneration.BASE;
    }

    @Override
    public String name() {
        return "Z1 announced mappings need not be";
    }

    @Override
    public Fidelity fidelity() {
        return Fidelity.EXACT;
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        // The vendor part is the same, byte for byte; the translator checks it as it would have been checked.
        request.retag(to());
        return 0;
    }
}
