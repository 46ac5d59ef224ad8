package org.iommu4j.testing;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.iommu4j.layout.Layout;

/** Checks that hold for every list of layouts that a bundle declares. */
public final class LayoutChecks {
    private static final int SAMPLES = 20;

    private LayoutChecks() {}

    /**
     * Fails unless each has a section and a name of its own, and gives back every legal content that it has written, with the
     * reserved bits zero.
     */
    public static void assertNamedAndReversible(List<Layout> layouts) {
        SplittableRandom random = new SplittableRandom(1);
        Set<String> names = new HashSet<>();
        for (Layout layout : layouts) {
            require(names.add(layout.name()), layout, "has another's name");
            require(!layout.section().isEmpty(), layout, "has no section");
            for (int i = 0; i < SAMPLES; i++) {
                long[] words = new LayoutGenerator(layout).legal(random);
                long[] read = layout.decode(layout.encode(words), 0);
                for (int word = 0; word < layout.words(); word++) {
                    require(read[word] == words[word], layout, "reads other than it wrote");
                    require((words[word] & layout.reservedMask(word)) == 0, layout, "writes reserved bits");
                }
            }
        }
    }

    private static void require(boolean holds, Layout layout, String otherwise) {
        if (!holds) {
            throw new AssertionError(layout.name() + " " + otherwise);
        }
    }
}
