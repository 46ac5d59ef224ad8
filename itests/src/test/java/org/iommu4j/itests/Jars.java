package org.iommu4j.itests;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** Makes the jars that a vendor might ship next. */
final class Jars {
    private Jars() {}

    /** The same bundle under another version. */
    static Path withVersion(Path jar, String version) {
        try (JarFile source = new JarFile(jar.toFile())) {
            Manifest manifest = new Manifest(source.getManifest());
            manifest.getMainAttributes().putValue("Bundle-Version", version);
            Path target = Files.createTempFile("vendor-" + version + "-", ".jar");
            target.toFile().deleteOnExit();
            try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(target), manifest)) {
                for (JarEntry entry : Collections.list(source.entries())) {
                    if (!entry.getName().equals(JarFile.MANIFEST_NAME)) {
                        out.putNextEntry(new JarEntry(entry.getName()));
                        try (InputStream in = source.getInputStream(entry)) {
                            in.transferTo(out);
                        }
                        out.closeEntry();
                    }
                }
            }
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A bundle with one declarative service component that offers a backend. */
    static Path ofBackend(Class<?> component, String version) {
        String className = component.getName();
        String description = "<scr:component xmlns:scr='http://www.osgi.org/xmlns/scr/v1.3.0' name='" + className
                + "' immediate='true'><implementation class='" + className
                + "'/><service><provide interface='org.iommu4j.backend.Backend'/></service></scr:component>";
        Manifest manifest = new Manifest();
        Attributes main = manifest.getMainAttributes();
        main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        main.putValue("Bundle-ManifestVersion", "2");
        main.putValue("Bundle-SymbolicName", "broken." + component.getSimpleName());
        main.putValue("Bundle-Version", version);
        main.putValue("Service-Component", "OSGI-INF/component.xml");
        main.putValue(
                "Import-Package",
                "org.iommu4j.backend;version=\"[1.0,2)\",org.iommu4j.contract;version=\"[1.0,2)\","
                        + "org.iommu4j.layout;version=\"[1.0,2)\"");
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JarOutputStream out = new JarOutputStream(bytes, manifest)) {
            put(out, "OSGI-INF/component.xml", description.getBytes(StandardCharsets.UTF_8));
            String resource = className.replace('.', '/') + ".class";
            try (InputStream in = component.getClassLoader().getResourceAsStream(resource)) {
                put(out, resource, in.readAllBytes());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        try {
            Path target = Files.createTempFile("broken-", ".jar");
            target.toFile().deleteOnExit();
            try (OutputStream out = Files.newOutputStream(target)) {
                bytes.writeTo(out);
            }
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A vendor's bundle that imports a package which nobody may have. */
    static Path importing(String missing) {
        Manifest manifest = new Manifest();
        Attributes main = manifest.getMainAttributes();
        main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        main.putValue("Bundle-ManifestVersion", "2");
        main.putValue("Bundle-SymbolicName", "broken.import");
        main.putValue("Bundle-Version", "8.0.0");
        main.putValue("Import-Package", missing);
        main.putValue(
                "Provide-Capability",
                "osgi.service;objectClass:List<String>=\"org.iommu4j.backend.Backend\";model=intel");
        try {
            Path target = Files.createTempFile("broken-", ".jar");
            target.toFile().deleteOnExit();
            new JarOutputStream(Files.newOutputStream(target), manifest).close();
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void put(JarOutputStream out, String name, byte[] content) throws IOException {
        out.putNextEntry(new JarEntry(name));
        out.write(content);
        out.closeEntry();
    }
}
