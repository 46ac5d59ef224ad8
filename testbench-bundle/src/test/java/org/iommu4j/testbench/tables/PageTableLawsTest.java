package org.iommu4j.testbench.tables;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.Stream;
import org.iommu4j.testbench.tables.TableSubject.Broken;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tables of every format keep the same laws. */
class PageTableLawsTest {
    private static final int EFFORT = Integer.getInteger("iommu4j.tables.effort", 8);
    private static final long SEED = Long.getLong("iommu4j.tables.seed", 1);
    private static final int FEWEST_FORMATS = 14;

    static Stream<Arguments> laws() {
        return TableFormats.all()
                .flatMap(format -> Stream.of(TableLaw.values()).map(law -> Arguments.arguments(format, law)));
    }

    @ParameterizedTest(name = "{1} of {0}")
    @MethodSource("laws")
    void shouldHold(TableFormat format, TableLaw law) {
        law.hold(new TableSubject(format, Broken.NOTHING, SEED), EFFORT);
    }

    @Test
    void shouldBeManyFormats() {
        assertTrue(TableFormats.all().map(TableFormat::name).distinct().count() >= FEWEST_FORMATS);
    }
}
