package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;

/** The same bundles in another framework than the one that we ship: Eclipse Equinox. */
class EquinoxIT {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));
    private static final Path BUNDLES = Path.of(System.getProperty("bundles"));
    private static final Path CAPTURE = ROOT.resolve("traces/spapr/ddw-virtio");
    private static final String SERVING_SPAPR = "(?s).*spapr +IBM sPAPR TCE +%s +ACTIVE .*";
    private static final long LIMIT_SECONDS = 60;

    private URLClassLoader loader;
    private Framework framework;

    @BeforeEach
    void start(@TempDir Path storage) throws Exception {
        loader = new URLClassLoader(
                new URL[] {Bundles.jar("org.eclipse.osgi").toUri().toURL()}, EquinoxIT.class.getClassLoader());
        FrameworkFactory equinox = ServiceLoader.load(FrameworkFactory.class, loader).stream()
                .filter(found -> found.type().getClassLoader() == loader)
                .findFirst()
                .orElseThrow()
                .get();
        framework = equinox.newFramework(Map.of(
                Constants.FRAMEWORK_STORAGE,
                storage.toString(),
                Constants.FRAMEWORK_STORAGE_CLEAN,
                Constants.FRAMEWORK_STORAGE_CLEAN_ONFIRSTINIT,
                Constants.FRAMEWORK_BSNVERSION,
                Constants.FRAMEWORK_BSNVERSION_MULTIPLE,
                "felix.fileinstall.dir",
                ",",
                "gosh.args",
                "--nointeractive"));
        framework.init();
        List<Bundle> bundles = new ArrayList<>();
        try (Stream<Path> jars = Files.list(BUNDLES)) {
            for (Path jar : (Iterable<Path>) jars.sorted()::iterator) {
                if (jar.toString().endsWith(".jar") && !jar.equals(Bundles.jar("org.eclipse.osgi"))) {
                    bundles.add(framework
                            .getBundleContext()
                            .installBundle(jar.toUri().toString()));
                }
            }
        }
        framework.start();
        for (Bundle bundle : bundles) {
            if (bundle.getHeaders().get(Constants.FRAGMENT_HOST) == null) {
                bundle.start();
            }
        }
    }

    @AfterEach
    void stop() throws Exception {
        framework.stop();
        framework.waitForStop(TimeUnit.SECONDS.toMillis(LIMIT_SECONDS));
        loader.close();
    }

    @Test
    void shouldServeAndSwapAsInFelix() throws Exception {
        for (String model : List.of("amd", "arm", "intel", "s390", "spapr")) {
            awaitBackend("(?s).* " + model + " +[^\n]* ACTIVE .*");
        }
        replay();
        List<String> releases = Bundles.releases("spapr-bundle");
        String released = releases.get(releases.size() - 1);
        context()
                .installBundle(
                        Bundles.released("spapr-bundle", released).toUri().toString())
                .start();
        awaitBackend("(?s).* spapr +IBM sPAPR TCE +" + released.replace(".", "\\.") + " .*");
        execute("iommu:swap spapr " + released);
        awaitBackend(SERVING_SPAPR.formatted(released));
        replay();
    }

    private void replay() throws Exception {
        String text = execute("iommu:replay --path contract " + CAPTURE);
        assertTrue(text.contains(" equal, 0 different") && text.endsWith("\nok\n"), text);
    }

    private void awaitBackend(String pattern) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        String listed = execute("iommu:backends");
        while (!listed.matches(pattern)) {
            assertTrue(System.nanoTime() < end, listed);
            TimeUnit.MILLISECONDS.sleep(50);
            listed = execute("iommu:backends");
        }
    }

    /** Runs a command as somebody at the shell would; what it printed. */
    private String execute(String command) throws Exception {
        ServiceReference<?> reference =
                context().getServiceReference("org.apache.felix.service.command.CommandProcessor");
        Object processor = context().getService(reference);
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8);
        Object session = processor
                .getClass()
                .getMethod("createSession", InputStream.class, OutputStream.class, OutputStream.class)
                .invoke(processor, new ByteArrayInputStream(new byte[0]), out, out);
        Method execute = session.getClass().getMethod("execute", CharSequence.class);
        execute.setAccessible(true);
        try {
            assertEquals(null, execute.invoke(session, command));
        } catch (InvocationTargetException e) {
            throw new AssertionError(command + ": " + e.getCause(), e.getCause());
        }
        return printed.toString(StandardCharsets.UTF_8);
    }

    private BundleContext context() {
        return framework.getBundleContext();
    }
}
