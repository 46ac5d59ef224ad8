package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.FuzzOptions.What;
import org.iommu4j.testbench.FuzzResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Generated cases of models whose commands are calls reach deep, and find nothing wrong in the shipped bundles. */
class OtherModelsFuzzTest {
    private static final int CASES = 48;

    @TempDir
    Path folder;

    private static FuzzResult run(Backend backend, IommuModel model, What what) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            FuzzOptions options =
                    FuzzOptions.of(model, 1, Long.MAX_VALUE).with(what).withCases(0, CASES);
            FuzzResult result = new Fuzzer(core).run(options, progress -> {});
            assertNull(result.failure(), () -> String.valueOf(result.failure()));
            assertEquals(CASES, result.cases());
            assertTrue(result.reached("accesses", "translated") > 10, result::toText);
            return result;
        }
    }

    private static void reachesTheContract(FuzzResult result) {
        assertTrue(result.reached("errno of ioctl", "OK") > 20, result::toText);
        assertTrue(result.reached().get("rules").size() > 15, result::toText);
    }

    @ParameterizedTest
    @EnumSource(names = "ALL", mode = EnumSource.Mode.EXCLUDE)
    void shouldFindNothingInZpci(What what) {
        FuzzResult result = run(new ZpciBackend(), IommuModel.S390, what);

        assertTrue(result.reached("accesses", "INVALID_ENTRY") > 0, result::toText);
        assertTrue(result.compared() > result.accesses() / 2, result::toText);
        if (what == What.CONTRACT) {
            reachesTheContract(result);
            assertTrue(result.reached("errno of ioctl", "EIO") > 0, result::toText);
        } else {
            assertTrue(result.reached("calls", "RPCIT/done") > 0, result::toText);
        }
    }

    @Test
    void shouldJudgeAnAccessByAllOfItsBytes() throws IOException {
        Path known = folder.resolve("wraps.jsonl");
        try (Stream<String> lines = Files.lines(Path.of("../s390-bundle/src/test/resources/cases/fuzz.jsonl"))) {
            Files.writeString(
                    known,
                    lines.filter(line -> line.contains("access-that-wraps-behind-the-aperture"))
                            .findFirst()
                            .orElseThrow());
        }
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new ZpciBackend());
            FuzzOptions options = FuzzOptions.of(IommuModel.S390, 1, Long.MAX_VALUE)
                    .withCases(0, 2 * CASES)
                    .withCorpus(List.of(known));
            FuzzResult result = new Fuzzer(core).run(options, progress -> {});

            assertNull(result.failure(), () -> String.valueOf(result.failure()));
            assertTrue(result.reached("accesses", "OUTSIDE_RANGE") > 0, result::toText);
        }
    }

    @ParameterizedTest
    @EnumSource(names = "ALL", mode = EnumSource.Mode.EXCLUDE)
    void shouldFindNothingInSpapr(What what) {
        FuzzResult result = run(new SpaprBackend(), IommuModel.SPAPR, what);

        if (what == What.CONTRACT) {
            reachesTheContract(result);
        } else {
            assertTrue(result.compared() > 100, result::toText);
            assertTrue(result.reached("calls", "H_SET_TCE_TABLE/H_SUCCESS") > 0, result::toText);
        }
    }
}
