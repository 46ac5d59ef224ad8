package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import aQute.bnd.differ.Baseline;
import aQute.bnd.differ.Baseline.Info;
import aQute.bnd.differ.DiffPluginImpl;
import aQute.bnd.osgi.EmbeddedResource;
import aQute.bnd.osgi.Instructions;
import aQute.bnd.osgi.Jar;
import aQute.bnd.osgi.Processor;
import aQute.bnd.osgi.Resource;
import aQute.bnd.service.diff.Delta;
import aQute.bnd.version.Version;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Baselining, as the build does it: a breaking change without a new major version is found, and the tree has none.
 *
 * <p>The older side is the newest release in {@code cnf/releaserepo} that is not newer than the tree. Before the first
 * release it is the tree itself; from then on {@code baseline.failOnMissing} in {@code cnf/pom.xml} is true and a
 * missing release is an error.
 */
class BaselineTest {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));
    private static final Path RELEASES = ROOT.resolve("cnf/releaserepo/org/iommu4j");
    private static final boolean RELEASED = Boolean.getBoolean("baseline.failOnMissing");
    private static final String CONTRACT = "org.iommu4j.contract";

    /** Inherited by every class: to lose one of these breaks nobody. */
    private static final Set<String> INHERITED = Set.of("toString", "hashCode", "equals");

    @ParameterizedTest
    @ValueSource(strings = {"api-bundle", "simulation-bundle", "core-bundle"})
    void shouldHaveNoMismatchInTheTree(String module) throws Exception {
        try (Jar newer = tree(module);
                Jar older = older(module)) {
            Comparison comparison = compare(newer, older);
            assertFalse(comparison.packages.isEmpty(), () -> module + " exports nothing");
            comparison.packages.values().forEach(info -> assertFalse(info.mismatch, () -> describe(info)));
            assertFalse(comparison.bundleMismatch, () -> "bundle version of " + module + " must rise");
        }
    }

    @Test
    void shouldDemandANewMajorVersionForARemovedMethod() throws Exception {
        try (Jar newer = tree("api-bundle");
                Jar older = older("api-bundle")) {
            String removed = removeAMethod(newer, older);
            Info info = compare(newer, older).packages.get(CONTRACT);
            assertNotNull(info);
            assertTrue(info.mismatch, () -> "not noticed: removal of " + removed);
            assertEquals(Delta.MAJOR, info.packageDiff.getDelta());
            assertEquals(new Version(info.olderVersion.getMajor() + 1, 0, 0), info.suggestedVersion);
        }
    }

    @Test
    void shouldDemandANewMajorVersionForARemovedType() throws Exception {
        try (Jar newer = tree("api-bundle");
                Jar older = older("api-bundle")) {
            newer.remove("org/iommu4j/contract/IommuModel.class");
            Info info = compare(newer, older).packages.get(CONTRACT);
            assertTrue(info.mismatch);
            assertEquals(new Version(info.olderVersion.getMajor() + 1, 0, 0), info.suggestedVersion);
        }
    }

    @Test
    void shouldFindTheReleaseThatTheBuildComparesWith() throws Exception {
        for (String module : List.of("api-bundle", "simulation-bundle", "core-bundle")) {
            assertEquals(
                    RELEASED,
                    release(module).isPresent(),
                    () -> "baseline.failOnMissing says whether cnf/releaserepo has " + module);
        }
    }

    private record Comparison(Map<String, Info> packages, boolean bundleMismatch) {}

    private static Comparison compare(Jar newer, Jar older) throws Exception {
        try (Processor processor = new Processor()) {
            Baseline baseline = new Baseline(processor, new DiffPluginImpl());
            Map<String, Info> packages = new TreeMap<>();
            for (Info info : baseline.baseline(newer, older, new Instructions("*"))) {
                packages.put(info.packageName, info);
            }
            return new Comparison(packages, baseline.getBundleInfo().mismatch);
        }
    }

    /** The module as it is compiled, with the manifest that bnd wrote. */
    private static Jar tree(String module) throws Exception {
        Path classes = ROOT.resolve(module).resolve("target").resolve("classes");
        Jar jar = new Jar(module, classes.toFile());
        assertNotNull(jar.getManifest(), () -> "no manifest in " + classes);
        return jar;
    }

    private static Jar older(String module) throws Exception {
        Optional<Path> release = release(module);
        return release.isPresent() ? new Jar(release.get().toFile()) : tree(module);
    }

    private static Optional<Path> release(String module) throws Exception {
        Version built;
        try (Jar tree = tree(module)) {
            built = Version.parseVersion(tree.getVersion());
        }
        Path versions = RELEASES.resolve(module);
        if (!Files.isDirectory(versions)) {
            return Optional.empty();
        }
        try (Stream<Path> folders = Files.list(versions)) {
            return folders.filter(Files::isDirectory)
                    .map(folder -> Version.parseVersion(folder.getFileName().toString()))
                    .filter(version -> version.compareTo(built) <= 0)
                    .sorted((left, right) -> right.compareTo(left))
                    .map(version -> versions.resolve(version.toString()).resolve(module + "-" + version + ".jar"))
                    .findFirst();
        }
    }

    /** Takes one public method out of the newer contract, one that the older has too. */
    private static String removeAMethod(Jar newer, Jar older) throws Exception {
        String folder = CONTRACT.replace('.', '/');
        for (String path : new TreeMap<>(older.getDirectory(folder)).keySet()) {
            Resource resource = newer.getResource(path);
            if (path.endsWith(".class") && !path.endsWith("package-info.class") && resource != null) {
                MethodRemover remover = new MethodRemover();
                try (InputStream in = resource.openInputStream()) {
                    new ClassReader(in).accept(remover, 0);
                }
                if (remover.removed != null) {
                    newer.putResource(path, new EmbeddedResource(remover.bytes(), 0));
                    return path + " " + remover.removed;
                }
            }
        }
        throw new AssertionError("no public method in " + CONTRACT);
    }

    /** Drops the first public method of a public type. */
    private static final class MethodRemover extends ClassVisitor {
        private final ClassWriter writer;
        private boolean visible;
        private String removed;

        MethodRemover() {
            this(new ClassWriter(0));
        }

        private MethodRemover(ClassWriter writer) {
            super(Opcodes.ASM9, writer);
            this.writer = writer;
        }

        byte[] bytes() {
            return writer.toByteArray();
        }

        @Override
        public void visit(int version, int access, String name, String signature, String parent, String[] interfaces) {
            visible = (access & Opcodes.ACC_PUBLIC) != 0;
            super.visit(version, access, name, signature, parent, interfaces);
        }

        @Override
        public MethodVisitor visitMethod(
                int access, String name, String descriptor, String signature, String[] exceptions) {
            boolean candidate = visible
                    && removed == null
                    && (access & Opcodes.ACC_PUBLIC) != 0
                    && (access & Opcodes.ACC_SYNTHETIC) == 0
                    && name.charAt(0) != '<'
                    && !INHERITED.contains(name);
            if (candidate) {
                removed = name + descriptor;
                return null;
            }
            return super.visitMethod(access, name, descriptor, signature, exceptions);
        }
    }

    private static String describe(Info info) {
        return info.packageName + " " + info.newerVersion + " must be " + info.suggestedVersion + ":\n"
                + info.packageDiff;
    }
}
