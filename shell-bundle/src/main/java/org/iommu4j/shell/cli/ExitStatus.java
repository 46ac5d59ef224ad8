package org.iommu4j.shell.cli;

/** Exit statuses of the program. */
public final class ExitStatus {
    /** All is well. */
    public static final int OK = 0;

    /** Something was lost, stale or different, or a command failed. */
    public static final int FAILED = 1;

    /** Wrong arguments, an input that cannot be read, or an output that cannot be written. */
    public static final int USAGE = 2;

    /** The container is incomplete, or the program itself failed. */
    public static final int BROKEN = 3;

    /** The reader of standard output has gone, as shells number it: 128 and SIGPIPE. */
    public static final int READER_GONE = 141;

    private ExitStatus() {}
}
