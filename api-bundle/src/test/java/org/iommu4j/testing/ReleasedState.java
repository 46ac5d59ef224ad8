package org.iommu4j.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Locale;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;

/** States that a release wrote, kept beside a bundle's tests: a line each of kind and hex in {@code state-<release>.txt}. */
public final class ReleasedState {
    private ReleasedState() {}

    /**
     * One of them, of state version 1.
     *
     * @param test whose bundle has the file
     */
    public static Snapshot of(Class<?> test, String release, IommuModel model, Snapshot.Kind kind) {
        String prefix = kind.name().toLowerCase(Locale.ROOT) + " ";
        try (InputStream in = test.getResourceAsStream("/state-" + release + ".txt")) {
            String hex = new String(in.readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .filter(line -> line.startsWith(prefix))
                    .map(line -> line.substring(prefix.length()))
                    .findFirst()
                    .orElseThrow();
            return new Snapshot(model, kind, 1, HexFormat.of().parseHex(hex));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
