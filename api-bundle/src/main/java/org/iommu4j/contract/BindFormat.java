package org.iommu4j.contract;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * The vendor part of a bind operation. Which bind a later one replaces or undoes follows from the fields {@code requester}
 * and {@code pasid} of the layout, in any case of letters; binds of a layout without a requester are told apart by all
 * their bytes. A table in a page of the host is refused by the core.
 *
 * @param operation {@link Uapi#BIND_PASIDTBL}, {@link Uapi#BIND_PASID} or {@link Uapi#BIND_PGTABLE}
 * @param model who parses it
 * @param subVersion the generation that first has it
 * @param vendorFlags bits of the header's {@code flags} that the vendor defines, in 31:16
 * @param layout the bytes after the header, in their own byte order
 * @param table which bits of them are the address where the guest's table begins; null if there is none
 */
public record BindFormat(
        int operation, IommuModel model, int subVersion, int vendorFlags, Layout layout, BitField table) {
    private static final String TABLE = "table_root";

    /** The format whose table is where the field {@code table_root} of the layout says, in any case of letters. */
    public BindFormat(int operation, IommuModel model, int subVersion, int vendorFlags, Layout layout) {
        this(
                operation,
                model,
                subVersion,
                vendorFlags,
                layout,
                layout.fields().stream()
                        .filter(field -> field.name().equalsIgnoreCase(TABLE))
                        .findFirst()
                        .orElse(null));
    }

    /** Checks the operation and where the vendor's flags are. */
    public BindFormat {
        if (Integer.bitCount(operation) != 1 || (operation & Uapi.FLAG_MASK & ~Uapi.INVAL_IOTLB) == 0) {
            throw new IllegalArgumentException("operation=0x" + Integer.toHexString(operation) + " is no bind");
        }
        if ((vendorFlags & 0xFFFF) != 0) {
            throw new IllegalArgumentException(
                    "vendorFlags=0x" + Integer.toHexString(vendorFlags) + " has bits outside 31:16");
        }
    }

    /**
     * Begins the layout of the bind header's flags with the contract's own flag; a vendor adds its flags in 31:16.
     *
     * @param payload name of the vendor part
     */
    public static Layout.Builder flags(String payload) {
        Layout.Builder flags = Layout.named(payload + " flags")
                .size(Integer.SIZE)
                .littleEndian()
                .spec("docs/contract.md, flags of the bind header");
        flags.bit(
                "UNBIND",
                Integer.numberOfTrailingZeros(Uapi.BIND_FLAG_UNBIND),
                about("undo the binding that the bytes name"));
        return flags;
    }
}
