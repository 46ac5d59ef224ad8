package org.iommu4j.arm.table;

import org.iommu4j.backend.DmaAccess;

/**
 * What may be done to a page, DDI 0487 D8.4 and IHI 0070 13.4.1: read, write and execute as {@link DmaAccess} has them, for
 * privileged accesses in bits 2:0 and for unprivileged ones in bits 5:3.
 */
public final class Rights {
    /** Everything. */
    public static final int ALL = 0x3F;

    /** Bits of a set of rights. */
    public static final int BITS = 6;

    /** Limits that tables set on everything below them: no execution when privileged. */
    static final int LIMIT_PXN = 1;

    /** Limit: no execution when unprivileged. */
    static final int LIMIT_UXN = 2;

    /** Limit: no unprivileged access. */
    static final int LIMIT_PRIVILEGED = 4;

    /** Limit: no writes. */
    static final int LIMIT_READ_ONLY = 8;

    private static final int UNPRIVILEGED = 3;
    private static final int READ = DmaAccess.READ;
    private static final int WRITE = DmaAccess.WRITE;
    private static final int EXECUTE = DmaAccess.EXECUTE;

    /** Writing, privileged or not. */
    public static final int ANY_WRITE = WRITE | (WRITE << UNPRIVILEGED);

    private Rights() {}

    /** The rights that an access needs. */
    public static int needed(int rights, boolean privileged) {
        return privileged ? rights : rights << UNPRIVILEGED;
    }

    /** Rights of accesses of one privilege. */
    public static int granted(int rights, boolean privileged) {
        return (privileged ? rights : rights >>> UNPRIVILEGED) & (READ | WRITE | EXECUTE);
    }

    /** Rights that a table descriptor takes away; none if the half ignores it. */
    static int limits(long descriptor) {
        return (Stage1Descriptor.PXN_TABLE.isSet(descriptor) ? LIMIT_PXN : 0)
                | (Stage1Descriptor.UXN_TABLE.isSet(descriptor) ? LIMIT_UXN : 0)
                | (Stage1Descriptor.NO_UNPRIVILEGED_TABLE.isSet(descriptor) ? LIMIT_PRIVILEGED : 0)
                | (Stage1Descriptor.READ_ONLY_TABLE.isSet(descriptor) ? LIMIT_READ_ONLY : 0);
    }

    /**
     * The rights of a stage-1 leaf.
     *
     * @param limits of the tables above
     * @param writable true if the leaf may be written, or hardware makes it so
     * @param control word 0 of the context descriptor
     * @param executeNever CD.EPAN counts, IDR3.EPAN
     * @param el2 true for a stream of EL2 without E2H: no unprivileged accesses, one execute-never bit
     */
    static int stage1(long leaf, int limits, boolean writable, long control, boolean executeNever, boolean el2) {
        boolean wxn = ContextDescriptor.WXN.isSet(control);
        boolean uxn = Stage1Descriptor.UXN.isSet(leaf) || (limits & LIMIT_UXN) != 0;
        boolean write = writable && (limits & LIMIT_READ_ONLY) == 0;
        if (el2) {
            int rights = READ | (write ? WRITE : 0) | (!uxn && !(wxn && write) ? EXECUTE : 0);
            return rights | rights << UNPRIVILEGED;
        }
        boolean open = Stage1Descriptor.UNPRIVILEGED.isSet(leaf) && (limits & LIMIT_PRIVILEGED) == 0;
        boolean openWrite = write && open;
        boolean pxn = Stage1Descriptor.PXN.isSet(leaf) || (limits & LIMIT_PXN) != 0 || openWrite;
        boolean privilegedExecute = !pxn && !(wxn && write);
        boolean execute = !uxn && !(wxn && openWrite);
        boolean never = ContextDescriptor.PAN.isSet(control) && (open || (executeNever && execute));
        int privileged = (never ? 0 : READ | (write ? WRITE : 0)) | (privilegedExecute ? EXECUTE : 0);
        int unprivileged = (open ? READ : 0) | (openWrite ? WRITE : 0) | (execute ? EXECUTE : 0);
        return privileged | unprivileged << UNPRIVILEGED;
    }

    /**
     * The rights of a stage-2 leaf.
     *
     * @param writable true if the leaf may be written, or hardware makes it so
     * @param byPrivilege IDR3.XNX
     */
    static int stage2(long leaf, boolean writable, boolean byPrivilege) {
        int data = (Stage2Descriptor.READ.isSet(leaf) ? READ : 0) | (writable ? WRITE : 0);
        int never = Stage2Descriptor.XN.getInt(leaf);
        boolean none = byPrivilege ? never == Stage2Descriptor.XN_NEVER : (never & Stage2Descriptor.XN_NEVER) != 0;
        boolean privileged = !none && !(byPrivilege && never == Stage2Descriptor.XN_UNPRIVILEGED_ONLY);
        boolean unprivileged = !none && !(byPrivilege && never == Stage2Descriptor.XN_PRIVILEGED_ONLY);
        return data | (privileged ? EXECUTE : 0) | (data | (unprivileged ? EXECUTE : 0)) << UNPRIVILEGED;
    }
}
