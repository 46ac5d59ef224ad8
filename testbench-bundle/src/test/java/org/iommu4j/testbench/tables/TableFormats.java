package org.iommu4j.testbench.tables;

import java.util.stream.Stream;

/** The formats of all vendors. */
public final class TableFormats {
    private TableFormats() {}

    public static Stream<TableFormat> all() {
        return Stream.of(
                        VtdTables.formats(),
                        SmmuTables.formats(),
                        AmdViTables.formats(),
                        SpaprTables.formats(),
                        ZpciTables.formats())
                .flatMap(formats -> formats);
    }
}
