package org.iommu4j.driver.bind;

import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** The vendor part of a bind, taken apart: length, reserved bits and codes are right, as the core has checked them. */
public final class BindPart {
    private final BindRequest request;
    private final Layout layout;
    private final long[] words;

    /** The vendor part of a request, in a layout. */
    public BindPart(BindRequest request, Layout layout) {
        this.request = request;
        this.layout = layout;
        words = layout.decode(request.payload(), request.payloadOffset());
    }

    /** A field of the vendor part, unsigned. */
    public long get(BitField field) {
        return field.get(words);
    }

    /** A field of at most 32 bits. */
    public int getInt(BitField field) {
        return (int) field.get(words);
    }

    /** True if a flag of the header is set. */
    public boolean hasFlag(BitField flag) {
        return flag.isSet(request.flags());
    }

    /** Those of some flags of the header that are set. */
    public int flags(int some) {
        return request.flags() & some;
    }

    /** True if the binding is to be undone. */
    public boolean unbinds() {
        return request.unbinds();
    }

    /**
     * Refuses the bind for a field of the vendor part.
     *
     * @param rule the rule; null if the request keeps all rules and what it names is not there
     * @return the negative errno
     */
    public int refuse(Rule rule, Errno errno, BitField field, String why, Completion completion) {
        return completion.refuse(rule, errno, layout, field, get(field), why);
    }

    /** Refuses the bind for the flags of its header. */
    public int refuseFlags(Rule rule, Errno errno, String why, Completion completion) {
        return request.refuse(rule, errno, Uapi.BIND_FLAGS, why, completion);
    }
}
