package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import org.iommu4j.backend.Backend;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A vendor's backend that is made without a framework says the version of the bundle in which it is built. */
class VendorVersionTest {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));

    static List<String> vendors() throws IOException {
        return ArchitectureTest.vendors();
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldSayTheVersionOfItsBundle(String folder) throws Exception {
        Path classes = ROOT.resolve(folder).resolve("target").resolve("classes");
        Properties bundle = new Properties();
        try (Reader reader = Files.newBufferedReader(classes.resolve("OSGI-INF/version.properties"))) {
            bundle.load(reader);
        }
        List<JavaClass> backends = new ClassFileImporter()
                .importPath(classes).stream()
                        .filter(type -> type.isAssignableTo(Backend.class) && !type.isInterface())
                        .filter(type -> type.tryGetConstructor()
                                .filter(made -> made.getModifiers().contains(JavaModifier.PUBLIC))
                                .isPresent())
                        .toList();
        assertFalse(backends.isEmpty(), folder + " has no backend that can be made without a framework");
        for (JavaClass type : backends) {
            Backend backend = (Backend) type.reflect().getDeclaredConstructor().newInstance();
            assertEquals(bundle.getProperty("version"), backend.describe().version(), type.getName());
        }
    }
}
