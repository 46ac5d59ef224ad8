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
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.osgi.framework.Version;
import org.osgi.framework.VersionRange;

/**
 * Dependencies between modules and packages, read from the compiled classes: docs/design.md, modules.
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

    /** Parts that chips and drivers share: the form of a saved state, and a quick way into memory. */
    private static final String[] COMMON = {"org.iommu4j.simulation.snapshot..", "org.iommu4j.simulation.memory.."};

    private static final String[] CORE = {"org.iommu4j.core.."};
    private static final String[] CORE_SERVICE = {"org.iommu4j.core.service..", "org.iommu4j.core.hint.."};
    private static final String[] UPGRADE = {"org.iommu4j.upgrade.."};
    private static final String[] TESTBENCH = {"org.iommu4j.testbench.."};
    private static final String[] JSON = {"org.iommu4j.json.."};
    private static final String[] LOG = {"org.iommu4j.log.."};
    private static final String[] SHELL = {"org.iommu4j.shell.."};

    /** Bundles that are not a vendor's. Every other {@code *-bundle} folder is. */
    private static final Set<String> SHARED = Set.of(
            "api-bundle",
            "simulation-bundle",
            "driver-bundle",
            "core-bundle",
            "json-bundle",
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
            "shim", List.of("command"),
            "capture", List.of("command", "table"));

    /** Of each room of the core, which other rooms it may know: from the bytes' gate up to the swap, one way. */
    private static final Map<String, List<String>> CORE_ROOMS = Map.of(
            "service", List.of(),
            "gate", List.of(),
            "lease", List.of(),
            "negotiation", List.of("service"),
            "hint", List.of("service"),
            "foreign", List.of("service", "gate"),
            "explain", List.of("service", "foreign"),
            "backends", List.of("service", "foreign", "negotiation", "lease"),
            "containers", List.of("service", "gate", "lease", "negotiation", "foreign", "backends"),
            "swap", List.of("service", "gate", "lease", "negotiation", "foreign", "backends", "containers", "hint"));

    private static final Pattern ARROW = Pattern.compile("([a-z0-9-]+-bundle) +-> *([a-z0-9, -]*)");

    private static final Pattern DEPENDENCY = Pattern.compile(
            "<dependency>\\s*<groupId>org\\.iommu4j</groupId>\\s*<artifactId>([^<]+)</artifactId>(.*?)</dependency>",
            Pattern.DOTALL);

    private static final String MODEL = "org/iommu4j/contract/IommuModel";

    /** Words that only a vendor's bundle may contain: anywhere in a text, or (amd) as a whole word of a camel case name. */
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
    void shouldKnowOnlyTheApiInTheCore() {
        onlyKnows(join(CORE, API, JDK, OSGI)).check(module("core-bundle"));
    }

    @Test
    void shouldKnowOnlyTheRoomsBelowInTheCore() {
        JavaClasses core = module("core-bundle");
        CORE_ROOMS.forEach((room, known) -> knowsRooms(room, known).check(core));
    }

    @Test
    void shouldHaveEachClassOfTheCoreInARoom() {
        Set<String> outside = new TreeSet<>();
        for (JavaClass type : module("core-bundle")) {
            String room =
                    type.getPackageName().substring("org.iommu4j.core".length()).replace(".", "");
            boolean shell = type.getName().startsWith("org.iommu4j.core.IommuCore") || room.equals("component");
            if (!shell && !CORE_ROOMS.containsKey(room)) {
                outside.add(type.getName());
            }
        }
        assertEquals(Set.of(), outside);
    }

    @Test
    void shouldKnowNobodyInTheLog() {
        ofOurs(LOG).check(module("log-bundle"));
    }

    /** Only the reader of JSON knows how JSON is read; others use the library for writing. */
    @Test
    void shouldHaveOneReaderOfJson() {
        ofOurs(JSON).check(module("json-bundle"));
        for (String folder : SHARED) {
            if (!folder.equals("json-bundle")) {
                noClasses()
                        .should()
                        .dependOnClassesThat()
                        .haveSimpleName("JsonParser")
                        .check(module(folder));
            }
        }
    }

    @Test
    void shouldKnowOnlyServicesInTheUpgrades() {
        ofOurs(join(UPGRADE, API, CORE_SERVICE, JSON)).check(module("upgrade-bundle"));
    }

    /** Replay of captures, records of requests, upgrades: three products, of which only the last one knows another one. */
    @Test
    void shouldKeepReplayRecordAndUpgradeApart() {
        JavaClasses upgrades = module("upgrade-bundle");
        Map<String, List<String>> mayNotKnow = Map.of(
                "org.iommu4j.upgrade.json..",
                        List.of("capture", "replay", "trace", "record", "run", "bundles", "component"),
                "org.iommu4j.upgrade.capture..", List.of("replay", "trace", "record", "run", "bundles", "component"),
                "org.iommu4j.upgrade.replay..", List.of("trace", "record", "run", "bundles", "component"),
                "org.iommu4j.upgrade.trace..", List.of("record", "run", "bundles", "component"),
                "org.iommu4j.upgrade.record..", List.of("capture", "replay", "trace", "run", "component"),
                "org.iommu4j.upgrade.bundles..", List.of("capture", "replay", "trace", "record", "run", "component"),
                "org.iommu4j.upgrade.run..", List.of("trace", "record", "component"));
        mayNotKnow.forEach((room, others) -> noClasses()
                .that()
                .resideInAPackage(room)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(others.stream()
                        .map(other -> "org.iommu4j.upgrade." + other + "..")
                        .toArray(String[]::new))
                .check(upgrades));
        noClasses()
                .that()
                .resideInAPackage("org.iommu4j.upgrade")
                .should()
                .dependOnClassesThat(JavaClass.Predicates.resideInAPackage("org.iommu4j.upgrade..")
                        .and(JavaClass.Predicates.resideOutsideOfPackage("org.iommu4j.upgrade")))
                .check(upgrades);
    }

    @Test
    void shouldKnowOnlyServicesInTheTestBench() {
        ofOurs(join(TESTBENCH, API, CORE_SERVICE, JSON)).check(module("testbench-bundle"));
    }

    @Test
    void shouldKnowOnlyServicesInTheShell() {
        ofOurs(join(SHELL, API, CORE_SERVICE, UPGRADE, TESTBENCH)).check(module("shell-bundle"));
    }

    @ParameterizedTest
    @MethodSource("withoutVendorWords")
    void shouldNotNameAVendorInWhatAllVendorsShare(String folder) throws IOException {
        assertEquals(Set.of(), vendorWords(folder));
        assertEquals(Set.of(), vendorWordsInSources(folder));
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldKnowOnlyApiSimulationAndDriverInAVendor(String folder) {
        JavaClasses vendor = module(folder);
        onlyKnows(join(ownPackages(vendor), SIMULATION, DRIVER, API, JDK, OSGI)).check(vendor);
    }

    /** The order of a vendor's packages: formats, then tables, then the front, then chip, guest and driver. */
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

    /** Translators and shims are made of the parts of a driver, chips and virtual IOMMUs of the parts of a chip. */
    @ParameterizedTest
    @MethodSource("vendors")
    void shouldBuildChipsAndDriversOfDifferentPartsInAVendor(String folder) {
        JavaClasses vendor = module(folder);
        noClasses()
                .that()
                .resideOutsideOfPackages("..translate..", "..shim..")
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
                                // Plain values that need no framework: how a bundle's versions are written and ordered.
                                .and(not(equivalentTo(Version.class).or(equivalentTo(VersionRange.class)))))
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
    void shouldCatchARoomOfTheCoreThatMayNotKnowAnother() {
        JavaClasses core = module("core-bundle");
        assertThrows(AssertionError.class, () -> knowsRooms("swap", List.of()).check(core));
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
        assertFalse(vendorWordsInSources("intel-vtd-bundle").isEmpty());
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

    /** Of the core's rooms these, and itself; the core's front and its components stand above all rooms. */
    private static ArchRule knowsRooms(String room, List<String> known) {
        List<String> allowed = new ArrayList<>(known);
        allowed.add(room);
        String[] inside =
                allowed.stream().map(name -> "org.iommu4j.core." + name + "..").toArray(String[]::new);
        return noClasses()
                .that()
                .resideInAPackage("org.iommu4j.core." + room + "..")
                .should()
                .dependOnClassesThat(JavaClass.Predicates.resideInAPackage("org.iommu4j.core..")
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

    /** Text of sources that is not compiled: comments and resources. */
    private static Set<String> vendorWordsInSources(String folder) throws IOException {
        Set<String> found = new TreeSet<>();
        try (Stream<Path> files = Files.walk(ROOT.resolve(folder).resolve("src").resolve("main"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                for (String word : vendorWordsIn(Files.readString(file))) {
                    found.add(file.getFileName() + " says " + word);
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

    /** The shared bundles but the contract's, which names the models. */
    static List<String> withoutVendorWords() {
        return SHARED.stream()
                .filter(folder -> !folder.equals("api-bundle"))
                .sorted()
                .toList();
    }

    /** The picture of the modules in docs/design.md, a line each: a module, an arrow, the modules that it is compiled against. */
    @Test
    void shouldDrawTheModulesAsTheBuildHasThem() throws IOException {
        Map<String, Set<String>> drawn = new TreeMap<>();
        for (String line : Files.readAllLines(ROOT.resolve("docs/design.md"))) {
            Matcher arrow = ARROW.matcher(line);
            if (arrow.matches()) {
                drawn.put(
                        arrow.group(1),
                        Stream.of(arrow.group(2).split(", *"))
                                .filter(module -> !module.isEmpty())
                                .collect(Collectors.toCollection(TreeSet::new)));
            }
        }
        Map<String, Set<String>> built = new TreeMap<>();
        for (String folder : bundles()) {
            Set<String> known = new TreeSet<>();
            Matcher dependency = DEPENDENCY.matcher(Files.readString(ROOT.resolve(folder + "/pom.xml")));
            while (dependency.find()) {
                boolean test = dependency.group(2).contains("<scope>test</scope>");
                if (!test && !dependency.group(2).contains("<type>")) {
                    known.add(dependency.group(1));
                }
            }
            built.put(folder, known);
        }
        assertEquals(built, drawn);
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
                "org.iommu4j.json..",
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
