package org.iommu4j.upgrade;

/**
 * Counts of comparisons by their outcome.
 *
 * @param compared all
 * @param equal as the capture says
 * @param different not as the capture says
 */
public record Tally(long compared, long equal, long different) {
    /** Nothing compared. */
    public static final Tally NONE = new Tally(0, 0, 0);

    /** Both together. */
    public Tally plus(Tally other) {
        return new Tally(compared + other.compared, equal + other.equal, different + other.different);
    }
}
