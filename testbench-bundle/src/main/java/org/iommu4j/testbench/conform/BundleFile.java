package org.iommu4j.testbench.conform;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarInputStream;
import java.util.jar.Manifest;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.testbench.CaseFileException;
import org.osgi.framework.Constants;

/**
 * A bundle as a file.
 *
 * @param file where it is
 * @param sha256 digest of the file, in hex
 * @param headers its manifest; empty if it has none
 * @param classVersions major version of each class file, by name of its entry
 * @param texts its XML files, by name of their entries
 */
record BundleFile(
        Path file, String sha256, Attributes headers, Map<String, Integer> classVersions, Map<String, String> texts) {
    private static final String CLASS = ".class";
    private static final String XML = ".xml";

    /** Offset in bytes of the major version in a class file, big endian, 16 bits: JVM specification 4.1. */
    private static final int MAJOR_VERSION = 6;

    /**
     * Reads a jar.
     *
     * @throws CaseFileException if it cannot be read
     */
    static BundleFile read(Path file) {
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(file);
        } catch (IOException e) {
            throw new CaseFileException(file.toString(), 0, 0, "", "cannot be read: " + OneLine.reason(e), e);
        }
        Map<String, Integer> classes = new TreeMap<>();
        Map<String, String> texts = new TreeMap<>();
        Attributes headers = new Attributes();
        try (JarInputStream in = new JarInputStream(new ByteArrayInputStream(bytes))) {
            Manifest manifest = in.getManifest();
            if (manifest != null) {
                headers = manifest.getMainAttributes();
            }
            for (JarEntry entry = in.getNextJarEntry(); entry != null; entry = in.getNextJarEntry()) {
                if (entry.getName().endsWith(CLASS)) {
                    classes.put(entry.getName(), majorVersion(in));
                } else if (entry.getName().endsWith(XML)) {
                    texts.put(entry.getName(), new String(in.readAllBytes(), StandardCharsets.UTF_8));
                }
            }
        } catch (IOException e) {
            throw new CaseFileException(file.toString(), 0, 0, "", "is no jar: " + e.getMessage(), e);
        }
        return new BundleFile(file, sha256(bytes), headers, classes, texts);
    }

    private static int majorVersion(InputStream in) throws IOException {
        byte[] head = in.readNBytes(MAJOR_VERSION + 2);
        return head.length < MAJOR_VERSION + 2
                ? 0
                : (head[MAJOR_VERSION] & 0xFF) << Byte.SIZE | (head[MAJOR_VERSION + 1] & 0xFF);
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A header of the manifest; empty if it has none. */
    String header(String name) {
        String value = headers.getValue(name);
        return value == null ? "" : value;
    }

    /** The clauses of a header. */
    List<Header> clauses(String name) {
        return Header.parse(headers.getValue(name));
    }

    /** Symbolic name of the bundle without directives; empty if the file is no bundle. */
    String symbolicName() {
        List<Header> names = clauses(Constants.BUNDLE_SYMBOLICNAME);
        return names.isEmpty() ? "" : names.get(0).name();
    }

    /** Version of the bundle as its manifest has it; empty if there is none. */
    String version() {
        return header(Constants.BUNDLE_VERSION).strip();
    }
}
