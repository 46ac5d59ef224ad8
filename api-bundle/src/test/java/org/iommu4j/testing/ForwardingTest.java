package org.iommu4j.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.Translator;
import org.junit.jupiter.api.Test;

/** A method that a forwarding object does not pass on would quietly be the default of the interface. */
class ForwardingTest {
    @Test
    void shouldPassOnEveryCallOfABackend() {
        assertEquals(Set.of(), missing(Backend.class, ForwardingBackend.class));
    }

    @Test
    void shouldPassOnEveryCallOfAChip() {
        assertEquals(Set.of(), missing(Hardware.class, ForwardingHardware.class));
    }

    @Test
    void shouldPassOnEveryCallOfADriver() {
        assertEquals(Set.of(), missing(Translator.class, ForwardingTranslator.class));
    }

    private static Set<String> missing(Class<?> type, Class<?> forwarding) {
        Set<String> missing = new TreeSet<>();
        for (Method method : type.getMethods()) {
            boolean passedOn = Arrays.stream(forwarding.getDeclaredMethods())
                    .anyMatch(own -> own.getName().equals(method.getName())
                            && Arrays.equals(own.getParameterTypes(), method.getParameterTypes()));
            if (!Modifier.isStatic(method.getModifiers()) && !passedOn) {
                missing.add(method.toString());
            }
        }
        return missing;
    }
}
