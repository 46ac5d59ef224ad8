package org.iommu4j.core.fake;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Translator;

/** Stands between the core and everything that a vendor implements, so that any method of it can go wrong. */
public final class Meddler implements InvocationHandler {
    /** The interfaces that a vendor implements. */
    public static final List<Class<?>> VENDOR_TYPES =
            List.of(Backend.class, Hardware.class, Translator.class, GuestDecoder.class, Shim.class);

    /** Runs before a method, or throws in its place. */
    @FunctionalInterface
    public interface Mischief {
        /** Throws whatever it likes. */
        void run(Method method) throws Throwable;
    }

    private final Object sound;
    private final Mischief mischief;

    private Meddler(Object sound, Mischief mischief) {
        this.sound = sound;
        this.mischief = mischief;
    }

    /** The same backend, each call of which goes past some mischief first. */
    public static Backend of(Backend sound, Mischief mischief) {
        return (Backend) wrap(sound, Backend.class, mischief);
    }

    /** Every method that a vendor may implement. */
    public static List<Method> methods() {
        List<Method> methods = new ArrayList<>();
        for (Class<?> type : VENDOR_TYPES) {
            for (Method method : type.getMethods()) {
                if (!Modifier.isStatic(method.getModifiers())) {
                    methods.add(method);
                }
            }
        }
        return methods;
    }

    private static Object wrap(Object sound, Class<?> type, Mischief mischief) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, new Meddler(sound, mischief));
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
        if (method.getDeclaringClass() == Object.class && method.getName().equals("equals")) {
            return proxy == arguments[0];
        }
        mischief.run(method);
        Object answer;
        try {
            answer = method.invoke(sound, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
        for (Class<?> type : VENDOR_TYPES) {
            if (type.isInstance(answer)) {
                return wrap(answer, type, mischief);
            }
        }
        if (method.getName().equals("shims")) {
            List<Object> wrapped = new ArrayList<>();
            for (Object shim : (List<?>) answer) {
                wrapped.add(wrap(shim, Shim.class, mischief));
            }
            return wrapped;
        }
        return answer;
    }
}
