package org.iommu4j.itests;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.Shim;
import org.iommu4j.core.negotiation.BackendVersion;
import org.iommu4j.core.negotiation.ShimGraph;
import org.iommu4j.core.negotiation.ShimLink;

/** The backends of the listed vendors, as they are built, outside a framework. */
final class Vendors {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));
    private static final String SUFFIX = "Backend.class";

    private Vendors() {}

    /** A backend of each, in the order of their models. */
    static List<Backend> backends() {
        List<Backend> backends = new ArrayList<>();
        for (String module : VendorList.modules()) {
            backends.add(made(ROOT.resolve(module).resolve("target/classes")));
        }
        backends.sort(Comparator.comparing(backend -> backend.describe().model()));
        return backends;
    }

    /** All shims of a backend, and what it forbids. */
    static ShimGraph graph(Backend backend) {
        List<ShimLink> links = new ArrayList<>();
        for (Shim shim : backend.shims()) {
            links.add(ShimLink.of(shim, BackendVersion.parse(backend.describe().version())));
        }
        return new ShimGraph(backend.describe().model(), links, backend.unbridgeable());
    }

    /** The one class of the vendor's root package that is its backend. */
    private static Backend made(Path classes) {
        try (Stream<Path> files = Files.walk(classes)) {
            Path file = files.filter(path -> path.getFileName().toString().endsWith(SUFFIX))
                    .min(Comparator.comparingInt(Path::getNameCount))
                    .orElseThrow();
            String name = classes.relativize(file).toString().replace('/', '.');
            return Class.forName(name.substring(0, name.length() - ".class".length()))
                    .asSubclass(Backend.class)
                    .getConstructor()
                    .newInstance();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("no backend in " + classes, e);
        }
    }
}
