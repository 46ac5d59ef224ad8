package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakePlatform;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ContainedBackendTest {
    private final Bench bench = new Bench();

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldContainEveryMethodOfABackendAndOfItsBenchSupport() {
        Backend guarded = guarded();
        assertEquals(Set.of(), inherited(Backend.class, guarded));
        assertEquals(Set.of(), inherited(NativeFormats.class, guarded.formats()));
        assertEquals(Set.of(), inherited(BenchSupport.class, guarded.bench()));
    }

    /** Methods of an interface that an object leaves to the interface's default. */
    private static Set<String> inherited(Class<?> type, Object object) {
        Set<String> names = new TreeSet<>();
        for (Method method : type.getMethods()) {
            boolean own = Arrays.stream(object.getClass().getDeclaredMethods())
                    .anyMatch(one -> one.getName().equals(method.getName())
                            && Arrays.equals(one.getParameterTypes(), method.getParameterTypes()));
            if (!own) {
                names.add(method.toString());
            }
        }
        return names;
    }

    @Test
    void shouldAnswerAsTheBackendDoes() {
        FakeBackend backend = bench.arrived("1.0.0");
        Backend guarded = bench.core.backend(IommuModel.INTEL);
        assertEquals(backend.describe(), guarded.describe());
        assertEquals(backend.layouts(), guarded.layouts());
        assertEquals(backend.calls(), guarded.calls());
        assertEquals(backend.meaning(null, null), guarded.meaning(null, null));
        assertEquals(52, guarded.bench().hostAddressWidth(HardwareConfig.of(1)));
        assertNotNull(guarded.createHardware(HardwareConfig.of(1), new FakePlatform(null)));
        assertSame(guarded, bench.core.backend(IommuModel.INTEL));
    }

    @Test
    void shouldContainWhatTheVendorThrowsWhileItServes() {
        FakeBackend backend = bench.arrived("1.0.0");
        backend.traps().on("layouts", () -> {
            throw new NoClassDefFoundError("org/iommu4j/vendor/Layouts");
        });
        BackendException failure = assertThrows(
                BackendException.class,
                () -> bench.core.backend(IommuModel.INTEL).layouts());
        assertEquals(Errno.EIO, failure.errno());
    }

    /** As when the bundle is updated in place while somebody holds the backend: its classes are gone. */
    @Test
    void shouldSayThatTheBackendHasLeftWhateverItIsAsked() throws ReflectiveOperationException {
        FakeBackend backend = bench.arrived("1.0.0");
        Backend guarded = bench.core.backend(IommuModel.INTEL);
        bench.core.leaving(backend);
        backend.traps().on("layouts", () -> {
            throw new NullPointerException("getContent() is null");
        });
        assertEquals("1.0.0", guarded.describe().version());
        assertLeft(
                Backend.class,
                guarded,
                method -> !Set.of("describe", "formats", "bench").contains(method.getName()));
        assertLeft(NativeFormats.class, guarded.formats(), method -> true);
        assertLeft(BenchSupport.class, guarded.bench(), method -> true);
    }

    private static void assertLeft(Class<?> type, Object object, Predicate<Method> which)
            throws ReflectiveOperationException {
        for (Method method : type.getMethods()) {
            if (Modifier.isStatic(method.getModifiers()) || !which.test(method)) {
                continue;
            }
            Object[] arguments = new Object[method.getParameterCount()];
            for (int i = 0; i < arguments.length; i++) {
                Class<?> parameter = method.getParameterTypes()[i];
                arguments[i] = parameter == int.class ? (Object) 0 : parameter == long.class ? (Object) 0L : null;
            }
            method.setAccessible(true);
            InvocationTargetException thrown =
                    assertThrows(InvocationTargetException.class, () -> method.invoke(object, arguments));
            BackendException left = (BackendException) thrown.getCause();
            assertEquals(Errno.ENODEV, left.errno(), method.toString());
        }
    }

    @Test
    void shouldSayThatTheBackendLeftInTheMiddleOfAQuestion() {
        FakeBackend backend = bench.arrived("1.0.0");
        Backend guarded = bench.core.backend(IommuModel.INTEL);
        backend.traps().on("layouts", () -> {
            bench.core.leaving(backend);
            throw new NullPointerException("getContent() is null");
        });
        BackendException left = assertThrows(BackendException.class, guarded::layouts);
        assertEquals(Errno.ENODEV, left.errno());
        assertEquals("the backend fake 1.0.0 has left", left.getMessage());
    }

    private Backend guarded() {
        bench.arrived("1.0.0");
        return bench.core.backend(IommuModel.INTEL);
    }
}
