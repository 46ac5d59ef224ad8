package org.iommu4j.intel.translate;

import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.intel.command.BindPgtable;

/**
 * A binding that a request asks for.
 *
 * @param translation how the device translates
 * @param flags those of {@link BindPgtable#DEVICE_FLAGS} that are set
 * @param guestDomainId the guest's name for the domain
 */
record Binding(Translation translation, int flags, int guestDomainId) {
    /**
     * The binding in a vendor part.
     *
     * @param widest the code of a pass-through, which has no table
     */
    static Binding of(BindPart part, int widest) {
        return new Binding(
                Translation.of(part, widest),
                (part.hasFlag(BindPgtable.FLAG_DEVICE_TLB) ? BindPgtable.DEVICE_TLB : 0)
                        | (part.hasFlag(BindPgtable.FLAG_PAGE_REQUESTS) ? BindPgtable.PAGE_REQUESTS : 0),
                part.getInt(BindPgtable.GUEST_DOMAIN_ID));
    }

    /** The binding as it is in a domain: above its memory map, if there is one. */
    Binding in(Domain domain) {
        return new Binding(domain.placed(translation), flags, guestDomainId);
    }

    /** True if it is how a device is bound now, with a PASID. */
    boolean isOf(Device device, int pasid) {
        Device.Bound bound = device.bound(pasid);
        return bound != null
                && bound.stage().translation().equals(translation)
                && device.flags() == flags
                && bound.guestDomainId() == guestDomainId;
    }
}
