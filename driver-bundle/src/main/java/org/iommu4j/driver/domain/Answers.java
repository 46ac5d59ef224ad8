package org.iommu4j.driver.domain;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;

/** Answers to requests that are the same in every driver. */
public final class Answers {
    /** Why a device that a request names is refused with {@code ENODEV}. */
    public static final String NOT_ATTACHED = "the device is not in the container";

    private Answers() {}

    /** A domain that is not open: {@code ENOENT}. */
    public static int notOpen(int domain, Completion completion) {
        return completion.refuse(Errno.ENOENT, "domain", domain, "no such domain");
    }

    /** The requester id of an attach names no device that can be attached; the caller returns no device. */
    public static void refuseDevice(int requester, Errno errno, String why, Completion completion) {
        completion.refuse(errno, "requester", Integer.toUnsignedLong(requester), why);
    }

    /** Scope PASID on a model without PASIDs: V24, {@code EOPNOTSUPP}, before anything else of the request is looked at. */
    public static int noPasids(InvalidateRequest request, Completion completion) {
        return request.refuse(
                Rule.V24, Rule.V24.errno(), Uapi.SCOPE, "translations of this model have no PASIDs", completion);
    }

    /** The answer to a request that ends as the chip's commands ended. */
    public static int of(Errno outcome, Completion completion) {
        return outcome == Errno.OK ? completion.done(Fidelity.EXACT) : incomplete(outcome, completion);
    }

    /** The answer if the chip did not carry everything out, V38; the caller has blocked whatever could use stale translations. */
    public static int incomplete(Errno outcome, Completion completion) {
        return completion.refuse(
                Rule.V38, outcome, "", -1, 0, "the chip did not carry everything out; it does not count as done");
    }
}
