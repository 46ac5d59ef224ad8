package org.iommu4j.upgrade;

import java.nio.file.Path;
import java.util.List;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.contract.IommuModel;

/**
 * Options of an upgrade run: the versions that are swapped, and the load.
 *
 * @param model whose bundle is swapped
 * @param capture the guest
 * @param releasedJars where released bundles are; of those with the symbolic name of {@code builtJar} the newest of an
 *     earlier minor version is taken, or the newest if there is none
 * @param builtJar the vendor's bundle as built
 * @param swaps least number of swaps, positive
 * @param durationNanos over which they are spread, in nanoseconds; the last replay is played to its end
 * @param seed of the choices of the load
 * @param cache how much the chips keep
 */
public record UpgradeOptions(
        IommuModel model,
        Path capture,
        List<Path> releasedJars,
        Path builtJar,
        int swaps,
        long durationNanos,
        long seed,
        CacheConfig cache) {
    private static final int DEFAULT_SWAPS = 12;
    private static final long DEFAULT_DURATION_NANOS = 10_000_000_000L;

    /** Copies the list. */
    public UpgradeOptions {
        if (swaps < 1 || durationNanos < 0) {
            throw new IllegalArgumentException("swaps=" + swaps + ", durationNanos=" + durationNanos);
        }
        releasedJars = List.copyOf(releasedJars);
    }

    /** Twelve swaps in ten seconds. */
    public static UpgradeOptions of(IommuModel model, Path capture, List<Path> releasedJars, Path builtJar) {
        return new UpgradeOptions(
                model, capture, releasedJars, builtJar, DEFAULT_SWAPS, DEFAULT_DURATION_NANOS, 1, CacheConfig.DEFAULT);
    }

    /** The same with another number of swaps. */
    public UpgradeOptions withSwaps(int number) {
        return new UpgradeOptions(model, capture, releasedJars, builtJar, number, durationNanos, seed, cache);
    }

    /** The same over another time. */
    public UpgradeOptions withDurationNanos(long nanos) {
        return new UpgradeOptions(model, capture, releasedJars, builtJar, swaps, nanos, seed, cache);
    }

    /** The same with another seed. */
    public UpgradeOptions withSeed(long other) {
        return new UpgradeOptions(model, capture, releasedJars, builtJar, swaps, durationNanos, other, cache);
    }

    /** The same with other caches. */
    public UpgradeOptions withCache(CacheConfig other) {
        return new UpgradeOptions(model, capture, releasedJars, builtJar, swaps, durationNanos, seed, other);
    }
}
