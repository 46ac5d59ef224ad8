package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.File;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.Journal;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nothing of a backend that has left may keep its classes, whatever was open meanwhile. */
@Timeout(60)
class ClassLoaderTest {
    private final Bench bench = new Bench();
    private final List<Object> held = new ArrayList<>();

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldLetGoOfTheOldClassLoaderWhenSwappedAndStopped() throws Exception {
        WeakReference<ClassLoader> loader = useAndReplaceAForeignBackend(true);
        assertCollected(loader);
        expectServing();
    }

    @Test
    void shouldLetGoOfTheOldClassLoaderWhenItLeavesWithoutSuccessor() throws Exception {
        WeakReference<ClassLoader> loader = useAndReplaceAForeignBackend(false);
        assertCollected(loader);
        bench.arrived("2.0.0");
        expectServing();
    }

    private WeakReference<ClassLoader> useAndReplaceAForeignBackend(boolean successor) throws Exception {
        ClassLoader loader = new ChildFirst();
        Backend foreign = (Backend) loader.loadClass(FakeBackend.class.getName())
                .getConstructor(String.class, loader.loadClass(Journal.class.getName()))
                .newInstance(
                        "1.0.0",
                        loader.loadClass(Journal.class.getName())
                                .getConstructor()
                                .newInstance());
        assertNotSame(FakeBackend.class, foreign.getClass());
        bench.core.arrived(foreign);
        Unit unit = bench.unit(1);
        Container container = Bench.container(unit, 1);
        Guest guest = unit.openGuest(HardwareConfig.of(1), new RecordingRequests());
        held.addAll(List.of(unit, container, guest));
        container.attach(7, new Completion());
        Bench.send(container, Bench.bind(1, 7, 0x1000, false));
        Bench.send(container, Bench.invalidate(1, 1));
        held.add(Bench.send(container, Bench.invalidate(1, 1, 0xEE)));
        Container closed = Bench.container(unit, 1);
        closed.close();
        held.add(closed);
        guest.writeRegister(0, 8, 1);
        unit.tap(bytes -> {});
        holdExceptions(foreign, unit, container);
        if (successor) {
            bench.arrived("2.0.0");
        }
        bench.core.leaving(foreign);
        held.addAll(bench.core.swaps());
        held.addAll(bench.core.backends());
        return new WeakReference<>(loader);
    }

    /** Holds the exceptions of calls that failed inside the backend, as clients may. */
    private void holdExceptions(Backend foreign, Unit unit, Container container) throws Exception {
        Object traps = foreign.getClass().getMethod("traps").invoke(foreign);
        Method on = traps.getClass().getMethod("on", String.class, Runnable.class);
        Method off = traps.getClass().getMethod("off", String.class);
        for (RuntimeException thrown :
                List.of(new IllegalStateException("no"), new BackendException(Errno.EINVAL, "no"))) {
            Runnable action = () -> {
                thrown.fillInStackTrace();
                throw thrown;
            };
            for (String method : List.of("readRegister", "invalidate", "createHardware")) {
                on.invoke(traps, method, action);
            }
            held.add(assertThrows(BackendException.class, () -> unit.readRegister(0x100, 8)));
            held.add(assertThrows(BackendException.class, () -> bench.unit(1)));
            held.add(Bench.send(container, Bench.invalidate(1, 2)));
            thrown.setStackTrace(new StackTraceElement[0]);
            for (String method : List.of("readRegister", "invalidate", "createHardware")) {
                off.invoke(traps, method);
            }
        }
    }

    private void expectServing() {
        Container container = (Container) held.get(1);
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 2)).errno());
        assertEquals(1, ((Guest) held.get(2)).readRegister(0, 8));
    }

    private static void assertCollected(WeakReference<ClassLoader> loader) throws InterruptedException {
        for (int i = 0; i < 100 && loader.get() != null; i++) {
            System.gc();
            Thread.sleep(20);
        }
        assertNull(loader.get(), "the core still holds something of the backend");
    }

    /** Loads the fakes anew, and everything else from the test's own loader. */
    private static final class ChildFirst extends URLClassLoader {
        private ChildFirst() throws IOException {
            super(urls(), ClassLoaderTest.class.getClassLoader());
        }

        private static URL[] urls() throws IOException {
            List<URL> urls = new ArrayList<>();
            for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
                urls.add(new File(entry).toURI().toURL());
            }
            return urls.toArray(new URL[0]);
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (!name.startsWith("org.iommu4j.core.fake.")) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                return loaded != null ? loaded : findClass(name);
            }
        }
    }
}
