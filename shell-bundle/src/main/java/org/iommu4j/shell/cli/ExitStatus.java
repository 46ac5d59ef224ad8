package org.iommu4j.shell.cli;

/** How the program ends. */
public final class ExitStatus {
    /** All is well. */
    public static final int OK = 0;

    /** Something was lost, stale or different, or a command failed. */
    public static final int FAILED = 1;

    /** Wrong arguments, or an input that cannot be read. */
    public static final int USAGE = 2;

    /** The container is incomplete, or the program itself failed. */
    public static final int BROKEN = 3;

    private ExitStatus() {}
}
