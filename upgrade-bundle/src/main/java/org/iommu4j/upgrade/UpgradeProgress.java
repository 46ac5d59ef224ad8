package org.iommu4j.upgrade;

import java.util.Locale;

/**
 * Progress of an upgrade run.
 *
 * @param fraction of the run that is done, 0 to 1
 * @param swaps done so far
 * @param requests sent so far
 * @param translations done so far
 * @param doing what is being done
 */
public record UpgradeProgress(double fraction, int swaps, long requests, long translations, String doing) {
    /** One line without its end, of constant length as long as {@code doing} is short. */
    public String toLine() {
        return String.format(
                Locale.ROOT,
                "%3.0f %%  %3d swaps  %,12d requests  %,12d translations  %-32.32s",
                fraction * 100,
                swaps,
                requests,
                translations,
                doing);
    }
}
