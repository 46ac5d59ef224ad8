package org.iommu4j.intel.guest;

import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.layout.BitField;

/**
 * How a guest translates one kind of request of a device: what its context entry says, or in scalable mode a PASID entry.
 *
 * @param domain the guest's domain id, or {@link #UNTRANSLATED_DOMAIN} while the guest has translation switched off
 * @param table top level of the table; 0 for pass-through
 * @param widthBits address bits of the table; 0 for pass-through
 * @param options which stage the table is of and how it is read: flags of {@link BindPgtable} that only scalable mode has
 */
record GuestTable(int domain, long table, int widthBits, int options) {
    /** Name of the domain of devices that the guest does not translate: beyond every domain id. */
    static final int UNTRANSLATED_DOMAIN = 1 << 16;

    /** A second-stage table. */
    GuestTable(int domain, long table, int widthBits) {
        this(domain, table, widthBits, 0);
    }

    /** Pass-through in a domain. */
    static GuestTable passThrough(int domain) {
        return new GuestTable(domain, 0, 0);
    }

    /** The bit of a header flag if it is set, else 0. */
    static int flag(boolean set, BitField flag) {
        return set ? (int) flag.mask() : 0;
    }

    /** True if requests pass untranslated. */
    boolean passes() {
        return widthBits == 0;
    }

    /** True if the table is one of the first stage, whose addresses may be in the upper half, too. */
    boolean firstStage() {
        return BindPgtable.FLAG_FIRST_STAGE.isSet(options);
    }

    /** Flags of the bind header that bind it, but for that of the device's own TLB. */
    int flags() {
        return options | flag(passes(), BindPgtable.FLAG_PASS_THROUGH);
    }

    /** True unless it is another's table, to be read otherwise, VT-d 6.2.3.1; tables of different stages are not compared. */
    boolean agreesWith(GuestTable other) {
        return passes()
                || firstStage() != other.firstStage()
                || ((widthBits == other.widthBits || !firstStage())
                        && ((options ^ other.options) & BindPgtable.ONE_WAY_OPTIONS) == 0);
    }
}
