package org.iommu4j.upgrade.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.RecordComponent;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.upgrade.Formats;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Capture formats are data of shared classes: a replayed guest keeps one while the bundle that brought it is updated. */
class CaptureFormatsTest {
    private static final Set<String> SHARED = Set.of("org.iommu4j.backend.capture", "org.iommu4j.layout");

    static Collection<CaptureFormat> formats() {
        return Formats.ALL;
    }

    @ParameterizedTest
    @MethodSource("formats")
    void shouldHoldDataOfSharedClassesOnly(CaptureFormat format) throws ReflectiveOperationException {
        Set<String> foreign = new TreeSet<>();

        collect(format, foreign);

        assertEquals(Set.of(), foreign);
    }

    @ParameterizedTest
    @MethodSource("formats")
    void shouldNameEachRegisterOnce(CaptureFormat format) {
        Set<Register> registers = format.registers().all();

        assertEquals(
                registers.size(),
                registers.stream().map(Register::name).distinct().count());
        assertTrue(registers.stream().allMatch(register -> register.offset() >= 0));
    }

    /** Adds the names of all classes in an object's parts that are neither the JDK's nor the API's. */
    private static void collect(Object part, Set<String> foreign) throws ReflectiveOperationException {
        if (part instanceof Collection<?> many) {
            for (Object one : many) {
                collect(one, foreign);
            }
        } else if (part instanceof Map<?, ?> many) {
            collect(many.keySet(), foreign);
            collect(many.values(), foreign);
        } else if (part instanceof Layout layout) {
            collect(layout.fields(), foreign);
            collect(layout.ignored(), foreign);
        } else if (part instanceof Record) {
            if (!SHARED.contains(part.getClass().getPackageName())) {
                foreign.add(part.getClass().getName());
            }
            for (RecordComponent component : part.getClass().getRecordComponents()) {
                collect(component.getAccessor().invoke(part), foreign);
            }
        } else if (part != null
                && !(part instanceof Enum)
                && !part.getClass().getName().startsWith("java.")) {
            foreign.add(part.getClass().getName());
        }
    }
}
