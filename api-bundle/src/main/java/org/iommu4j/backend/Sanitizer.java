package org.iommu4j.backend;

import org.osgi.annotation.versioning.ProviderType;

/** Judges a chip and its software by what it observes; see {@link Finding.Kind}. May be called from any thread. */
@ProviderType
public interface Sanitizer extends TranslationObserver {
    /** How much of the software's writes there is to see. */
    enum Mode {
        /** Nothing is observed, at no cost. */
        OFF,
        /** Software writes its tables through {@link Platform#memory} when it says so. */
        ON,
        /**
         * A captured guest: words come into memory when the chip is to read them, so what was unmapped is never seen, and
         * only a command that had nothing at all to drop is known to be superfluous.
         */
        CAPTURE
    }

    /** Everything that is observed from now on is caused by this place of the input. */
    default void at(Finding.Place place) {
        // Findings then have only their times.
    }

    /** Pages were given back to where they came from. */
    void freed(long pa, int pages);

    /** The findings until now, with the invalidations that are still missing. */
    SanitizerReport report();
}
