package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.core.explain.Explain;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.shell.testing.FakeIommuService;
import org.iommu4j.spapr.SpaprBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code explain} by every format of every model, and with what no format fits. */
class ExplainFormatsTest {
    private static final Map<IommuModel, Backend> BACKENDS = Map.of(
            IommuModel.INTEL,
            new VtdBackend(),
            IommuModel.ARM_SMMU,
            new SmmuBackend(),
            IommuModel.AMD,
            new AmdViBackend(),
            IommuModel.SPAPR,
            new SpaprBackend(),
            IommuModel.S390,
            new ZpciBackend());

    private static final int ROUNDS = 3;

    private final Explain explain = new Explain(BACKENDS::get);

    private String shown(String... arguments) {
        StringWriter out = new StringWriter();
        new ExplainCommand(FakeIommuService::new, () -> explain, model -> {}, null)
                .run(new PrintWriter(out), arguments);
        return out.toString();
    }

    private String problem(String... arguments) {
        CommandFailure failure = assertThrows(
                CommandFailure.class,
                () -> shown(arguments),
                () -> List.of(arguments).toString());
        assertEquals(ExitStatus.USAGE, failure.status());
        assertEquals(1, failure.getMessage().lines().count(), failure.getMessage());
        assertFalse(failure.getMessage().contains("Exception"), failure.getMessage());
        return failure.getMessage();
    }

    private static void assertJson(String json) {
        assertEquals(1, json.stripTrailing().lines().count(), json);
        assertDoesNotThrow(
                () -> {
                    try (JsonParser parser = new JsonFactory().createParser(json)) {
                        parser.nextToken();
                        parser.skipChildren();
                        assertEquals(null, parser.nextToken(), "more than one object");
                    }
                },
                json);
    }

    /** As text and as JSON. */
    private String both(String... arguments) {
        String text = shown(arguments);
        assertFalse(text.isBlank());
        List<String> json = new ArrayList<>(List.of("--json"));
        json.addAll(Arrays.asList(arguments));
        assertJson(shown(json.toArray(String[]::new)));
        return text;
    }

    private static Stream<Layout> layouts(Backend backend) {
        return Stream.concat(
                        backend.layouts().stream(), backend.commands().stream().map(CommandFormat::layout))
                .distinct();
    }

    private static List<byte[]> values(Layout layout, SplittableRandom random) {
        List<byte[]> values = new ArrayList<>();
        byte[] zeroes = new byte[layout.sizeBytes()];
        byte[] ones = new byte[layout.sizeBytes()];
        Arrays.fill(ones, (byte) 0xff);
        values.add(zeroes);
        values.add(ones);
        for (int i = 0; i < ROUNDS; i++) {
            byte[] bytes = new byte[layout.sizeBytes()];
            random.nextBytes(bytes);
            values.add(bytes);
        }
        return values;
    }

    @ParameterizedTest
    @EnumSource
    void shouldDecodeEveryLayoutByNameAndBySize(IommuModel model) {
        SplittableRandom random = new SplittableRandom(1);
        Backend backend = BACKENDS.get(model);
        layouts(backend).forEach(layout -> {
            for (byte[] bytes : values(layout, random)) {
                String hex = HexFormat.of().formatHex(bytes);
                String text = both("--model", model.label(), "--as", layout.name(), hex);
                assertTrue(text.startsWith(layout.name() + ", "), text);
                long wrong = 0;
                long[] words = layout.decode(bytes, 0);
                for (int word = 0; word < words.length; word++) {
                    wrong |= words[word] & layout.reservedMask(word, newest(model), capability -> true);
                }
                assertEquals(
                        wrong != 0,
                        text.lines().anyMatch(line -> line.startsWith("reserved ") && line.contains("!  must be zero")),
                        text);
                assertTrue(text.contains("! =") || !text.contains(" !  "), text);
                if (backend.commands().stream()
                        .noneMatch(command -> command.layout().equals(layout))) {
                    both("--model", model.label(), hex);
                }
            }
            byte[] shorter = new byte[layout.sizeBytes() - 1];
            byte[] longer = new byte[layout.sizeBytes() + 1];
            for (byte[] bytes : List.of(shorter, longer)) {
                String problem = problem(
                        "--model",
                        model.label(),
                        "--as",
                        layout.name(),
                        HexFormat.of().formatHex(bytes));
                assertTrue(problem.startsWith(layout.name() + " has " + layout.sizeBytes() + " bytes"), problem);
            }
        });
    }

    private static int newest(IommuModel model) {
        List<Generation> generations = BACKENDS.get(model).describe().generations();
        return generations.get(generations.size() - 1).subVersion();
    }

    @ParameterizedTest
    @EnumSource
    void shouldDecodeEveryRegisterByNameAndByOffset(IommuModel model) {
        SplittableRandom random = new SplittableRandom(2);
        for (Generation generation : BACKENDS.get(model).describe().generations()) {
            String subVersion = String.format(Locale.ROOT, "0x%04x", generation.subVersion());
            for (Register register : BACKENDS.get(model).registers(generation.subVersion())) {
                String value = "0x" + Long.toHexString(random.nextLong() >>> (Long.SIZE - register.widthBits()));
                for (String name : List.of(
                        register.name(),
                        register.name().toLowerCase(Locale.ROOT),
                        "0x" + Integer.toHexString(register.offset()),
                        String.format(Locale.ROOT, "0x%04x", register.offset()),
                        Integer.toString(register.offset()))) {
                    String text =
                            both("--model", model.label(), "--sub-version", subVersion, "--register", name, value);
                    assertTrue(text.startsWith("register " + register.name() + " at "), text);
                }
                both("--model", model.label(), "--sub-version", subVersion, "--as", register.name(), value);
                if (register.widthBits() == Integer.SIZE) {
                    assertEquals(
                            "register " + register.name() + " has 32 bits: 0x100000000 does not fit",
                            problem("--model", model.label(), "--register", register.name(), "0x100000000"));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldDecodeEveryCallFromItsWords(IommuModel model) {
        for (CallFormat call : BACKENDS.get(model).calls()) {
            int first = call.kind() == CallFormat.Kind.RTAS ? CallFormat.RTAS_FIRST_ARGUMENT : 0;
            int words = call.operands().stream()
                    .mapToInt(operand -> operand.word() + 1 - first)
                    .max()
                    .orElse(0);
            if (words > 0) {
                List<String> arguments = new ArrayList<>(List.of("--model", model.label(), "--as", call.name()));
                for (int word = 0; word < words; word++) {
                    arguments.add("0x" + (word + 1));
                }
                String text = both(arguments.toArray(String[]::new));
                assertTrue(
                        text.startsWith(call.kind().name().toLowerCase(Locale.ROOT) + " " + call.name() + ", 0x"),
                        text);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldDecodeARequestOfEveryImageHoweverMuchOfItIsThere(IommuModel model) {
        for (Abi abi : Abi.values()) {
            byte[] request = new RequestWriter(abi, model, newest(model)).invalidate(0, 0, 0, 0, 0, new byte[0]);
            assertTrue(
                    both("--contract", abi.label(), HexFormat.of().formatHex(request))
                            .contains("no rule of the core refuses it"),
                    abi.label());
            for (int length = 1; length < request.length; length++) {
                String text = both(
                        "--contract",
                        abi.label(),
                        "--model",
                        model.label(),
                        HexFormat.of().formatHex(request, 0, length));
                assertTrue(text.contains("refused: EFAULT by V"), text);
                assertFalse(text.contains(" 1 bytes"), text);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldNameEveryFormatWhenOneIsUnknown(IommuModel model) {
        String problem = problem("--model", model.label(), "--as", "frobnicate", "00");
        assertTrue(problem.startsWith("model " + model.label() + " has no format 'frobnicate'; formats: "), problem);
        List<String> names =
                List.of(problem.substring(problem.indexOf("formats: ") + 9).split(", "));
        Backend backend = BACKENDS.get(model);
        layouts(backend).forEach(layout -> assertTrue(names.contains(layout.name()), layout::name));
        backend.commands().forEach(command -> assertTrue(names.contains(command.name()), command::name));
        backend.calls().forEach(call -> assertTrue(names.contains(call.name()), call::name));
        backend.registers(newest(model))
                .forEach(register -> assertTrue(names.contains(register.name()), register::name));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--model intel 1 | 1 digit is no whole number of bytes",
                "--model intel 123 | 3 digits are no whole number of bytes",
                "--model intel xyz | 'xyz' is not hexadecimal: character 'x' at 1",
                "--model intel 0x | '0x' has no digits",
                "--model intel 00 | no format of model intel has 1 byte; sizes in bytes: 4, 8, 16, 24, 32, 64",
                "--model intel 0x1 0x2 0x3 0x4 0x5 | no format of model intel has 5 words; sizes in bytes: 4, 8, 16, 24, 32, 64",
                "--model intel --register CAP | no bytes",
                "--model intel --register CAP 0x1 0x2 | --register takes one value, not 2",
                "--model s390 --register CAP 0x1 | model s390 has no register 'CAP'; registers: none",
                "--model intel --file no-such.bin | no-such.bin: no such file",
                "--model intel --sub-version 0x7 0x1 | model intel has no generation 0x0007; generations: 0x0100, 0x0110, 0x0300, 0x0400, 0x0500",
                "--contract lp32-le 00 | --contract: 'lp32-le' is not one of lp64-le," + " lp64-be, i386",
                "--contract lp64-le --as FRCD 00 | --as, --register and --contract exclude each other"
            })
    void shouldSayInOneLineWhatIsWrong(String arguments, String expected) {
        assertEquals(expected, problem(arguments.split(" ")));
    }

    @Test
    void shouldSayWhereTheLayoutOfARegisterIsThatOnlySomeChipsHave() {
        String problem = problem("--model", "intel", "--register", "PMEN", "0x1");
        assertTrue(problem.endsWith("; try --as PMEN_REG"), problem);
        both("--model", "intel", "--as", "PMEN_REG", "0x1");
    }

    @ParameterizedTest
    @CsvSource({
        "arm, SMMU_IDR0, IDR0",
        "arm, ARM_SMMU_CMDQ_CONS, CMDQ_CONS",
        "intel, DMAR_CAP_REG, CAP",
        "intel, gsts_reg, GSTS",
        "amd, MMIO_Control, Control"
    })
    void shouldTakeTheLongerNameThatADriverOrADocumentHasForARegister(String model, String longer, String own) {
        assertEquals(
                both("--model", model, "--register", own, "0x1"), both("--model", model, "--register", longer, "0x1"));
    }

    @ParameterizedTest
    @ValueSource(ints = {1 << 10, 1 << 16, 1 << 20})
    void shouldRefuseWhatIsTooLongForEveryFormat(int bytes) {
        String hex = "00".repeat(bytes);
        for (IommuModel model : BACKENDS.keySet()) {
            assertTrue(problem("--model", model.label(), hex)
                    .startsWith("no format of model " + model.label() + " has " + bytes + " bytes; sizes"));
        }
        assertTrue(shown("--contract", "lp64-le", hex).startsWith("request of " + bytes + " bytes, "));
        assertTrue(shown("49344a53" + hex).startsWith("saved state of "));
    }
}
