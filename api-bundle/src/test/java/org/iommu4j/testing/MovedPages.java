package org.iommu4j.testing;

import java.util.BitSet;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;

/**
 * A scene whose pages are moved from one place to another and back: what a device still reaches where the page was before is left. The
 * chip is made once, and everything is dropped only after a request that has left something.
 */
public final class MovedPages implements ShimLaws.Scene {
    /** What the pages are and how devices reach them. */
    public interface Pages {
        /** How many there are, each as one device reaches it. */
        int count();

        /** Writes the tables anew. */
        void move(boolean toSecondPlace);

        /** Drops everything that is cached. */
        void forget();

        /** Reads a page, which caches it. */
        boolean leads(int page, boolean toSecondPlace);

        /** Carries a request out, with its completion. */
        void carryOut(InvalidateRequest request, Completion completion);

        /** Caches what reading does not. */
        default void fillOthers() {}

        /**
         * Notes what of that is cached.
         *
         * @param left takes numbers from {@link #count} on
         */
        default void noteOthers(BitSet left) {}
    }

    private final Pages pages;
    private boolean second;
    private boolean stale;

    public MovedPages(Pages pages) {
        this.pages = pages;
    }

    @Override
    public void fill() {
        if (stale) {
            pages.forget();
        }
        for (int page = 0; page < pages.count(); page++) {
            if (!pages.leads(page, second)) {
                throw new AssertionError("page " + page + " is not where its table leads");
            }
        }
        pages.fillOthers();
        second = !second;
        pages.move(second);
        stale = true;
    }

    @Override
    public void carryOut(InvalidateRequest request, Completion completion) {
        pages.carryOut(request, completion);
    }

    @Override
    public BitSet left() {
        BitSet left = new BitSet();
        for (int page = 0; page < pages.count(); page++) {
            left.set(page, pages.leads(page, !second));
        }
        stale = !left.isEmpty();
        pages.noteOthers(left);
        return left;
    }
}
