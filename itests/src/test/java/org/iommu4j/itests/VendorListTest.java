package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A vendor is named in one list of the build, and all that need the vendors follow it. */
class VendorListTest {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));

    @Test
    void shouldListEveryVendorAsModuleAndAsDependency() throws IOException {
        List<String> vendors = ArchitectureTest.vendors();

        assertEquals(vendors, VendorList.modules().stream().sorted().toList());
        assertEquals(vendors, VendorList.artifactIds().stream().sorted().toList());
    }

    @Test
    void shouldNameAVendorNowhereElseInTheBuild() throws IOException {
        List<String> named = new ArrayList<>();
        for (Path file : buildFiles()) {
            String text = Files.readString(file);
            for (String vendor : VendorList.artifactIds()) {
                if (text.contains(vendor)) {
                    named.add(ROOT.relativize(file) + " names " + vendor);
                }
            }
        }
        assertEquals(List.of(), named);
    }

    @Test
    void shouldRunEveryVendor() throws IOException {
        String run = Files.readString(ROOT.resolve("bnd.bndrun"));
        int resolved = run.indexOf("-runbundles:");

        for (String name : new TreeSet<>(VendorList.symbolicNames())) {
            assertTrue(run.indexOf(name + ";version=") > resolved, name + " is not in -runbundles");
            assertEquals(-1, run.substring(0, resolved).indexOf(name), name + " is named in -runrequires");
        }
    }

    /** All poms but the list and the vendors' own, and what the continuous build runs. */
    private static List<Path> buildFiles() throws IOException {
        List<Path> files = new ArrayList<>(List.of(
                ROOT.resolve("pom.xml"),
                ROOT.resolve("cnf/run/pom.xml"),
                ROOT.resolve("cnf/inputs"),
                ROOT.resolve(".ci/run")));
        try (Stream<Path> folders = Files.list(ROOT)) {
            folders.filter(folder -> !folder.endsWith("vendors"))
                    .filter(folder ->
                            !VendorList.modules().contains(folder.getFileName().toString()))
                    .map(folder -> folder.resolve("pom.xml"))
                    .filter(Files::isRegularFile)
                    .forEach(files::add);
        }
        return files;
    }
}
