package org.iommu4j.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PropertyTest {
    @Test
    void shouldNameTheSeedThatReplaysAFailure() {
        List<Long> seen = new ArrayList<>();

        AssertionError failure = assertThrows(
                AssertionError.class,
                () -> Property.check(100, random -> {
                    seen.add(random.nextLong());
                    if (seen.size() == 7) {
                        throw new IllegalStateException("the seventh");
                    }
                }));

        String message = failure.getMessage();
        assertTrue(message.endsWith("java.lang.IllegalStateException: the seventh"), message);
        int from = message.indexOf("-Dproperty.seed=") + "-Dproperty.seed=".length();
        long seed = Long.parseLong(message.substring(from, message.indexOf(':', from)));
        assertEquals(seen.get(6), new SplittableRandom(seed).nextLong());
    }

    @Test
    void shouldTakeTheSameCasesEveryTime() {
        List<Long> first = new ArrayList<>();
        List<Long> second = new ArrayList<>();
        Property.check(5, random -> first.add(random.nextLong()));
        Property.check(5, random -> second.add(random.nextLong()));

        assertEquals(5, first.size());
        assertEquals(first, second);
    }
}
