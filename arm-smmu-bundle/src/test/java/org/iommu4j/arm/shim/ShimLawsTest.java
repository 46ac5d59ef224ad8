package org.iommu4j.arm.shim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumSet;
import java.util.List;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.shim.ShimEquivalencePropertyTest.Scene;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.testing.MovedPages;
import org.iommu4j.testing.ShimLaws;
import org.iommu4j.testing.ShimLaws.Law;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations that have chips. */
class ShimLawsTest {
    private static ShimLaws laws() {
        return new ShimLaws(
                new SmmuBackend(),
                (client, chip, other) -> new MovedPages(new Scene(
                        // A guest of 0x0301 may have ranges, which the default chip has not.
                        client == chip && chip == SmmuGeneration.V3_1 ? SmmuGeneration.V3_2 : chip,
                        Math.min(chip, Math.min(client, other)) > SmmuGeneration.V3_0)),
                (client, other, random) -> ShimEquivalencePropertyTest.request(client, random),
                ShimEquivalencePropertyTest::keepsHints,
                (request, refusal) -> false);
    }

    @Test
    void shouldHoldOnEveryPath() {
        laws().check(SmmuGeneration.OF_CHIPS, EnumSet.allOf(Law.class));
    }

    @Test
    void shouldShowARequestAsALineOfACaseFile() {
        byte[] all = SmmuCommand.TLBI_NH_ALL.layout().encode(SmmuCommand.TLBI_NH_ALL.word(), 0);
        InvalidateRequest request = new InvalidateRequest().set(0, 0, 0, 0, 0, SmmuGeneration.V3_2, all, 0, all.length);
        String line = laws().caseOf(SmmuGeneration.V3_2, SmmuGeneration.V3_1, request, "L4: less");
        assertTrue(line.startsWith("{\"id\": \"law-302-301\", \"model\": \"arm\", \"subVersion\": \"0x301\""), line);
        for (String step : List.of(
                "{\"op\": \"offer\", \"container\": \"1\", \"subVersion\": \"0x302\"}",
                "{\"op\": \"mem_write\", \"pa\": \"0x",
                "{\"op\": \"attach\", \"container\": \"1\", \"requester\": \"0x10\"}",
                "{\"op\": \"ioctl\", \"container\": \"1\", \"request\": \"VFIO_IOMMU_OP\", \"hex\": \"",
                "\"access\": \"read\", \"expect\": {\"pa\": \"0x")) {
            assertTrue(line.contains(step), step);
        }
    }
}
