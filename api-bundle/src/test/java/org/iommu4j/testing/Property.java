package org.iommu4j.testing;

import java.util.SplittableRandom;

/**
 * Runs a law on many generated cases. The cases are the same in every build; a failure names the seed of its case, and
 * {@code -Dproperty.seed=N} runs that case alone. {@code -Dproperty.series=N} takes other cases.
 */
public final class Property {
    private Property() {}

    /** A law, told on one generated case. */
    @FunctionalInterface
    public interface Body {
        /** Makes the case from {@code random} and checks the law; throws if it does not hold. */
        void run(SplittableRandom random) throws Exception;
    }

    /** Checks a law on {@code runs} cases. */
    public static void check(int runs, Body body) {
        check(0, runs, body);
    }

    /** Checks a law on {@code runs} other cases than those of earlier turns. */
    static void check(int turn, int runs, Body body) {
        if (isReplay()) {
            run(Long.getLong("property.seed"), body);
            return;
        }
        SplittableRandom seeds =
                new SplittableRandom(Long.getLong("property.series", 1) + ((long) turn << Integer.SIZE));
        for (int i = 0; i < runs; i++) {
            run(seeds.nextLong(), body);
        }
    }

    /** True if one case is wanted, and no others. */
    static boolean isReplay() {
        return Long.getLong("property.seed") != null;
    }

    private static void run(long seed, Body body) {
        try {
            body.run(new SplittableRandom(seed));
        } catch (Exception | AssertionError | StackOverflowError | OutOfMemoryError e) {
            throw new AssertionError("does not hold; replay with -Dproperty.seed=" + seed + ": " + e, e);
        }
    }
}
