package org.iommu4j.itests;

import java.nio.file.Path;
import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.core.negotiation.Negotiator;
import org.iommu4j.shell.text.NegotiationText;
import org.iommu4j.testing.GeneratedDocs;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The tables of docs/negotiation.md are those of the bundles of this build. */
class NegotiationDocsTest {
    private static final Path PAGE = Path.of(System.getProperty("iommu4j.root"), "docs", "negotiation.md");

    static List<Backend> backends() {
        return Vendors.backends();
    }

    @ParameterizedTest
    @MethodSource("backends")
    void shouldShowTheTableOf(Backend backend) {
        GeneratedDocs.assertSection(
                PAGE,
                backend.describe().model().label(),
                new NegotiationText(Negotiator.table(backend.describe(), Vendors.graph(backend))).markdown());
    }
}
