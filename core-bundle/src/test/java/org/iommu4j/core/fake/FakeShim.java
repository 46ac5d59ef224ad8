package org.iommu4j.core.fake;

import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;

/** Adds one to the last byte of the vendor part. */
public record FakeShim(IommuModel model, int from, int to, String name, Fidelity fidelity) implements Shim {
    /** An exact shim of the fakes' model. */
    public static FakeShim exact(int from, int to) {
        return new FakeShim(IommuModel.INTEL, from, to, "s" + from + "-" + to, Fidelity.EXACT);
    }

    /** A widening shim of the fakes' model. */
    public static FakeShim widening(int from, int to) {
        return new FakeShim(IommuModel.INTEL, from, to, "w" + from + "-" + to, Fidelity.WIDENED);
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        int length = request.payloadLength();
        byte[] scratch = request.scratch();
        System.arraycopy(request.payload(), request.payloadOffset(), scratch, 0, length);
        scratch[length - 1]++;
        request.replacePayload(to, length);
        if (fidelity == Fidelity.WIDENED) {
            completion.widened(name);
        }
        return 0;
    }
}
