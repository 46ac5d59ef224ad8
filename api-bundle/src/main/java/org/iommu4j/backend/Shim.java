package org.iommu4j.backend;

import java.util.List;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A compatibility handler: rewrites a request of one generation as a request of another that drops the same translations,
 * or more and says so. A service, or part of a backend. Stateless.
 */
@ConsumerType
public interface Shim {
    /** The model. */
    IommuModel model();

    /** The generation that the request has. */
    int from();

    /** The generation that the request gets. */
    int to();

    /** Name for agreements and reports. */
    String name();

    /** {@link Fidelity#EXACT} if no request is ever widened. */
    Fidelity fidelity();

    /**
     * What becomes of each kind of request, for agreements. What is widened only if {@link #fidelity} says so; a shim that tells
     * nothing speaks of all requests at once.
     */
    default List<Conversion> conversions() {
        return List.of(Conversion.ofAll(fidelity(), name()));
    }

    /**
     * Rewrites the vendor part of {@code request} in place, through {@link InvalidateRequest#replacePayload}. A request
     * without a vendor part needs nothing.
     *
     * @return 0, or a negative errno with {@code completion} filled, if the request cannot be expressed
     */
    int rewrite(InvalidateRequest request, Completion completion);

    /**
     * Rewrites a bind in place, by {@link BindRequest#retag} if flags and bytes mean the same in both generations, else by
     * {@link BindRequest#replacePayload}. The core asks only where the generations have different {@link BindFormat}s of the operation.
     *
     * <p>A bind is carried over without loss or refused by rule and field, never approximated. Operation, UNBIND, requester, PASID and
     * table stay as they are; the core compares them. What was accepted as a bind is accepted with UNBIND, too.
     *
     * @return 0, or a negative errno with {@code completion} filled, if the request cannot be expressed
     */
    default int rewrite(BindRequest request, Completion completion) {
        return request.refuse(
                Rule.V30, Rule.V30.errno(), Uapi.BIND_SUB_VERSION, "no shim rewrites this bind operation", completion);
    }
}
