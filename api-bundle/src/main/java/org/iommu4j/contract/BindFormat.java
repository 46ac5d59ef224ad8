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
 * @param replaces what was bound for the same device before and ends with such a bind, and with its unbind: operations, and
 *     {@link #ATTACHED_TABLE}. After a backend was lost with its state the core does not bring that back. An earlier bind of the same
 *     operation ends anyway
 */
public record BindFormat(
        int operation, IommuModel model, int subVersion, int vendorFlags, Layout layout, BitField table, int replaces) {
    /** Stands beside the operations for the table with which a device was attached. */
    public static final int ATTACHED_TABLE = 1 << 31;

    private static final String TABLE = "table_root";
    private static final int REPLACEABLE = (Uapi.FLAG_MASK & ~Uapi.INVAL_IOTLB) | ATTACHED_TABLE;

    /** A format that takes the place of an attached table if it is {@link Uapi#BIND_PGTABLE}, and of no other operation's bind. */
    public BindFormat(int operation, IommuModel model, int subVersion, int vendorFlags, Layout layout, BitField table) {
        this(
                operation,
                model,
                subVersion,
                vendorFlags,
                layout,
                table,
                operation == Uapi.BIND_PGTABLE ? ATTACHED_TABLE : 0);
    }

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

    /** Checks the operation, where the vendor's flags are, and what is replaced. */
    public BindFormat {
        if (Integer.bitCount(operation) != 1 || (operation & Uapi.FLAG_MASK & ~Uapi.INVAL_IOTLB) == 0) {
            throw new IllegalArgumentException("operation=0x" + Integer.toHexString(operation) + " is no bind");
        }
        if ((vendorFlags & 0xFFFF) != 0) {
            throw new IllegalArgumentException(
                    "vendorFlags=0x" + Integer.toHexString(vendorFlags) + " has bits outside 31:16");
        }
        if ((replaces & ~REPLACEABLE) != 0) {
            throw new IllegalArgumentException("replaces=0x" + Integer.toHexString(replaces) + " names no bind");
        }
    }

    /** The same format that replaces something else, as the record's {@code replaces}. */
    public BindFormat replacing(int operations) {
        return new BindFormat(operation, model, subVersion, vendorFlags, layout, table, operations);
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
