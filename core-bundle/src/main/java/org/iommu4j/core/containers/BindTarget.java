package org.iommu4j.core.containers;

import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * The subject of a bind, as far as the format of its vendor part names it.
 *
 * @param operation the operation
 * @param unbinds true if the binding is to be undone
 * @param requester the device, or {@link #NONE}
 * @param pasid the PASID, or {@link #NONE}
 * @param table address of the guest's table, or {@link #NONE}
 */
record BindTarget(int operation, boolean unbinds, long requester, long pasid, long table) {
    /** The format has no such field. */
    static final long NONE = -1;

    /**
     * Reads a bind.
     *
     * @param format null if its generation has none
     */
    static BindTarget of(BindRequest request, BindFormat format) {
        Layout layout =
                format == null || request.payloadLength() < format.layout().sizeBytes() ? null : format.layout();
        return new BindTarget(
                request.operation(),
                request.unbinds(),
                layout == null ? NONE : value(request, layout, field(layout, "requester")),
                layout == null ? NONE : value(request, layout, field(layout, "pasid")),
                layout == null ? NONE : value(request, layout, format.table()));
    }

    private static long value(BindRequest request, Layout layout, BitField field) {
        return field == null ? NONE : field.get(layout.word(request.payload(), request.payloadOffset(), field.word()));
    }

    private static BitField field(Layout layout, String name) {
        for (BitField field : layout.fields()) {
            if (field.name().equalsIgnoreCase(name)) {
                return field;
            }
        }
        return null;
    }

    /** True if another form of the bind is about the same; what only one of the two names is not compared. */
    boolean agrees(BindTarget other) {
        return operation == other.operation
                && unbinds == other.unbinds
                && agree(requester, other.requester)
                && agree(pasid, other.pasid)
                && agree(table, other.table);
    }

    private static boolean agree(long one, long other) {
        return one == other || one == NONE || other == NONE;
    }
}
