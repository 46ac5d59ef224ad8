package org.iommu4j.itests;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.equivalentTo;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.osgi.framework.Version;

/**
 * Who may know whom, read from the compiled classes: docs/design.md, modules.
 *
 * <p>Each module is judged with its own {@code target/classes}; a module without classes is an error, never a pass.
 */
class ArchitectureTest {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));

    private static final String[] JDK = {"java.."};
    private static final String[] OSGI = {"org.osgi.."};
    private static final String[] API = {"org.iommu4j.contract..", "org.iommu4j.backend..", "org.iommu4j.layout.."};
    private static final String[] SIMULATION = {"org.iommu4j.simulation.."};
    private static final String[] DRIVER = {"org.iommu4j.driver.."};

    /** What both sides of a machine have: the form of a saved state, and a quick way into one memory. */
    private static final String[] COMMON = {"org.iommu4j.simulation.snapshot..", "org.iommu4j.simulation.memory.."};

    private static final String[] CORE = {"org.iommu4j.core.."};
    private static final String[] CORE_SERVICE = {"org.iommu4j.core.service.."};
    private static final String[] UPGRADE = {"org.iommu4j.upgrade.."};
    private static final String[] TESTBENCH = {"org.iommu4j.testbench.."};
    private static final String[] LOG = {"org.iommu4j.log.."};
    private static final String[] SHELL = {"org.iommu4j.shell.."};

    /** Bundles that are not a vendor's. Every other {@code *-bundle} folder is. */
    private static final Set<String> SHARED = Set.of(
            "api-bundle",
            "simulation-bundle",
            "driver-bundle",
            "core-bundle",
            "upgrade-bundle",
            "testbench-bundle",
            "shell-bundle",
            "log-bundle");

    /** Of each package of a vendor's bundle, which others of the bundle it may know. */
    private static final Map<String, List<String>> LAYERS = Map.of(
            "command", List.of(),
            "table", List.of("command"),
            "front", List.of("command", "table"),
            "hardware", List.of("command", "table", "front"),
            "guest", List.of("command", "table", "front"),
            "translate", List.of("command", "table"),
            "shim", List.of("command"));

    private static final String MODEL = "org/iommu4j/contract/IommuModel";

    /** What only a vendor's bundle may say: anywhere in a text, or (amd) as a whole word of a camel case name. */
    private static final Pattern VENDOR_WORD =
            Pattern.compile("(?i:intel(?!l)|vt-?d|smmu|spapr|s390|zpci)|(?<![a-zA-Z])amd(?![a-z])|Amd(?![a-z])|AMD");

    private static final ConcurrentMap<String, JavaClasses> IMPORTED = new ConcurrentHashMap<>();

    @Test
    void shouldKnowOnlyTheJdkInTheApi() {
        onlyKnows(join(API, JDK, new String[] {"org.osgi.annotation.."})).check(module("api-bundle"));
    }

    @Test
    void shouldKnowOnlyTheApiInTheSimulation() {
        onlyKnows(join(SIMULATION, API, JDK, OSGI)).check(module("simulation-bundle"));
    }

    @Test
    void shouldKnowNoPartOfAChipInTheDriver() {
        onlyKnows(join(DRIVER, COMMON, API, JDK, OSGI)).check(module("driver-bundle"));
    }

    @Test
    void shouldNotNameAVendorInTheDriver() throws IOException {
        assertEquals(Set.of(), vendorWords("driver-bundle"));
    }

    @Test
    void shouldKnowOnlyTheApiInTheCore() {
        onlyKnows(join(CORE, API, JDK, OSGI)).check(module("core-bundle"));
    }

    @Test
    void shouldNotNameAVendorInTheCore() throws IOException {
        assertEquals(Set.of(), vendorWords("core-bundle"));
    }

    @Test
    void shouldKnowNobodyInTheLog() {
        ofOurs(LOG).check(module("log-bundle"));
    }

    @Test
    void shouldKnowOnlyServicesInTheUpgrades() {
        ofOurs(join(UPGRADE, API, CORE_SERVICE)).check(module("upgrade-bundle"));
    }

    @Test
    void shouldKnowOnlyServicesInTheTestBench() {
        ofOurs(join(TESTBENCH, API, CORE_SERVICE)).check(module("testbench-bundle"));
    }

    @Test
    void shouldNotNameAVendorInTheTestBench() throws IOException {
        assertEquals(Set.of(), vendorWords("testbench-bundle"));
    }

    @Test
    void shouldKnowOnlyServicesInTheShell() {
        ofOurs(join(SHELL, API, CORE_SERVICE, UPGRADE, TESTBENCH)).check(module("shell-bundle"));
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldKnowOnlyApiSimulationAndDriverInAVendor(String folder) {
        JavaClasses vendor = module(folder);
        onlyKnows(join(ownPackages(vendor), SIMULATION, DRIVER, API, JDK, OSGI)).check(vendor);
    }

    /** What a vendor's packages may know of each other: formats, then tables, then the front, then those who act. */
    @ParameterizedTest
    @MethodSource("vendors")
    void shouldKnowOnlyWhatIsBelowInAVendor(String folder) {
        JavaClasses vendor = module(folder);
        for (Map.Entry<String, List<String>> layer : LAYERS.entrySet()) {
            mayKnow(layer.getKey(), layer.getValue(), vendor).check(vendor);
        }
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldHaveAFrontInAVendor(String folder) {
        assertTrue(
                module(folder).stream().anyMatch(type -> type.getPackageName().endsWith(".front")),
                folder + " has no package front");
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldMeetOnlyInBytesInAVendor(String folder) {
        JavaClasses vendor = module(folder);
        noClasses()
                .that()
                .resideInAPackage("..hardware..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("..translate..")
                .check(vendor);
        noClasses()
                .that()
                .resideInAPackage("..translate..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("..hardware..")
                .check(vendor);
    }

    /** Translators are made of the parts of a driver, chips and virtual IOMMUs of the parts of a chip. */
    @ParameterizedTest
    @MethodSource("vendors")
    void shouldBuildChipsAndDriversOfDifferentPartsInAVendor(String folder) {
        JavaClasses vendor = module(folder);
        noClasses()
                .that()
                .resideOutsideOfPackage("..translate..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(DRIVER)
                .check(vendor);
        noClasses()
                .that()
                .resideInAPackage("..translate..")
                .should()
                .dependOnClassesThat(JavaClass.Predicates.resideInAnyPackage(SIMULATION)
                        .and(JavaClass.Predicates.resideOutsideOfPackages(COMMON)))
                .check(vendor);
    }

    @ParameterizedTest
    @MethodSource("bundles")
    void shouldSeeTheFrameworkOnlyInComponents(String folder) {
        noClasses()
                .that()
                .resideOutsideOfPackage("..component..")
                .should()
                .dependOnClassesThat(
                        JavaClass.Predicates.resideInAnyPackage("org.osgi.service..", "org.osgi.framework..")
                                // A plain value that needs no framework: how a bundle's version is written and ordered.
                                .and(not(equivalentTo(Version.class))))
                .allowEmptyShould(true) // a bundle may be all components; module() sees to it that it has classes
                .check(module(folder));
    }

    // The rules themselves: each must fail where it ought to.

    @Test
    void shouldFindTheVendors() throws IOException {
        assertTrue(vendors().contains("intel-vtd-bundle"), "no vendor found");
    }

    @Test
    void shouldCatchATableThatMayNotKnowFormats() {
        JavaClasses vendor = module("intel-vtd-bundle");
        assertThrows(
                AssertionError.class, () -> mayKnow("table", List.of(), vendor).check(vendor));
    }

    @Test
    void shouldCatchAVendorInPlaceOfTheCore() {
        JavaClasses vendor = module("intel-vtd-bundle");
        assertThrows(
                AssertionError.class,
                () -> onlyKnows(join(CORE, API, JDK, OSGI)).check(vendor));
        assertThrows(AssertionError.class, () -> ofOurs(join(CORE, API)).check(vendor));
    }

    @Test
    void shouldCatchAVendorWordInAVendor() throws IOException {
        assertFalse(vendorWords("intel-vtd-bundle").isEmpty());
    }

    @Test
    void shouldRefuseAModuleWithoutClasses() {
        assertThrows(AssertionError.class, () -> module("no-such-bundle"));
    }

    @ParameterizedTest
    @CsvSource({
        "VtdTranslator, true",
        "INTEL_IOMMU, true",
        "intelFault, true",
        "org/iommu4j/amd/AmdBackend, true",
        "AMDCommand, true",
        "ArmSmmuV3, true",
        "SMMUv3, true",
        "a VT-d unit, true",
        "amdGuest, true",
        "toS390, true",
        "s390, true",
        "SPAPR_TCE, true",
        "Lorg/iommu4j/layout/StreamData;, false",
        "streamdata, false",
        "intelligible, false",
        "command, false"
    })
    void shouldTellAVendorWord(String text, boolean expected) {
        assertEquals(expected, !vendorWordsIn(text).isEmpty());
    }

    /** Of the vendor's own packages these, and itself. */
    private static ArchRule mayKnow(String layer, List<String> known, JavaClasses vendor) {
        List<String> allowed = new ArrayList<>(known);
        allowed.add(layer);
        String[] inside = allowed.stream().map(name -> ".." + name + "..").toArray(String[]::new);
        return noClasses()
                .that()
                .resideInAPackage(".." + layer + "..")
                .should()
                .dependOnClassesThat(JavaClass.Predicates.resideInAnyPackage(ownPackages(vendor))
                        .and(JavaClass.Predicates.resideOutsideOfPackages(inside)));
    }

    private static ArchRule onlyKnows(String... packages) {
        return classes().should().onlyDependOnClassesThat().resideInAnyPackage(packages);
    }

    /** Of the project's own packages only these; libraries are free. */
    private static ArchRule ofOurs(String... packages) {
        return noClasses()
                .should()
                .dependOnClassesThat(JavaClass.Predicates.resideInAPackage("org.iommu4j..")
                        .and(JavaClass.Predicates.resideOutsideOfPackages(packages)));
    }

    private static Set<String> vendorWords(String folder) throws IOException {
        assertFalse(module(folder).isEmpty());
        Set<String> found = new TreeSet<>();
        try (Stream<Path> files = Files.walk(classesOf(folder))) {
            for (Path file :
                    (Iterable<Path>) files.filter(path -> path.toString().endsWith(".class"))::iterator) {
                for (String text : ClassFileNames.of(file, MODEL)) {
                    for (String word : vendorWordsIn(text)) {
                        found.add(file.getFileName() + " says " + word + " in \"" + text + "\"");
                    }
                }
            }
        }
        return found;
    }

    private static Set<String> vendorWordsIn(String text) {
        Set<String> words = new TreeSet<>();
        VENDOR_WORD.matcher(text).results().map(MatchResult::group).forEach(words::add);
        return words;
    }

    static List<String> vendors() throws IOException {
        return bundles().stream().filter(folder -> !SHARED.contains(folder)).toList();
    }

    static List<String> bundles() throws IOException {
        try (Stream<Path> folders = Files.list(ROOT)) {
            return folders.filter(folder -> Files.isRegularFile(folder.resolve("pom.xml")))
                    .map(folder -> folder.getFileName().toString())
                    .filter(name -> name.endsWith("-bundle"))
                    .sorted()
                    .toList();
        }
    }

    private static JavaClasses module(String folder) {
        return IMPORTED.computeIfAbsent(folder, name -> {
            JavaClasses classes = new ClassFileImporter().importPath(classesOf(name));
            assertFalse(classes.isEmpty(), () -> name + " has no compiled classes");
            return classes;
        });
    }

    private static Path classesOf(String folder) {
        return ROOT.resolve(folder).resolve("target").resolve("classes");
    }

    /** The vendor's root packages: org.iommu4j and one more name. */
    private static String[] ownPackages(JavaClasses vendor) {
        Set<String> roots = new TreeSet<>();
        for (JavaClass type : vendor) {
            List<String> names = List.of(type.getPackageName().split("\\."));
            roots.add(String.join(".", names.subList(0, Math.min(3, names.size()))) + "..");
        }
        roots.removeAll(Set.of(
                "org.iommu4j.core..",
                "org.iommu4j.driver..",
                "org.iommu4j.upgrade..",
                "org.iommu4j.testbench..",
                "org.iommu4j.shell..",
                "org.iommu4j.log.."));
        return roots.toArray(String[]::new);
    }

    private static String[] join(String[]... lists) {
        List<String> joined = new ArrayList<>();
        for (String[] list : lists) {
            joined.addAll(List.of(list));
        }
        return joined.toArray(String[]::new);
    }
}
