package org.iommu4j.s390.command;

/** Numbers of the generations, as {@code sub_version} carries them; docs/spec/s390-zpci.md 1.1. */
public final class ZpciGeneration {
    /** Three levels; hardware reads the operating system's tables. */
    public static final int BASE = 1;

    /** The host keeps shadow tables: every change needs RPCIT, a new mapping too. */
    public static final int REFRESH = 2;

    /** A segment table entry may name a frame of 1 MiB. */
    public static final int LARGE = 3;

    /** Region second and first tables, and segment tables alone, as the group advertises. */
    public static final int TABLES = 4;

    /** Relaxed translation: T may be 0. */
    public static final int RELAXED = 5;

    private ZpciGeneration() {}

    /** True if this release knows the generation. */
    public static boolean isKnown(int subVersion) {
        return subVersion >= BASE && subVersion <= RELAXED;
    }
}
