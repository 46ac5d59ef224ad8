package org.iommu4j.upgrade.record;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import org.iommu4j.backend.Backend;

/** The released VT-d bundle, beside the built one: its classes come from its jar, everything else from here. */
final class ReleasedVtd {
    private static final Path JAR =
            Path.of("../cnf/releaserepo/org/iommu4j/intel-vtd-bundle/1.0.0/intel-vtd-bundle-1.0.0.jar");
    private static final String PACKAGE = "org.iommu4j.intel.";

    private ReleasedVtd() {}

    /** A backend of release 1.0.0. */
    static Backend backend() {
        if (!Files.isRegularFile(JAR)) {
            throw new IllegalStateException(JAR.toAbsolutePath() + " is missing");
        }
        try {
            ClassLoader loader =
                    new URLClassLoader(new URL[] {JAR.toUri().toURL()}, ReleasedVtd.class.getClassLoader()) {
                        @Override
                        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
                            if (!name.startsWith(PACKAGE)) {
                                return super.loadClass(name, resolve);
                            }
                            synchronized (getClassLoadingLock(name)) {
                                Class<?> loaded = findLoadedClass(name);
                                return loaded == null ? findClass(name) : loaded;
                            }
                        }
                    };
            return (Backend) loader.loadClass(PACKAGE + "VtdBackend")
                    .getConstructor(String.class)
                    .newInstance("1.0.0");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
