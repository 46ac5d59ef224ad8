package org.iommu4j.intel.translate;

import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.layout.BitField;

/**
 * How addresses are translated: through one table of the guest, or not at all. Devices of a domain that translate alike share a host
 * domain id.
 *
 * @param kind which stage the table is of
 * @param table address of the table, 0 for pass-through
 * @param aw code of the table's width, see {@link Agaw}; the widest of the chip for pass-through
 * @param options those of the flags {@link BindPgtable#OPTIONS} of the bind header that are set
 */
record Translation(Kind kind, long table, int aw, int options) {
    /** What a table is; in the order of a saved state. */
    enum Kind {
        SECOND_STAGE,
        FIRST_STAGE,
        PASS_THROUGH
    }

    /** A second-stage table without options. */
    static Translation ofSecondStage(long table, int aw) {
        return new Translation(Kind.SECOND_STAGE, table, aw, 0);
    }

    /**
     * What a vendor part asks for.
     *
     * @param widest the code of a pass-through, which has no table
     */
    static Translation of(BindPart part, int widest) {
        long table = part.get(BindPgtable.TABLE_ROOT);
        int options = 0;
        for (BitField option : BindPgtable.OPTIONS) {
            options |= part.hasFlag(option) ? (int) option.mask() : 0;
        }
        if (part.hasFlag(BindPgtable.FLAG_PASS_THROUGH)) {
            return new Translation(Kind.PASS_THROUGH, table, widest, options);
        }
        Kind kind = part.hasFlag(BindPgtable.FLAG_FIRST_STAGE) ? Kind.FIRST_STAGE : Kind.SECOND_STAGE;
        return new Translation(kind, table, Agaw.ofWidth(part.getInt(BindPgtable.ADDRESS_WIDTH)), options);
    }

    boolean isFirstStage() {
        return kind == Kind.FIRST_STAGE;
    }

    boolean isSecondStage() {
        return kind == Kind.SECOND_STAGE;
    }

    boolean passThrough() {
        return kind == Kind.PASS_THROUGH;
    }

    boolean hasOption(BitField option) {
        return option.isSet(options);
    }
}
