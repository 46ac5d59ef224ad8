package org.iommu4j.shell.text;

import java.io.PrintWriter;
import java.util.function.LongSupplier;

/**
 * Tells how far something is: on a terminal one line that is written over, elsewhere a line every few seconds. May be
 * called from any thread, as often as one likes.
 */
public final class ProgressLine {
    private static final long TERMINAL_NANOS = 100_000_000L;
    private static final long ELSEWHERE_NANOS = 3_000_000_000L;

    private final PrintWriter out;
    private final boolean terminal;
    private final LongSupplier nanoTime;
    private long last;
    private int width;

    /**
     * A line.
     *
     * @param out where it goes
     * @param terminal true if what was written can be written over
     * @param nanoTime monotonic time in nanoseconds
     */
    public ProgressLine(PrintWriter out, boolean terminal, LongSupplier nanoTime) {
        this.out = out;
        this.terminal = terminal;
        this.nanoTime = nanoTime;
        last = nanoTime.getAsLong() - (terminal ? TERMINAL_NANOS : ELSEWHERE_NANOS);
    }

    /** Shows a text, unless the last one is too recent. */
    public synchronized void show(String text) {
        long now = nanoTime.getAsLong();
        if (now - last < (terminal ? TERMINAL_NANOS : ELSEWHERE_NANOS)) {
            return;
        }
        last = now;
        if (terminal) {
            out.print("\r" + text + " ".repeat(Math.max(0, width - text.length())));
            width = text.length();
        } else {
            out.println(text);
        }
        out.flush();
    }

    /** Clears the line on a terminal, so that what follows begins in the first column. */
    public synchronized void clear() {
        if (terminal && width > 0) {
            out.print("\r" + " ".repeat(width) + "\r");
            out.flush();
            width = 0;
        }
    }
}
