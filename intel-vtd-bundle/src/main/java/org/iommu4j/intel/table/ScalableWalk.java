package org.iommu4j.intel.table;

/** Names of the entries that walks of scalable mode read, VT-d 3.4.3. */
public final class ScalableWalk {
    /** Half of a root entry. */
    public static final String ROOT = "scalable root entry";

    /** A context entry. */
    public static final String CONTEXT = "scalable context entry";

    /** An entry of a PASID directory. */
    public static final String DIRECTORY = "PASID directory entry";

    /** An entry of a PASID table. */
    public static final String PASID = "PASID entry";

    /** A first-stage entry; its level follows. */
    public static final String FIRST_STAGE = "first-stage entry";

    /** A second-stage entry; its level follows. */
    public static final String SECOND_STAGE = "scalable second-stage entry";

    /** An entry of a host permission table; its level follows. */
    public static final String PERMISSION = "host permission entry";

    private ScalableWalk() {}
}
