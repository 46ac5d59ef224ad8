package org.iommu4j.testbench;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * What is checked, and how much.
 *
 * @param jar the vendor's bundle
 * @param released other bundles of its model, older releases above all: swaps go from each of them to it
 * @param cases its own case files
 * @param fixtures folder of the fixtures of all bundles, docs/fixtures.md; null for none
 * @param only ids of the rules to check; empty for all
 * @param seed of everything that is random
 * @param generated cases of each kind that are made up
 * @param swaps under load, for each bundle that it is swapped with
 */
public record ConformOptions(
        Path jar,
        List<Path> released,
        List<Path> cases,
        Path fixtures,
        Set<String> only,
        long seed,
        long generated,
        int swaps) {
    /** Cases of each kind if nothing else is said. */
    public static final long DEFAULT_GENERATED = 400;

    /** Swaps if nothing else is said. */
    public static final int DEFAULT_SWAPS = 6;

    /** Copies the collections. */
    public ConformOptions {
        released = List.copyOf(released);
        cases = List.copyOf(cases);
        only = Set.copyOf(only);
    }

    /** Every rule, as far as the bundle alone allows. */
    public static ConformOptions of(Path jar) {
        return new ConformOptions(jar, List.of(), List.of(), null, Set.of(), 1, DEFAULT_GENERATED, DEFAULT_SWAPS);
    }

    /** A copy with other bundles of the model. */
    public ConformOptions withReleased(List<Path> jars) {
        return new ConformOptions(jar, jars, cases, fixtures, only, seed, generated, swaps);
    }

    /** A copy with case files. */
    public ConformOptions withCases(List<Path> files) {
        return new ConformOptions(jar, released, files, fixtures, only, seed, generated, swaps);
    }

    /** A copy with the fixtures of earlier releases; null for none. */
    public ConformOptions withFixtures(Path folder) {
        return new ConformOptions(jar, released, cases, folder, only, seed, generated, swaps);
    }

    /** A copy that checks some rules only. */
    public ConformOptions withOnly(Set<String> rules) {
        return new ConformOptions(jar, released, cases, fixtures, rules, seed, generated, swaps);
    }

    /** A copy with another seed. */
    public ConformOptions withSeed(long other) {
        return new ConformOptions(jar, released, cases, fixtures, only, other, generated, swaps);
    }

    /** A copy with another number of cases and of swaps. */
    public ConformOptions withEffort(long casesOfEachKind, int swapsOfEachBundle) {
        return new ConformOptions(jar, released, cases, fixtures, only, seed, casesOfEachKind, swapsOfEachBundle);
    }
}
