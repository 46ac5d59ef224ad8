package org.iommu4j.testbench.model;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.contract.Uapi;

/**
 * A step of the small model.
 *
 * @param kind what is done
 * @param subject the device of an access, an attachment or a detachment; else the domain
 * @param object the domain of an attachment, the page of an access or an edit, the reach of an invalidation; else 0
 */
record ModelOp(Kind kind, int subject, int object) {
    /** Devices, domains and pages. */
    static final int TWO = 2;

    /** What can be done. */
    enum Kind {
        /** A device comes into a domain. */
        ATTACH,
        /** A device leaves its domain. */
        DETACH,
        /** An entry of a page is set. */
        MAP,
        /** An entry of a page is cleared. */
        UNMAP,
        /** The entry above is led to the other table of the page. */
        MOVE,
        /** A domain is told that entries have changed. */
        INVALIDATE,
        /** A device reads. */
        ACCESS
    }

    /** What an invalidation names. */
    enum Reach {
        /** The whole domain. */
        DOMAIN(0, 0, 3, false),
        /** The first page. */
        FIRST(Uapi.SCOPE_VADDR, 0, 1, false),
        /** The second page. */
        SECOND(Uapi.SCOPE_VADDR, 0, 2, false),
        /** Both pages, and what lies between. */
        BOTH(Uapi.SCOPE_VADDR, 0, 3, false),
        /** The first page, whose own entry alone has changed. */
        LEAF_OF_FIRST(Uapi.SCOPE_VADDR, Uapi.FLAGS_VADDR_LEAF, 1, true),
        /** The second page, whose own entry alone has changed. */
        LEAF_OF_SECOND(Uapi.SCOPE_VADDR, Uapi.FLAGS_VADDR_LEAF, 2, true),
        /** Everything of requests without PASID. */
        WITHOUT_PASID(0, Uapi.FLAGS_NO_PASID, 3, false),
        /** The first page of requests without PASID. */
        FIRST_WITHOUT_PASID(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 1, false),
        /** Both pages of requests without PASID, and what lies between. */
        BOTH_WITHOUT_PASID(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 3, false);

        private final int scope;
        private final int flags;
        private final int pages;
        private final boolean leafOnly;

        Reach(int scope, int flags, int pages, boolean leafOnly) {
            this.scope = scope;
            this.flags = flags;
            this.pages = pages;
            this.leafOnly = leafOnly;
        }

        int scope() {
            return scope;
        }

        int flags() {
            return flags;
        }

        /** True if a page is reached. */
        boolean covers(int page) {
            return ((pages >>> page) & 1) != 0;
        }

        /** True if only the entries of pages have to be dropped. */
        boolean leafOnly() {
            return leafOnly;
        }

        /** True if a range is named. */
        boolean isRange() {
            return (scope & Uapi.SCOPE_VADDR) != 0;
        }
    }

    /** Every step there is; a step is named by its place here. */
    static final List<ModelOp> ALL = all();

    private static List<ModelOp> all() {
        List<ModelOp> ops = new ArrayList<>();
        for (int subject = 0; subject < TWO; subject++) {
            ops.add(new ModelOp(Kind.DETACH, subject, 0));
            for (int object = 0; object < TWO; object++) {
                for (Kind kind : List.of(Kind.ATTACH, Kind.MAP, Kind.UNMAP, Kind.MOVE, Kind.ACCESS)) {
                    ops.add(new ModelOp(kind, subject, object));
                }
            }
            for (int reach = 0; reach < Reach.values().length; reach++) {
                ops.add(new ModelOp(Kind.INVALIDATE, subject, reach));
            }
        }
        return List.copyOf(ops);
    }

    /** What an invalidation names. */
    Reach reach() {
        return Reach.values()[object];
    }

    @Override
    public String toString() {
        return kind + " " + subject + " " + (kind == Kind.INVALIDATE ? reach() : object);
    }
}
