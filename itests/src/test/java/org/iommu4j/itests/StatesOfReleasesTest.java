package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Uapi;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.BackendMachine;
import org.iommu4j.testing.GeneratedDocs;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.osgi.framework.Version;

/**
 * The states that each release wrote, and those that are written here, read by each release and by what is built here: they go on, or are
 * refused for a reason that is known before anything moves. docs/fixtures.md shows the outcome.
 */
class StatesOfReleasesTest {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));
    private static final Path PAGE = ROOT.resolve("docs").resolve("fixtures.md");
    private static final Pattern STATE = Pattern.compile(
            "\\{\"kind\":\"([a-z]+)\",\"generation\":\"(0x[0-9a-f]+)\",\"version\":([0-9]+),\"hex\":\"([0-9a-f]*)\"}");
    private static final String BUILT = "built";

    /** A saved state of a chip of a generation, and whether a container has a memory map. */
    private record State(int subVersion, Snapshot snapshot, boolean mapped) {
        State(int subVersion, Snapshot snapshot) {
            this(subVersion, snapshot, false);
        }
    }

    /**
     * One version of a vendor's bundle.
     *
     * @param name its version, or {@link #BUILT}
     */
    private record Release(String name, Backend backend, List<State> states) {}

    /** A machine of a backend, to whose chip a driver is restored. */
    private static final class Machine extends BackendMachine {
        Machine(Backend backend, HardwareConfig config) {
            super(backend, config, platform(backend, config));
        }

        private static Platform platform(Backend backend, HardwareConfig config) {
            return new SimulatedPlatform(new PlatformConfig(
                    backend.bench().hostAddressWidth(config), List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        }
    }

    /** Classes of a released jar come from it, all others from what is built. */
    private static final class ReleaseLoader extends URLClassLoader {
        ReleaseLoader(Path jar) throws MalformedURLException {
            super(new URL[] {jar.toUri().toURL()}, StatesOfReleasesTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            synchronized (getClassLoadingLock(name)) {
                if (findResource(name.replace('.', '/') + ".class") == null) {
                    return super.loadClass(name, resolve);
                }
                Class<?> loaded = findLoadedClass(name);
                return loaded == null ? findClass(name) : loaded;
            }
        }
    }

    static List<String> vendors() {
        return VendorList.modules();
    }

    private static List<Release> releases(String module) throws IOException {
        String symbolicName =
                VendorList.symbolicNames().get(VendorList.modules().indexOf(module));
        List<Release> releases = new ArrayList<>();
        for (String version : versions(module)) {
            Path jar = ROOT.resolve("cnf/releaserepo/org/iommu4j")
                    .resolve(module)
                    .resolve(version)
                    .resolve(module + "-" + version + ".jar");
            Backend backend = released(jar);
            Path states = ROOT.resolve("fixtures")
                    .resolve(symbolicName)
                    .resolve(version)
                    .resolve("states.jsonl");
            releases.add(new Release(version, backend, read(states, backend)));
        }
        Backend built = Vendors.backends().stream()
                .filter(one -> one.describe().model()
                        == releases.get(0).backend().describe().model())
                .findFirst()
                .orElseThrow();
        releases.add(new Release(BUILT, built, written(built)));
        return releases;
    }

    private static List<String> versions(String module) throws IOException {
        try (Stream<Path> folders =
                Files.list(ROOT.resolve("cnf/releaserepo/org/iommu4j").resolve(module))) {
            return folders.filter(Files::isDirectory)
                    .map(folder -> folder.getFileName().toString())
                    .sorted((one, other) -> Version.parseVersion(one).compareTo(Version.parseVersion(other)))
                    .toList();
        }
    }

    private static Backend released(Path jar) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            String name = Collections.list(file.entries()).stream()
                    .map(entry -> entry.getName())
                    .filter(entry -> entry.endsWith("Backend.class"))
                    .min((one, other) -> Long.compare(depth(one), depth(other)))
                    .orElseThrow();
            return new ReleaseLoader(jar)
                    .loadClass(
                            name.substring(0, name.length() - ".class".length()).replace('/', '.'))
                    .asSubclass(Backend.class)
                    .getConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("no backend in " + jar, e);
        }
    }

    private static long depth(String entry) {
        return entry.chars().filter(character -> character == '/').count();
    }

    private static List<State> read(Path file, Backend backend) {
        try {
            List<State> states = new ArrayList<>();
            for (String line : Files.readAllLines(file)) {
                Matcher fields = STATE.matcher(line);
                assertTrue(fields.matches(), file + ": " + line);
                states.add(new State(
                        Integer.decode(fields.group(2)),
                        new Snapshot(
                                backend.describe().model(),
                                Snapshot.Kind.valueOf(fields.group(1).toUpperCase(Locale.ROOT)),
                                Integer.parseInt(fields.group(3)),
                                HexFormat.of().parseHex(fields.group(4)))));
            }
            return states;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Chip, driver with a domain, the same with a memory map, and virtual IOMMU, of each generation whose default chip can have it. */
    private static List<State> written(Backend backend) {
        List<State> states = new ArrayList<>();
        backend.describe().generations().forEach(generation -> {
            HardwareConfig config = HardwareConfig.of(generation.subVersion());
            Machine machine = new Machine(backend, config);
            assertEquals(Errno.OK, machine.open(1));
            states.add(new State(generation.subVersion(), machine.chip().save()));
            states.add(new State(generation.subVersion(), machine.translator().save()));
            Completion completion = new Completion();
            if (!MemoryMapSupport.NONE.equals(machine.translator().memoryMap())) {
                assertEquals(0, machine.translator().beginMap(1, completion), completion::toString);
                assertEquals(
                        0,
                        machine.translator().map(1, new Mapping(0, 0x10_0000, 0x1000, Uapi.MAP_FLAGS_MASK), completion),
                        completion::toString);
                states.add(
                        new State(generation.subVersion(), machine.translator().save(), true));
            }
            try {
                states.add(new State(
                        generation.subVersion(),
                        backend.createGuestDecoder(config, Machine.platform(backend, config))
                                .save()));
            } catch (BackendException e) {
                assertEquals(Errno.EPROTONOSUPPORT, e.errno(), e::getMessage);
            }
        });
        return states;
    }

    /** Outcome of one state at a reader: {@code =}, or why it is refused, as the core finds out before a swap; late if it does not. */
    private static String outcome(State state, Backend reader) {
        HardwareConfig config = HardwareConfig.of(state.subVersion());
        if (reader.describe().generation(state.subVersion()) == null) {
            // The core does not ask: a unit of that generation is not served.
            return "refused: no generation 0x" + Integer.toHexString(state.subVersion());
        }
        boolean takesMaps =
                reader.describe().generation(state.subVersion()).capabilities().contains(MemoryMapSupport.CAPABILITY);
        if (state.mapped() && !takesMaps) {
            return "refused: memory maps";
        }
        Snapshot snapshot = state.snapshot();
        if (snapshot.version() < reader.describe().stateOldestRead()
                || snapshot.version() > reader.describe().stateWritten()) {
            return "refused: state version " + snapshot.version();
        }
        try {
            Machine machine = new Machine(reader, config);
            Snapshot again = switch (snapshot.kind()) {
                case HARDWARE ->
                    reader.restoreHardware(snapshot, Machine.platform(reader, config))
                            .save();
                case TRANSLATOR -> reader.restoreTranslator(snapshot, machine).save();
                case GUEST ->
                    reader.restoreGuestDecoder(snapshot, Machine.platform(reader, config))
                            .save();
            };
            return again.equals(snapshot) ? "=" : "late: written otherwise";
        } catch (BackendException e) {
            return "late: " + snapshot.kind().toString().toLowerCase(Locale.ROOT) + " of 0x"
                    + Integer.toHexString(state.subVersion()) + ": " + e.errno() + " " + e.getMessage();
        }
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldGoOnOrBeRefusedBeforeAnythingMoves(String module) throws IOException {
        List<Release> releases = releases(module);
        StringBuilder table = new StringBuilder("| written by \\ read by |");
        releases.forEach(release -> table.append(' ').append(release.name()).append(" |"));
        table.append("\n|---|").append("---|".repeat(releases.size())).append('\n');
        List<String> late = new ArrayList<>();
        for (Release writer : releases) {
            table.append("| ").append(writer.name()).append(" |");
            for (Release reader : releases) {
                Map<String, Set<String>> outcomes = new TreeMap<>();
                for (State state : writer.states()) {
                    String outcome = outcome(state, reader.backend());
                    if (outcome.startsWith("late")) {
                        late.add(writer.name() + " to " + reader.name() + ", " + outcome);
                    }
                    boolean newer = releases.indexOf(reader) >= releases.indexOf(writer);
                    assertTrue(
                            outcome.startsWith("=") || !newer,
                            () -> writer.name() + " to " + reader.name() + ": " + outcome);
                    outcomes.computeIfAbsent(outcome, any -> new TreeSet<>())
                            .add("0x" + Integer.toHexString(state.subVersion()));
                }
                table.append(' ').append(String.join("; ", outcomes.keySet())).append(" |");
            }
            table.append('\n');
        }
        assertEquals(List.of(), late);
        GeneratedDocs.assertSection(PAGE, module, table.toString());
    }
}
