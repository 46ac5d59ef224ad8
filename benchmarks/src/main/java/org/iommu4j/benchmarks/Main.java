package org.iommu4j.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * JMH's own command line, with a short mode: {@code --short} runs each benchmark for about two seconds and counts the
 * bytes that it allocates. The figures of a short run are good for ratios within it, and for nothing else.
 */
public final class Main {
    private static final List<String> SHORT =
            List.of("-f", "1", "-wi", "4", "-w", "200ms", "-i", "6", "-r", "200ms", "-prof", "gc");

    private Main() {}

    /** Runs what the arguments select; see {@code -h}. */
    public static void main(String[] args) throws IOException {
        List<String> given = new ArrayList<>(Arrays.asList(args));
        if (given.remove("--short")) {
            given.addAll(0, SHORT);
        }
        org.openjdk.jmh.Main.main(given.toArray(new String[0]));
    }
}
