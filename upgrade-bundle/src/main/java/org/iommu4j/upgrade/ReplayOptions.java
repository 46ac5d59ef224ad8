package org.iommu4j.upgrade;

import org.iommu4j.backend.CacheConfig;

/**
 * Options of replaying a capture.
 *
 * @param path which way its commands take
 * @param cache how much the chip keeps
 * @param frozen true to check the frozen walks too
 * @param keptDifferences most differences that are kept with their details; all are counted
 * @param sanitized true to look for stale translations
 */
public record ReplayOptions(Path path, CacheConfig cache, boolean frozen, int keptDifferences, boolean sanitized) {
    /** The contract path on a real part's caches, frozen walks and sanitizer included. */
    public static final ReplayOptions DEFAULT = new ReplayOptions(Path.CONTRACT, CacheConfig.DEFAULT, true, 100, true);

    /** A replay with the sanitizer. */
    public ReplayOptions(Path path, CacheConfig cache, boolean frozen, int keptDifferences) {
        this(path, cache, frozen, keptDifferences, true);
    }

    /** The way of a guest's commands to the chip. */
    public enum Path {
        /** Through the virtual IOMMU, the contract and the host's own chip. */
        CONTRACT("contract"),
        /** Straight to a chip that is the guest's own. */
        DIRECT("direct");

        private final String label;

        Path(String label) {
            this.label = label;
        }

        /** The name on command lines. */
        public String label() {
            return label;
        }

        /** The path of that label, or null. */
        public static Path ofLabel(String label) {
            for (Path path : values()) {
                if (path.label.equals(label)) {
                    return path;
                }
            }
            return null;
        }
    }

    /** The same on another path. */
    public ReplayOptions withPath(Path other) {
        return new ReplayOptions(other, cache, frozen, keptDifferences, sanitized);
    }

    /** The same with other caches. */
    public ReplayOptions withCache(CacheConfig other) {
        return new ReplayOptions(path, other, frozen, keptDifferences, sanitized);
    }

    /** The same without the frozen walks. */
    public ReplayOptions withoutFrozen() {
        return new ReplayOptions(path, cache, false, keptDifferences, sanitized);
    }

    /** The same without the sanitizer. */
    public ReplayOptions withoutSanitizer() {
        return new ReplayOptions(path, cache, frozen, keptDifferences, false);
    }
}
