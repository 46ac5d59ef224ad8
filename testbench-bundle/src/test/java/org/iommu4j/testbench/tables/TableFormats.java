package org.iommu4j.testbench.tables;

import java.util.stream.Stream;

/** The formats of all vendors. */
final class TableFormats {
    private TableFormats() {}

    static Stream<TableFormat> all() {
        return Stream.of(
                        VtdTables.formats(),
                        SmmuTables.formats(),
                        AmdViTables.formats(),
                        SpaprTables.formats(),
                        ZpciTables.formats())
                .flatMap(formats -> formats);
    }
}
