package org.iommu4j.shell.gogo;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.apache.felix.service.command.Descriptor;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.explain.Explain;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.shell.cli.CommandFailure;
import org.iommu4j.shell.testing.FakeIommuService;
import org.iommu4j.shell.text.Screen;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.Recording;
import org.junit.jupiter.api.Test;

class IommuCommandsTest {
    private final FakeIommuService service = new FakeIommuService();
    private final StringBuilder shown = new StringBuilder();
    private final IommuCommands commands = commands(() -> service, () -> null);

    private IommuCommands commands(Supplier<IommuService> core, Supplier<ExplainService> explain) {
        return new IommuCommands(
                core, explain, () -> null, new ShellRecording(() -> null), List::of, () -> Screen.NONE, shown::append);
    }

    private String shown(Runnable command) {
        shown.setLength(0);
        command.run();
        return shown.toString();
    }

    @Test
    void shouldListBackendsWithStateModelAndGenerations() {
        assertEquals("""
                id  model  name        version  state   sub_versions   state-version         exceptions  reason
                 1  intel  Intel VT-d  1.0.0    ACTIVE  0x0100 0x0110  writes 1, reads 1..1           0  -
                 2  -      broken      1.1.0    FAILED  -              -                              0  throws at once
                """, shown(commands::backends));
    }

    @Test
    void shouldListUnitsAndContainers() {
        assertEquals("""
                unit  model  sub_version  driver  containers  devices
                   1  intel  0x0110       yes              1        2
                """, shown(commands::units));
        assertEquals("""
                unit  container  sub_version  devices
                   1          1  0x0100       00:03.0 00:1f.2
                """, shown(commands::containers));
    }

    @Test
    void shouldListAgreementsWithTheirShims() {
        assertEquals("""
                unit  container  model  kind     client  host    shims                 fidelity  reason
                   1          1  intel  BRIDGED  0x0100  0x0110  vtd-0x0100-to-0x0110  WIDENED   the only way
                """, shown(commands::agreements));
    }

    @Test
    void shouldNegotiateWithoutOpeningAnything() {
        assertTrue(shown(() -> commands.negotiate("intel", "0x0100", "0x0110", "272"))
                .contains("BRIDGED"));
    }

    @Test
    void shouldNameTheArgumentWhenAGenerationIsNoNumber() {
        CommandFailure failure =
                assertThrows(CommandFailure.class, () -> commands.negotiate("intel", "first", "0x0110", "0x0110"));

        assertEquals("oldest=first is no number; write 272 or 0x0110", failure.getMessage());
    }

    @Test
    void shouldTellTheCoresReasonWhenAModelHasNoBackend() {
        CommandFailure failure = assertThrows(CommandFailure.class, () -> commands.negotiate("arm", "1", "1", "1"));

        assertEquals("no backend serves arm", failure.getMessage());
    }

    @Test
    void shouldShowASwapAndKeepItInTheList() {
        String expected = """
                model  from   to     outcome  pause-ms  units  parked  caches   go-on  lost  reason
                intel  1.0.0  1.1.0  DONE        2.500      1       3  dropped      1     0  -
                """;

        assertEquals(expected, shown(() -> commands.swap(false, "intel", "1.1.0")));
        assertEquals(expected, shown(commands::swaps));
    }

    @Test
    void shouldFailWithTheReasonWhenASwapIsRefused() {
        CommandFailure failure = assertThrows(CommandFailure.class, () -> commands.swap(false, "intel", "9.9.9"));

        assertEquals("swap of intel to 9.9.9 was refused: no backend of version 9.9.9", failure.getMessage());
    }

    @Test
    void shouldNameContainersThatSurviveAPreviewedSwap() {
        assertTrue(shown(() -> commands.preview("intel", "1.1.0")).endsWith("goes on: unit 1 container 1\n"));
        assertThrows(CommandFailure.class, () -> commands.preview("intel", "9.9.9"));
    }

    @Test
    void shouldShowCountersOfChipsAndContainers() {
        assertEquals("""
                unit  model  commands  hits  walks  faults  dropped
                   1  intel        11    22     33       0       44

                unit  container  received  completed  widened  parked  refused (rule or errno, count)
                   1          1       100         97        5       4  ENODEV 1, V12 2
                """, shown(commands::counters));
    }

    @Test
    void shouldExplainBytesWithTheArgumentsOfTheCommandLine() {
        VtdBackend backend = new VtdBackend();
        Explain explain = new Explain(model -> model == IommuModel.INTEL ? backend : null);
        IommuCommands explaining = commands(() -> service, () -> explain);

        assertTrue(shown(() -> explaining.explain("--as", "iotlb_inv_dsc", "0x1200f2", "0x12345000"))
                .startsWith("iotlb_inv_dsc, 00000000001200f2 0000000012345000\n"));
        assertTrue(shown(() -> explaining.explain("--json", "0x1200f2", "0x12345000"))
                .startsWith("{\"outcome\":\"explained\""));
        assertTrue(shown(() -> explaining.explain("--help")).startsWith("Decodes bytes to their fields.\n"));
        CommandFailure failure = assertThrows(CommandFailure.class, () -> explaining.explain("zz"));
        assertEquals("'zz' is not hexadecimal: character 'z' at 1", failure.getMessage());
        assertThrows(CommandFailure.class, () -> explaining.explain("--frobnicate"));
    }

    /** A record that tells when it is ended. */
    private final class FakeRecording implements Recording {
        @Override
        public Path file() {
            return Path.of("out.jsonl");
        }

        @Override
        public long units() {
            return 2;
        }

        @Override
        public long requests() {
            return 30;
        }

        @Override
        public void close() {
            shown.append("closed ");
        }
    }

    private final RecordService records = new RecordService() {
        @Override
        public Recording record(Path file) {
            return new FakeRecording();
        }

        @Override
        public RecordResult play(Path file, RecordOptions options) {
            throw new UnsupportedOperationException();
        }
    };

    @Test
    void shouldRecordFromOneCommandToTheOther() {
        ShellRecording recording = new ShellRecording(() -> records);
        IommuCommands recorder = new IommuCommands(
                () -> service, () -> null, () -> null, recording, List::of, () -> Screen.NONE, shown::append);

        assertEquals("recording to out.jsonl\n", shown(() -> recorder.record("out.jsonl")));
        CommandFailure second = assertThrows(CommandFailure.class, () -> recorder.record("other.jsonl"));
        assertEquals("out.jsonl is being recorded; 'iommu:record --stop' ends it", second.getMessage());
        assertEquals("closed out.jsonl: 30 requests to 2 units\n", shown(() -> recorder.record("--stop")));
        CommandFailure nothing = assertThrows(CommandFailure.class, () -> recorder.record("--stop"));
        assertEquals("nothing is being recorded", nothing.getMessage());
        recorder.record("out.jsonl");
        assertEquals("closed ", shown(recording::close));
        assertEquals("", shown(recording::close));
    }

    @Test
    void shouldReplayWithTheArgumentsOfTheCommandLine() {
        assertTrue(shown(() -> commands.replay("--help")).startsWith("Replays a captured guest, or a record"));
        assertThrows(CommandFailure.class, () -> commands.replay("--frobnicate"));
    }

    @Test
    void shouldListTheModelsWhenOneIsUnknown() {
        CommandFailure failure = assertThrows(CommandFailure.class, () -> commands.swap(false, "riscv", "1.0.0"));

        assertEquals("unknown model 'riscv'; models: intel, arm, amd, spapr, s390", failure.getMessage());
    }

    @Test
    void shouldSaySoWhenTheCoreIsAway() {
        IommuCommands alone = commands(
                () -> {
                    throw new CommandFailure("no core");
                },
                () -> null);

        CommandFailure failure = assertThrows(CommandFailure.class, alone::backends);
        assertEquals("no core", failure.getMessage());
    }

    @Test
    void shouldDescribeEveryFunctionAndEveryArgument() {
        List<Method> functions = Arrays.stream(IommuCommands.class.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()))
                .toList();

        assertEquals(
                IommuCommands.FUNCTIONS.stream().sorted().toList(),
                functions.stream().map(Method::getName).distinct().sorted().toList());
        assertAll(functions.stream().map(method -> () -> {
            assertNotNull(method.getAnnotation(Descriptor.class), method.getName());
            Arrays.stream(method.getParameters())
                    .forEach(parameter -> assertNotNull(parameter.getAnnotation(Descriptor.class), method.getName()));
        }));
    }
}
