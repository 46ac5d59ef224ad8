package org.iommu4j.testbench.conform;

import java.util.function.Supplier;
import org.iommu4j.core.service.Progress;

/** Looks whether a bundle keeps one rule. */
@FunctionalInterface
interface Check {
    /**
     * Looks.
     *
     * @param progress is told whenever something new begins
     * @return what was looked at, in a few words
     * @throws Unmet if the rule is broken
     * @throws NotCovered if it cannot be looked at
     */
    String run(Progress progress);

    /** A rule is broken; the message is what was seen. */
    final class Unmet extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Unmet(String seen) {
            super(seen);
        }

        Unmet(String seen, Throwable cause) {
            super(seen, cause);
        }
    }

    /** A rule cannot be looked at; the message is why. */
    final class NotCovered extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NotCovered(String why) {
            super(why);
        }
    }

    /** Fails the rule unless that holds. */
    static void expect(boolean holds, String otherwise) {
        if (!holds) {
            throw new Unmet(otherwise);
        }
    }

    /** Fails the rule unless that holds; what was seen is only asked for if it does not. */
    static void expect(boolean holds, Supplier<String> otherwise) {
        if (!holds) {
            throw new Unmet(otherwise.get());
        }
    }
}
