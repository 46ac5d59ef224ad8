package org.iommu4j.testbench.conform;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** A vendor's jar in which everything is right, until a test changes it. Its classes are the test's: nobody loads the jar. */
final class VendorJar {
    private static final String COMPONENT = "OSGI-INF/vendor.xml";
    private static final int JAVA_17 = 61;

    private final Map<String, String> headers = new LinkedHashMap<>();
    private final Map<String, byte[]> entries = new LinkedHashMap<>();

    VendorJar() {
        header("Bundle-ManifestVersion", "2");
        header("Bundle-SymbolicName", "com.example.vendor;singleton:=true");
        header("Bundle-Version", "1.2.0");
        header(
                "Import-Package",
                "org.iommu4j.backend;version=\"[1.3,2)\",org.iommu4j.contract;version=\"[1.1,2)\",org.osgi.framework");
        header(
                "Provide-Capability",
                "osgi.service;objectClass:List<String>=\"org.iommu4j.backend.Backend\";uses:=\"org.iommu4j.backend\"");
        header("Service-Component", COMPONENT);
        entry("com/example/vendor/ExampleBackend.class", classFile(JAVA_17));
        component("intel");
    }

    /** The head of a class file for a Java whose class files have that major version. */
    static byte[] classFile(int majorVersion) {
        return new byte[] {(byte) 0xca, (byte) 0xfe, (byte) 0xba, (byte) 0xbe, 0, 0, 0, (byte) majorVersion};
    }

    VendorJar header(String name, String value) {
        headers.put(name, value);
        return this;
    }

    VendorJar without(String name) {
        headers.remove(name);
        return this;
    }

    VendorJar entry(String name, byte[] content) {
        entries.put(name, content);
        return this;
    }

    /** The component says that it serves that model. */
    VendorJar component(String model) {
        return entry(
                COMPONENT,
                ("<scr:component><property name=\"model\" type=\"String\" value=\"" + model + "\"/><service>"
                                + "<provide interface=\"org.iommu4j.backend.Backend\"/></service></scr:component>")
                        .getBytes(StandardCharsets.UTF_8));
    }

    /** Writes the jar. */
    Path write(Path folder) throws IOException {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        headers.forEach(manifest.getMainAttributes()::putValue);
        Path file = Files.createTempFile(folder, "vendor", ".jar");
        try (OutputStream to = Files.newOutputStream(file);
                JarOutputStream jar = new JarOutputStream(to, manifest)) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                jar.putNextEntry(new JarEntry(entry.getKey()));
                jar.write(entry.getValue());
                jar.closeEntry();
            }
        }
        return file;
    }
}
