package org.iommu4j.shell.cli;

/** A command cannot do what it was asked. The message is one line for the user. */
public final class CommandFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;

    /** A failure with its one line; the exit status is {@link ExitStatus#FAILED}. */
    public CommandFailure(String message) {
        this(ExitStatus.FAILED, message, null);
    }

    /** A failure with its cause. */
    public CommandFailure(String message, Throwable cause) {
        this(ExitStatus.FAILED, message, cause);
    }

    /** A failure with its exit status; {@code cause} may be null. */
    public CommandFailure(int status, String message, Throwable cause) {
        super(message, cause);
        this.status = status;
    }

    /** The exit status that it asks for, see {@link ExitStatus}. */
    public int status() {
        return status;
    }
}
