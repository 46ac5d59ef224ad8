package org.iommu4j.upgrade.replay;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.intel.VtdBackend;

/**
 * Makes broken chips: each carries out IOTLB invalidations of a domain, or of its pages, on the neighbouring domain. The
 * sanitizer is told what the commands said.
 */
final class MisdirectedCommands {
    private static final int IOTLB = 2;
    private static final int TYPE = 0xf;
    private static final int GLOBAL = 0x10;
    private static final int GRANULARITY = 0x30;
    private static final long NEIGHBOUR = 1L << 16;

    private boolean walking;

    private MisdirectedCommands() {}

    /** A backend of broken chips. */
    static Backend backend() {
        VtdBackend right = new VtdBackend();
        return wrap(Backend.class, (method, arguments) -> {
            if (method.getName().equals("createHardware")) {
                arguments[1] = new MisdirectedCommands().platform((Platform) arguments[1]);
            }
            return call(right, method, arguments);
        });
    }

    private Platform platform(Platform right) {
        PhysicalMemory memory = wrap(PhysicalMemory.class, (method, arguments) -> {
            Object result = call(right.memory(), method, arguments);
            // A chip that does not walk reads commands.
            if (!walking && method.getName().equals("readPairLe")) {
                long[] command = (long[]) arguments[1];
                command[0] ^= isSelective(command[0]) ? NEIGHBOUR : 0;
            }
            return result;
        });
        Sanitizer sanitizer = wrap(Sanitizer.class, (method, arguments) -> {
            walking = method.getName().equals("begins")
                    || (walking && !method.getName().equals("ends"));
            if (method.getName().equals("invalidates")
                    && arguments[0] != CachedKind.CONTEXT
                    && (long) arguments[1] != TranslationObserver.ANY) {
                arguments[1] = (long) arguments[1] ^ 1;
            }
            return call(right.sanitizer(), method, arguments);
        });
        return wrap(Platform.class, (method, arguments) -> switch (method.getName()) {
            case "memory" -> memory;
            case "sanitizer" -> right.sanitizer() == null ? null : sanitizer;
            default -> call(right, method, arguments);
        });
    }

    private static boolean isSelective(long word) {
        return (word & TYPE) == IOTLB && (word & GRANULARITY) != GLOBAL && (word & ~0xffff_00f2L) == 0;
    }

    /** Replaces a call. */
    private interface Instead {
        Object call(Method method, Object[] arguments) throws Throwable;
    }

    private static <T> T wrap(Class<T> type, Instead instead) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(),
                new Class<?>[] {type},
                (proxy, method, arguments) -> instead.call(method, arguments)));
    }

    private static Object call(Object target, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
