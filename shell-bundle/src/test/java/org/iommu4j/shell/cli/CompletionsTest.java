package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.iommu4j.shell.testing.FakeHost;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompletionsTest {
    private final FakeHost host = new FakeHost(Path.of("."));
    private final Completions completions = new Completions(
            () -> List.of("iommu:swap", "iommu:swaps", "iommu:explain", "felix:lb", "gogo:cat"),
            host::core,
            Map.of(
                    "explain",
                            Iommu4jCommand.single(new ExplainCommand(host), InstalledModels.factory(host::core))
                                    .getCommandSpec(),
                    "replay",
                            Iommu4jCommand.single(new ReplayCommand(host), InstalledModels.factory(host::core))
                                    .getCommandSpec()));

    private List<String> at(String line) {
        String[] words = line.split(" ", -1);
        return completions.at(Arrays.asList(words).subList(0, words.length - 1), words[words.length - 1]);
    }

    @ParameterizedTest
    @CsvSource({
        "iommu:s, iommu:swap iommu:swaps",
        "l, lb",
        "ex, exit",
        "help iommu:e, iommu:explain",
        "iommu:swap '', intel",
        "swap '', intel",
        "swap -, --force -f",
        "swap -f i, intel",
        "swap intel '', 1.0.0",
        "negotiate intel 0x01, 0x0100 0x0110",
        "record -, --stop",
        "explain --mod, --model",
        "explain --model '', intel",
        "replay --cache t, tiny",
        "replay --p, --path",
        "lb | c, cat",
        "lb; iommu:sw, iommu:swap iommu:swaps"
    })
    void shouldOfferWhatMayStandThere(String line, String words) {
        assertEquals(List.of(words.split(" ")), at(line.replace("''", "")));
    }

    @Test
    void shouldLeaveFilesAndUnknownPlacesToOthers() {
        assertTrue(at("replay tr").isEmpty());
        assertTrue(at("swap intel 1.0.0 ").isEmpty());
        assertTrue(at("swap nobody ").isEmpty());
        assertTrue(at("frobnicate ").isEmpty());
        assertTrue(completions.mayBeFile(List.of("lb;", "replay")));
        assertFalse(completions.mayBeFile(List.of("iommu:swap", "nobody")));
        assertFalse(completions.mayBeFile(List.of("replay", "x", "|")));
    }
}
