package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Conversion.Outcome;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.negotiation.Negotiator;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Agreement.Kind;
import org.iommu4j.core.service.Offer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * What clients of each generation agree on with chips of each equals the negotiation table of the model's document in docs/spec: each
 * cell of those tables is a test, which reads it there.
 *
 * <p>A cell says L or = (lossless), S (lossless by splitting), W (widened), R (refused) or C (lossless or refused), with conditions and
 * with the numbers of rules. What a cell says of other cells (same, as 0x0300, as 0x0300 row) is looked up first. A generation that
 * no bundle serves has no chips, so that its column is refused.
 */
class NegotiationTableTest {
    private static final Path SPEC = Path.of(System.getProperty("iommu4j.root"), "docs", "spec");

    /** A line of the index of the documents: file and model. */
    private static final Pattern INDEX =
            Pattern.compile("\\| \\[([a-z0-9-]+\\.md)]\\([^)]*\\) \\| `([a-z0-9-]+)` \\|.*");

    private static final Pattern REFERENCE = Pattern.compile("(?:same as|as) (row )?(0x[0-9a-f]{4})( row)?");
    private static final Pattern LETTER = Pattern.compile("(?<![A-Za-z0-9!=<>])([LWRSC=])(?![A-Za-z0-9=])");
    private static final Pattern STEP = Pattern.compile("\\b[HS][0-9]+\\b|(?<=\\()[a-g](?=\\))");
    private static final Pattern NOT_BUILT = Pattern.compile("(\\d) on (\\d)");

    /** The step from register images is that of its own row only. */
    private static final String REGISTER_STEP = "(S1,";

    /** Conditions that a client of the row's generation cannot bring about, so that what they lead to is not said. */
    private static final List<String> NEVER = List.of(
            ", or W when the DTE has GV=1",
            "; W if the DID also has FS or nested entries, because type 2 PSI then drops all of them");

    /** The table of one document. */
    private record Table(
            Backend backend, String file, List<Integer> chips, Map<Integer, List<String>> rows, String after) {
        BackendDescription description() {
            return backend.describe();
        }

        String cell(int client, int chip) {
            return rows.get(client).get(chips.indexOf(chip));
        }

        boolean serves(int subVersion) {
            return description().generation(subVersion) != null;
        }

        /** What the cell says, with what it says of other cells in their words. */
        String resolved(int client, int chip) {
            String text = cell(client, chip).replace("*", "").replace("`", "");
            Matcher reference = REFERENCE.matcher(text);
            if (reference.find()) {
                int other = Integer.decode(reference.group(2));
                boolean row = reference.group(1) != null
                        || reference.group(3) != null
                        || description().model() == IommuModel.ARM_SMMU;
                String there = resolved(row ? other : client, row ? chip : other);
                return (row ? there.replace(REGISTER_STEP, "(") : there)
                        + "; "
                        + text.substring(0, reference.start())
                        + text.substring(reference.end());
            }
            if (text.startsWith("same")) {
                int at = chips.indexOf(chip) - 1;
                while (rows.get(client).get(at).startsWith("same")) {
                    at--;
                }
                return resolved(client, chips.get(at)) + text.substring("same".length());
            }
            return text;
        }
    }

    private static List<Table> tables() {
        List<Table> tables = new ArrayList<>();
        for (String line : read(SPEC.resolve("README.md")).lines().toList()) {
            Matcher entry = INDEX.matcher(line);
            if (entry.matches()) {
                Backend backend = Vendors.backends().stream()
                        .filter(one -> one.describe().model().label().equals(entry.group(2)))
                        .findFirst()
                        .orElseThrow();
                tables.add(table(backend, entry.group(1)));
            }
        }
        assertEquals(Vendors.backends().size(), tables.size());
        return tables;
    }

    private static Table table(Backend backend, String file) {
        String text = read(SPEC.resolve(file));
        Matcher heading = Pattern.compile("(?m)^### 1\\.[34] Negotiation.*\n").matcher(text);
        assertTrue(heading.find(), file);
        String section = text.substring(heading.end(), text.indexOf("\n#", heading.end()));
        List<Integer> chips = new ArrayList<>();
        Map<Integer, List<String>> rows = new LinkedHashMap<>();
        for (String line : section.lines().toList()) {
            List<String> cells =
                    Arrays.stream(line.split("\\|")).map(String::strip).skip(1).toList();
            if (!line.startsWith("|") || cells.get(0).startsWith("---")) {
                continue;
            }
            if (chips.isEmpty()) {
                cells.stream().skip(1).map(Integer::decode).forEach(chips::add);
            } else {
                rows.put(Integer.decode(cells.get(0).replace("*", "")), cells.subList(1, cells.size()));
            }
        }
        return new Table(backend, file, chips, rows, section);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Agreement agreement(Table table, int client, int chip) {
        return Negotiator.negotiate(
                        Offer.exactly(table.description().model(), client),
                        chip,
                        table.description(),
                        Vendors.graph(table.backend()))
                .agreement();
    }

    @TestFactory
    Stream<DynamicTest> shouldAgreeAsTheCellOfTheDocumentSays() {
        return tables().stream()
                .flatMap(table -> table.rows().keySet().stream()
                        .flatMap(client -> table.chips().stream()
                                .map(chip -> DynamicTest.dynamicTest(
                                        String.format("%s 0x%x on 0x%x", table.file(), client, chip),
                                        () -> check(table, client, chip)))));
    }

    private static void check(Table table, int client, int chip) {
        Agreement agreement = agreement(table, client, chip);
        String text = table.resolved(client, chip);
        String seen = "'" + text + "' but " + agreement;
        if (client == chip && table.serves(chip)) {
            assertEquals(Kind.EXACT, agreement.kind(), seen);
            return;
        }
        if (!table.serves(chip) || isUnknown(table, client)) {
            assertEquals(Kind.REFUSED, agreement.kind(), seen);
            return;
        }
        for (String condition : NEVER) {
            text = text.replace(condition, "");
        }
        Set<String> letters = new TreeSet<>();
        LETTER.matcher(text).results().forEach(found -> letters.add(found.group(1)));
        assertFalse(letters.isEmpty(), seen);
        boolean inPart = text.contains("R for") || text.contains("commands alone");
        if (isUnbuilt(table, client, chip) || (letters.equals(Set.of("R")) && !inPart)) {
            assertEquals(Kind.REFUSED, agreement.kind(), seen);
            return;
        }
        STEP.matcher(text)
                .results()
                .forEach(step -> assertTrue(tells(agreement, step.group()), step.group() + ": " + seen));
        if (agreement.kind() == Kind.REFUSED) {
            assertTrue(letters.contains("C") && !letters.contains("="), seen);
            return;
        }
        boolean widens = letters.contains("W");
        if (widens || letters.contains("L") || letters.contains("=") || letters.contains("S")) {
            assertEquals(widens ? Fidelity.WIDENED : Fidelity.EXACT, agreement.fidelity(), seen);
        }
        assertEquals(widens, widens && has(agreement, Outcome.WIDENED), seen);
        if (letters.contains("R") || letters.contains("C")) {
            assertTrue(has(agreement, Outcome.REFUSED), seen);
        }
    }

    /** True if no chip is of that generation and no shim reads it. */
    private static boolean isUnknown(Table table, int client) {
        return !table.serves(client) && table.backend().shims().stream().noneMatch(shim -> shim.from() == client);
    }

    private static boolean isUnbuilt(Table table, int client, int chip) {
        int begin = table.after().indexOf("Not built:");
        return begin >= 0
                && NOT_BUILT
                        .matcher(table.after().substring(begin, table.after().indexOf('.', begin)))
                        .results()
                        .anyMatch(pair ->
                                Integer.parseInt(pair.group(1)) == client && Integer.parseInt(pair.group(2)) == chip);
    }

    private static boolean has(Agreement agreement, Outcome outcome) {
        return agreement.operations().stream().anyMatch(operation -> operation.outcome() == outcome);
    }

    /** True if the agreement tells of a rule, by an operation or in the reason of its refusal. */
    private static boolean tells(Agreement agreement, String step) {
        Pattern name = Pattern.compile("\\b" + step + "\\b");
        for (Conversion operation : agreement.operations()) {
            if (name.matcher(operation.step()).find()
                    || name.matcher(operation.why()).find()) {
                return true;
            }
        }
        return agreement.kind() == Kind.REFUSED
                && agreement.reason().matches(".*\\([a-z, ]*\\b" + step + "\\b[a-z, ]*\\).*");
    }

    /** Generations that a bundle serves and the table's rows leave to a sentence below it. */
    @TestFactory
    Stream<DynamicTest> shouldAgreeAsTheSentencesBelowTheTableSay() {
        return tables().stream()
                .flatMap(table -> table.description().generations().stream()
                        .map(generation -> generation.subVersion())
                        .filter(subVersion -> !table.rows().containsKey(subVersion))
                        .map(subVersion -> DynamicTest.dynamicTest(
                                String.format("%s 0x%x", table.file(), subVersion),
                                () -> checkNewest(table, subVersion))));
    }

    private static void checkNewest(Table table, int newest) {
        String name = String.format("0x%04x", newest);
        assertTrue(table.after().contains(name + " guest on host h < " + name), table.file());
        assertTrue(table.after().contains(" on a " + name + " host: L"), table.file());
        for (int other : table.chips()) {
            if (table.serves(other)) {
                Agreement older = agreement(table, newest, other);
                assertEquals(Fidelity.WIDENED, older.fidelity(), older::toString);
                assertTrue(tells(older, "S22"), older::toString);
                assertEquals(Fidelity.EXACT, agreement(table, other, newest).fidelity());
                assertTrue(tells(agreement(table, other, newest), "S24"));
            }
        }
    }

    @Test
    void shouldRefuseGenerationsThatNobodyKnows() {
        for (Table table : tables()) {
            for (int chip : table.chips()) {
                assertEquals(Kind.REFUSED, agreement(table, 0x7777, chip).kind());
                assertEquals(Kind.REFUSED, agreement(table, chip, 0x7777).kind());
            }
        }
    }

    /** The conditions that are left out of the comparison cannot be met: the generation has no bind that would. */
    @Test
    void shouldHaveNoBindThatBringsAboutWhatIsLeftOut() {
        for (Table table : tables()) {
            for (String condition : NEVER) {
                for (int client : table.rows().keySet()) {
                    if (table.rows().get(client).stream().anyMatch(cell -> cell.contains(condition.substring(2)))) {
                        for (BindFormat format : table.backend().bindFormats()) {
                            if (Integer.compareUnsigned(format.subVersion(), client) <= 0) {
                                assertEquals(Uapi.BIND_PGTABLE, format.operation(), condition);
                                BindFormat newest = newest(table.backend(), format);
                                assertTrue(
                                        newest.equals(format) || newest.vendorFlags() != format.vendorFlags(),
                                        condition);
                            }
                        }
                    }
                }
            }
        }
    }

    private static BindFormat newest(Backend backend, BindFormat format) {
        return backend.bindFormats().stream()
                .filter(other -> other.operation() == format.operation())
                .reduce(
                        format,
                        (one, other) ->
                                Integer.compareUnsigned(other.subVersion(), one.subVersion()) > 0 ? other : one);
    }
}
