package org.iommu4j.testbench.conform;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.json.Json;
import org.iommu4j.json.JsonBounds;
import org.iommu4j.json.JsonException;
import org.iommu4j.json.JsonReader;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.FixtureService;
import org.osgi.framework.Version;

/**
 * The fixtures of one release: files that it wrote and that every later release reads, docs/fixtures.md.
 *
 * @param folder of the release
 * @param version of the release
 */
record Fixtures(Path folder, Version version) {
    /** The manifest of the released jar. */
    static final String MANIFEST = "MANIFEST.MF";

    /** Saved states, one a line. */

    /** Differences that somebody has looked at: of a line of the states, what a later release writes instead, and why. */
    static final String REVIEWED = "reviewed.jsonl";

    private static final String KIND = "kind";
    private static final String GENERATION = "generation";
    private static final String VERSION = "version";
    private static final String HEX = "hex";
    private static final String LINE = "line";
    private static final String WHY = "why";

    private static final JsonReader READER = new JsonReader(new JsonBounds(4, 1 << 24, 16, 16, 64));

    /**
     * A saved state.
     *
     * @param line of the file, from 1
     * @param subVersion generation of the chip
     * @param snapshot as it was saved
     */
    record State(int line, int subVersion, Snapshot snapshot) {}

    /**
     * The releases of a bundle, in no particular order.
     *
     * @param all folder of the fixtures of all bundles; null for none
     * @throws CaseFileException if a folder cannot be read, or its name is no version
     */
    static List<Fixtures> of(Path all, String symbolicName) {
        Path bundle = all == null ? null : all.resolve(symbolicName);
        if (bundle == null || !Files.isDirectory(bundle)) {
            return List.of();
        }
        List<Fixtures> releases = new ArrayList<>();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(bundle, Files::isDirectory)) {
            for (Path folder : folders) {
                releases.add(new Fixtures(
                        folder, version(folder, folder.getFileName().toString())));
            }
        } catch (IOException e) {
            throw wrong(bundle, 0, "cannot be read: " + OneLine.reason(e), e);
        }
        return releases;
    }

    /** A version that is a folder's name. */
    static Version version(Path file, String text) {
        try {
            return Version.parseVersion(text);
        } catch (IllegalArgumentException e) {
            throw wrong(file, 0, "'" + OneLine.name(text) + "' is no version of a bundle", e);
        }
    }

    /**
     * The states that the release saved.
     *
     * @throws CaseFileException if a line is damaged
     */
    List<State> states(IommuModel model) {
        List<State> states = new ArrayList<>();
        Path file = folder.resolve(FixtureService.STATES);
        List<String> lines = lines(file);
        for (int i = 0; i < lines.size(); i++) {
            Map<String, Json> fields = fields(file, i + 1, lines.get(i), List.of(KIND, GENERATION, VERSION, HEX));
            try {
                Snapshot.Kind kind =
                        Snapshot.Kind.valueOf(fields.get(KIND).text(KIND).toUpperCase(Locale.ROOT));
                states.add(new State(
                        i + 1,
                        (int) fields.get(GENERATION).number(GENERATION),
                        new Snapshot(
                                model,
                                kind,
                                (int) fields.get(VERSION).number(VERSION),
                                fields.get(HEX).hex(HEX))));
            } catch (IllegalArgumentException e) {
                throw wrong(file, i + 1, "no kind of a state", e);
            } catch (JsonException e) {
                throw wrong(file, i + 1, e.getMessage(), e);
            }
        }
        return states;
    }

    /**
     * By the line of a state, what later releases write in place of it: differences that were looked at.
     *
     * @throws CaseFileException if a line is damaged
     */
    Map<Integer, byte[]> reviewed() {
        Map<Integer, byte[]> reviewed = new HashMap<>();
        Path file = folder.resolve(REVIEWED);
        if (!Files.exists(file)) {
            return reviewed;
        }
        List<String> lines = lines(file);
        for (int i = 0; i < lines.size(); i++) {
            Map<String, Json> fields = fields(file, i + 1, lines.get(i), List.of(LINE, WHY, HEX));
            try {
                reviewed.put(
                        (int) fields.get(LINE).number(LINE), fields.get(HEX).hex(HEX));
            } catch (JsonException e) {
                throw wrong(file, i + 1, e.getMessage(), e);
            }
        }
        return reviewed;
    }

    /**
     * Writes the states.
     *
     * @throws CaseFileException if that fails
     */
    void write(List<State> states) {
        StringBuilder text = new StringBuilder();
        for (State state : states) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put(KIND, state.snapshot().kind().name().toLowerCase(Locale.ROOT));
            fields.put(GENERATION, Json.hex(state.subVersion()));
            fields.put(VERSION, state.snapshot().version());
            fields.put(HEX, HexFormat.of().formatHex(state.snapshot().bytes()));
            text.append(Json.write(fields)).append('\n');
        }
        write(FixtureService.STATES, text.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Writes a file.
     *
     * @throws CaseFileException if that fails
     */
    void write(String name, byte[] bytes) {
        try {
            Files.createDirectories(folder);
            Files.write(folder.resolve(name), bytes);
        } catch (IOException e) {
            throw wrong(folder.resolve(name), 0, "cannot be written: " + OneLine.reason(e), e);
        }
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw wrong(file, 0, "cannot be read: " + OneLine.reason(e), e);
        }
    }

    private static Map<String, Json> fields(Path file, int line, String text, List<String> keys) {
        try {
            Map<String, Json> fields = READER.read(text).object("");
            for (String key : keys) {
                if (!fields.containsKey(key)) {
                    throw wrong(file, line, "key \"" + key + "\" is missing", null);
                }
            }
            return fields;
        } catch (JsonException e) {
            throw wrong(file, line, e.getMessage(), e);
        }
    }

    private static CaseFileException wrong(Path file, int line, String what, Exception cause) {
        return new CaseFileException(file.toString(), line, 0, "", what, cause);
    }
}
