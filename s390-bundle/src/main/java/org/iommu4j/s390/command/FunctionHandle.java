package org.iommu4j.s390.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Function handle, docs/spec/s390-zpci.md 2.2: names a function as it is now; another one after every enabling and
 * disabling.
 */
public final class FunctionHandle {
    private static final Layout.Builder HANDLE =
            Layout.named("function_handle").size(32).bigEndian().msb0().spec("zPCI, docs/spec/s390-zpci.md 2.2");
    public static final BitField ENABLED = HANDLE.bit("enabled", 0, about("the function is enabled"));
    public static final BitField INSTANCE = HANDLE.bits("instance", 1, 7, about("life of the function, modulo 128"));

    /** Whether a hypervisor interprets, intercepts or emulates the function. */
    public static final BitField SHM =
            HANDLE.bits("SHM", 8, 15, oneOf(code(0, "interpreted"), code(1, "intercepted"), code(2, "emulated")));

    public static final BitField INDEX = HANDLE.bits("index", 16, 31, about("which function"));

    public static final Layout LAYOUT = HANDLE.build();

    /** {@link #SHM}: emulated, which simulated functions are. */
    public static final int EMULATED = 2;

    /** Number of lives that handles can tell apart. */
    public static final int INSTANCES = 1 << INSTANCE.width();

    private FunctionHandle() {}

    /** The handle of an emulated function. */
    public static int of(int index, int instance, boolean enabled) {
        return (int) (ENABLED.of(enabled ? 1 : 0) | INSTANCE.of(instance) | SHM.of(EMULATED) | INDEX.of(index));
    }

    /** Index of the function that a handle names, in whatever life. */
    public static int indexOf(int handle) {
        return INDEX.getInt(handle);
    }

    /** True for the handle of an enabled function. */
    public static boolean isEnabled(int handle) {
        return ENABLED.isSet(handle);
    }
}
