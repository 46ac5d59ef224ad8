package org.iommu4j.intel.translate;

import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.ContextEntry;

/**
 * What devices of a domain translate through: one second-stage table, or none for pass-through. Each has a host domain id
 * of its own, since cached translations are told apart by nothing else.
 */
final class Stage {
    private final long table;
    private final int aw;
    private final boolean passThrough;
    private final int domainId;
    private int users;

    /**
     * A stage without users.
     *
     * @param table address of the table, 0 with {@code passThrough}
     * @param aw code of the table's width, see {@link Agaw}
     * @param domainId the host's
     */
    Stage(long table, int aw, boolean passThrough, int domainId) {
        this.table = table;
        this.aw = aw;
        this.passThrough = passThrough;
        this.domainId = domainId;
    }

    long table() {
        return table;
    }

    int aw() {
        return aw;
    }

    boolean passThrough() {
        return passThrough;
    }

    int domainId() {
        return domainId;
    }

    int users() {
        return users;
    }

    void users(int count) {
        users = count;
    }

    /** True if this is the stage of that table. */
    boolean is(long ofTable, int ofAw, boolean ofPassThrough) {
        return table == ofTable && aw == ofAw && passThrough == ofPassThrough;
    }

    /** First word of the context entry of a device that uses this. */
    long contextWord0(boolean deviceTlb) {
        int type = passThrough
                ? ContextEntry.PASS_THROUGH
                : deviceTlb ? ContextEntry.DEVICE_TLB : ContextEntry.UNTRANSLATED_ONLY;
        return ContextEntry.P.mask() | ContextEntry.TT.of(type) | ContextEntry.SSPTPTR.of(table);
    }

    /** Second word of that context entry. */
    long contextWord1() {
        return ContextEntry.AW.of(aw) | ContextEntry.DID.of(domainId);
    }
}
