package org.iommu4j.testbench.model;

import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.ZpciGeneration;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.testbench.tables.TableFormat;
import org.iommu4j.testbench.tables.TableFormats;

/**
 * A chip with its driver, and tables that its domains have.
 *
 * @param name of vendor and generation
 * @param backend the chip's
 * @param config of the chip
 * @param format of the tables of a domain
 * @param base first device address of the pages
 * @param requesters of the devices
 */
record ModelVendor(
        String name, Backend backend, HardwareConfig config, TableFormat format, long base, List<Integer> requesters) {

    private static final List<Integer> PCI = List.of(0x0310, 0x0318);
    private static final long LOW = 0x1000_0000L;

    private static ModelVendor of(
            Backend backend,
            int subVersion,
            Map<String, Map<String, Long>> fields,
            Map<String, String> options,
            String format,
            long base,
            List<Integer> requesters) {
        TableFormat tables = TableFormats.all()
                .filter(one -> one.name().equals(format))
                .findAny()
                .orElseThrow();
        return new ModelVendor(
                backend.describe().model().label() + " 0x" + Integer.toHexString(subVersion) + ", " + format,
                backend,
                new HardwareConfig(subVersion, fields, Map.of(), CacheConfig.TINY, options),
                tables,
                base,
                requesters);
    }

    /** The same with something broken. */
    ModelVendor with(UnaryOperator<Backend> change) {
        return new ModelVendor(name, change.apply(backend), config, format, base, requesters);
    }

    /** The same with other caches. */
    ModelVendor with(CacheConfig cache) {
        return new ModelVendor(name + ", " + cache, backend, config.with(cache), format, base, requesters);
    }

    static ModelVendor vtd() {
        return of(
                new VtdBackend(),
                VtdGeneration.LEGACY_QI,
                Map.of(),
                Map.of(),
                "VT-d second stage, legacy, 4 levels",
                LOW,
                PCI);
    }

    static ModelVendor scalableVtd() {
        return of(
                new VtdBackend(),
                VtdGeneration.WIDE_TYPE,
                Map.of(),
                Map.of(),
                "VT-d second stage, scalable, 4 levels",
                LOW,
                PCI);
    }

    static ModelVendor smmu() {
        return of(new SmmuBackend(), SmmuGeneration.V3_2, Map.of(), Map.of(), "SMMU stage 2, K4, 39 bits", LOW, PCI);
    }

    static ModelVendor amdVi() {
        return of(new AmdViBackend(), AmdViGeneration.V3, Map.of(), Map.of(), "AMD-Vi v1, mode 3", LOW, PCI);
    }

    static ModelVendor spapr() {
        return of(
                new SpaprBackend(),
                SpaprGeneration.IODA3,
                Map.of(),
                Map.of("eeh", "off"),
                "TCE, 2 levels of 9 bits, pages of 2^12",
                LOW,
                PCI);
    }

    private static ModelVendor zpci(long refresh) {
        return of(
                new ZpciBackend(),
                ZpciGeneration.TABLES,
                Map.of("clp", Map.of("refresh", refresh)),
                Map.of(),
                "zPCI, 3 levels",
                1L << 32,
                List.of(FunctionHandle.of(0, 0, true), FunctionHandle.of(1, 0, true)));
    }

    /** The chip reads the tables. */
    static ModelVendor zpci() {
        return zpci(0);
    }

    /** The host shadows the tables. */
    static ModelVendor shadowedZpci() {
        return zpci(1);
    }

    static Stream<ModelVendor> all() {
        return Stream.of(vtd(), scalableVtd(), smmu(), amdVi(), spapr(), zpci(), shadowedZpci());
    }

    /** Bytes of an entry as they stand in memory. */
    ByteOrder order() {
        return format.shape().order();
    }

    @Override
    public String toString() {
        return name;
    }
}
