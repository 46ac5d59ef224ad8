package org.iommu4j.upgrade;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/** Captures for tests: a small one that is made up, and changed copies of real ones. */
public final class CaptureFiles {
    /** The captured guests of the repository, by architecture. */
    public static final Path TRACES = Path.of("..", "traces");

    /** Those of VT-d. */
    public static final Path REAL = TRACES.resolve("vtd");

    /** The real captures of VT-d that have the guest's tables in them, so that they can be replayed. */
    public static final List<String> WITH_TABLES = List.of(
            "legacy-strict-nvme-e1000e", "legacy-lazy-virtio", "ats-cm-virtio-unbind", "scalable-strict-nvme-e1000e");

    /** Every file of a capture. */
    public static final List<String> FILES = List.of(
            "run.json",
            "timeline.jsonl.gz",
            "commands.jsonl.gz",
            "translations.jsonl.gz",
            "frozen/regs.json",
            "frozen/pages.jsonl.gz",
            "frozen/walks.jsonl.gz");

    private CaptureFiles() {}

    /**
     * A guest with one device, 0x18, that maps one page: root table at 0x1000, context table at 0x2000, tables at 0x3000 to
     * 0x5000; iova 0x5000 goes to 0x9000.
     */
    public static Path small(Path directory) {
        text(directory, "run.json", "{\"arch\": \"vtd\", \"name\": \"small\", \"counts\": {\"w\": 3}}\n");
        lines(
                directory,
                "timeline.jsonl.gz",
                "{\"t\":0,\"k\":\"r\",\"off\":\"0x8\",\"size\":8,\"val\":\"0xd2008c22260206\"}",
                "{\"t\":1,\"k\":\"r\",\"off\":\"0x10\",\"size\":8,\"val\":\"0xf00f4a\"}",
                "{\"t\":2,\"k\":\"w\",\"off\":\"0x90\",\"size\":8,\"val\":\"0x11b1000\"}",
                "{\"t\":3,\"k\":\"w\",\"off\":\"0x18\",\"size\":4,\"val\":\"0x4000000\"}",
                "{\"t\":4,\"k\":\"w\",\"off\":\"0x20\",\"size\":8,\"val\":\"0x1000\"}",
                "{\"t\":5,\"k\":\"w\",\"off\":\"0x18\",\"size\":4,\"val\":\"0x44000000\"}",
                "{\"t\":6,\"k\":\"w\",\"off\":\"0x88\",\"size\":4,\"val\":\"0x20\"}",
                "{\"t\":7,\"k\":\"cmd\",\"idx\":0,\"hex\":\"11000000000000000000000000000000\","
                        + "\"event\":\"context_cache.global\"}",
                "{\"t\":8,\"k\":\"cmd\",\"idx\":1,\"hex\":\"25000000020000000410000100000000\","
                        + "\"event\":\"wait.status\"}",
                "{\"t\":9,\"k\":\"w\",\"off\":\"0x18\",\"size\":4,\"val\":\"0x84000000\"}",
                "{\"t\":10,\"k\":\"mem\",\"what\":\"root\",\"addr\":\"0x1000\",\"q\":[\"0x2001\",\"0x0\"]}",
                "{\"t\":11,\"k\":\"mem\",\"what\":\"ctx\",\"addr\":\"0x2180\",\"q\":[\"0x3001\",\"0x301\"]}",
                "{\"t\":12,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x3000\",\"q\":[\"0x4003\"]}",
                "{\"t\":13,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x4000\",\"q\":[\"0x6003\"]}",
                "{\"t\":14,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x6028\",\"q\":[\"0x9003\"]}",
                "{\"t\":15,\"k\":\"xlate\",\"dev\":\"0x18\",\"iova\":\"0x5010\",\"access\":1,\"pa\":\"0x9000\","
                        + "\"mask\":\"0xfff\",\"perm\":3,\"fault\":null,\"hit\":false}",
                "{\"t\":16,\"k\":\"irte\",\"index\":1,\"q\":[\"0x4ff00\",\"0x1000030000d\"]}");
        lines(directory, "commands.jsonl.gz", "{\"t\":7,\"hex\":\"11000000000000000000000000000000\"}");
        lines(directory, "translations.jsonl.gz", "{\"t\":15,\"dev\":\"0x18\"}");
        text(directory, "frozen/regs.json", """
                {
                 "VER": "0x10",
                 "CAP": "0xd2008c22260206",
                 "ECAP": "0xf00f4a",
                 "GSTS": "0xc4000000",
                 "RTADDR": "0x1000",
                 "ring": {"entries": 256}
                }
                """);
        lines(
                directory,
                "frozen/pages.jsonl.gz",
                page(0x1000, 0, "0120000000000000"),
                page(0x2000, 0x180, "01300000000000000103000000000000"),
                page(0x3000, 0, "0340000000000000"),
                page(0x4000, 0, "0360000000000000"),
                page(0x6000, 0x28, "0390000000000000"));
        lines(
                directory,
                "frozen/walks.jsonl.gz",
                "{\"dev\":\"0x18\",\"iova\":\"0x5000\",\"pa\":\"0x9000\",\"perm\":3,\"level\":1,\"size\":\"0x1000\","
                        + "\"pte\":\"0x9003\",\"did\":3}");
        return directory;
    }

    /** One row of the pages file. */
    public static String page(long pa, int offset, String hex) {
        String before = "00".repeat(offset);
        String after = "00".repeat(4096 - offset - hex.length() / 2);
        return "{\"pa\":\"0x" + Long.toHexString(pa) + "\",\"hex\":\"" + before + hex + after + "\"}";
    }

    /** Copies a real capture of VT-d. */
    public static Path copy(String name, Path to) {
        return copy(REAL.resolve(name), to);
    }

    /** Copies a capture. */
    public static Path copy(Path from, Path to) {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return to;
    }

    /** Changes lines of a compressed file; null drops a line. */
    public static void edit(Path directory, String file, UnaryOperator<String> change) {
        lines(
                directory,
                file,
                read(directory, file).stream()
                        .map(change)
                        .filter(line -> line != null)
                        .toArray(String[]::new));
    }

    /** The lines of a compressed file. */
    public static List<String> read(Path directory, String file) {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(directory.resolve(file))), StandardCharsets.UTF_8))) {
            return in.lines().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes a compressed file. */
    public static void lines(Path directory, String file, String... lines) {
        try {
            Path path = directory.resolve(file);
            Files.createDirectories(path.getParent());
            try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(path))) {
                for (String line : lines) {
                    out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes a plain file. */
    public static void text(Path directory, String file, String content) {
        try {
            Path path = directory.resolve(file);
            Files.createDirectories(path.getParent());
            Files.writeString(path, content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
