package org.iommu4j.testbench.tables;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.iommu4j.testbench.tables.TableSubject.Broken;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each law of page tables finds what is wrong, in every format in which it can be wrong: in the build every fault in each fifth format,
 * in turn, and in all of them with {@code -Diommu4j.tables.all=true}.
 */
class PlantedTableFaultsTest {
    private static final int ONE_IN = Boolean.getBoolean("iommu4j.tables.all") ? 1 : 5;
    private static final int EFFORT = 8;
    private static final long SEED = 1;

    /**
     * Something that is wrong.
     *
     * @param law that has to find it
     * @param name what is wrong
     * @param make wrong tables, or a wrong chip, for a shape
     */
    private record Fault(TableLaw law, String name, Function<TableShape, Broken> make) {
        boolean isPossible(TableShape shape) {
            return switch (law) {
                case LARGEST_PAGE -> shape.leafLevel() > 0 || name.startsWith("chip");
                case BOUNDARIES_OF_BLOCKS, PAGES_BACK, NO_PAGES -> shape.levels() > 1;
                default -> true;
            };
        }
    }

    private static final List<Fault> FAULTS = List.of(
            new Fault(TableLaw.MAP, "all pages lead to one", on(BrokenTables::leadsAllPagesToOne)),
            new Fault(TableLaw.MAP, "chip misplaces bytes", on(BrokenTables::chipMisplacesTheLastByte)),
            new Fault(TableLaw.UNMAP, "nothing is unmapped", shape -> BrokenTables.unmapsNothing()),
            new Fault(TableLaw.UNMAP, "the next page is unmapped", on(BrokenTables::unmapsTheNextPage)),
            new Fault(TableLaw.OVERLAP, "overlaps replace", shape -> BrokenTables.replacesWhatIsThere()),
            new Fault(TableLaw.OVERLAP, "overlaps leave pieces", on(BrokenTables::leavesPieces)),
            new Fault(TableLaw.PERMISSIONS, "all is allowed", shape -> BrokenTables.allowsEverything()),
            new Fault(TableLaw.PERMISSIONS, "chip lets all pass", shape -> BrokenTables.chipLetsPass()),
            new Fault(TableLaw.LARGEST_PAGE, "small pages only", on(BrokenTables::usesSmallPages)),
            new Fault(TableLaw.LARGEST_PAGE, "chip cuts pages", on(BrokenTables::chipMakesPagesSmaller)),
            new Fault(TableLaw.HOLES, "holes are filled", on(BrokenTables::mapsTheNextPage)),
            new Fault(TableLaw.HOLES, "chip lets all pass", shape -> BrokenTables.chipLetsPass()),
            new Fault(TableLaw.BOUNDARIES_OF_THE_SPACE, "the highest bit is lost", BrokenTables::losesTheHighestBit),
            new Fault(TableLaw.BOUNDARIES_OF_BLOCKS, "a table's end ends it", BrokenTables::stopsAtTheEndOfATable),
            new Fault(TableLaw.TARGETS, "the highest target is lost", BrokenTables::losesTheHighestTarget),
            new Fault(TableLaw.TARGETS, "chip loses the highest target", BrokenTables::chipLosesTheHighestTarget),
            new Fault(TableLaw.RANDOM_EDITS, "some removals are lost", shape -> BrokenTables.forgetsRemovals()),
            new Fault(TableLaw.TWO_SPACES, "tables are shared", shape -> BrokenTables.sharesTables()),
            new Fault(TableLaw.PAGES_BACK, "pages are kept", shape -> BrokenTables.keepsPages()),
            new Fault(TableLaw.EVERY_BOUNDARY, "chip misplaces bytes", on(BrokenTables::chipMisplacesTheLastByte)),
            new Fault(TableLaw.ORDER_OF_WRITES, "mapped in two steps", shape -> BrokenTables.mapsInTwoSteps()),
            new Fault(TableLaw.NO_PAGES, "pieces are left", on(BrokenTables::leavesPieces)));

    private static Function<TableShape, Broken> on(Function<Long, Broken> ofPage) {
        return shape -> ofPage.apply(shape.pageBytes());
    }

    static Stream<Arguments> faults() {
        List<TableFormat> formats = TableFormats.all().toList();
        return IntStream.range(0, FAULTS.size()).boxed().flatMap(index -> {
            Fault fault = FAULTS.get(index);
            List<TableFormat> possible = formats.stream()
                    .filter(format -> fault.isPossible(format.shape()))
                    .toList();
            return IntStream.range(0, possible.size())
                    .filter(place -> (place + index) % ONE_IN == 0)
                    .mapToObj(place -> Arguments.arguments(fault.law(), fault.name(), possible.get(place)));
        });
    }

    @ParameterizedTest(name = "{0}: {1}, {2}")
    @MethodSource("faults")
    void shouldBeFound(TableLaw law, String name, TableFormat format) {
        Fault fault = FAULTS.stream()
                .filter(one -> one.law() == law && one.name().equals(name))
                .findAny()
                .orElseThrow();
        assertThrows(
                AssertionError.class,
                () -> law.hold(new TableSubject(format, fault.make().apply(format.shape()), SEED), EFFORT),
                () -> law + " does not find in " + format + ": " + name);
    }

    @Test
    void shouldBeOneForEachLaw() {
        Set<TableLaw> laws =
                FAULTS.stream().map(Fault::law).collect(Collectors.toCollection(() -> EnumSet.noneOf(TableLaw.class)));
        assertEquals(EnumSet.allOf(TableLaw.class), laws);
    }
}
