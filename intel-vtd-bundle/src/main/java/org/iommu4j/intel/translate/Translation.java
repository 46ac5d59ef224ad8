package org.iommu4j.intel.translate;

import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.layout.BitField;

/**
 * How addresses are translated: through one table of the guest, through one of the guest and then the memory of its container, or
 * not at all. Devices of a domain that translate alike share a host domain id.
 *
 * @param kind which stage the table is of
 * @param table address of the table, 0 for pass-through
 * @param aw code of the table's width, see {@link Agaw}; the widest of the chip for pass-through
 * @param options those of the flags {@link BindPgtable#OPTIONS} of the bind header that are set
 * @param memory address of the second-stage table of the container's memory if nested, else 0
 * @param memoryAw code of the width of that table, else 0
 */
record Translation(Kind kind, long table, int aw, int options, long memory, int memoryAw) {
    /** The stages of a translation. */
    enum Kind {
        SECOND_STAGE,
        FIRST_STAGE,
        PASS_THROUGH,
        NESTED
    }

    /** A translation with one table, or none. */
    Translation(Kind kind, long table, int aw, int options) {
        this(kind, table, aw, options, 0, 0);
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

    /** This first stage, nested over the memory of a container. */
    Translation above(long memoryTable, int ofWidth) {
        return new Translation(Kind.NESTED, table, aw, options, memoryTable, ofWidth);
    }

    /**
     * True unless both have the same table and would let the chip read it in two ways, VT-d 6.2.3.1: a first-stage table below the
     * same second stage has one number of levels and one value of EAFE, a second-stage table one of SSADE.
     */
    boolean agreesWith(Translation other) {
        boolean sameTable = kind == other.kind && table == other.table && memory == other.memory;
        return !sameTable
                || ((!isFirstStage() || aw == other.aw)
                        && ((options ^ other.options) & BindPgtable.ONE_WAY_OPTIONS) == 0);
    }

    /** True if the guest's table is one of the first stage. */
    boolean isFirstStage() {
        return kind == Kind.FIRST_STAGE || kind == Kind.NESTED;
    }

    /** True if there is a second stage, under a first stage or alone. */
    boolean hasSecondStage() {
        return kind == Kind.SECOND_STAGE || kind == Kind.NESTED;
    }

    boolean isNested() {
        return kind == Kind.NESTED;
    }

    boolean passThrough() {
        return kind == Kind.PASS_THROUGH;
    }

    boolean hasOption(BitField option) {
        return option.isSet(options);
    }
}
