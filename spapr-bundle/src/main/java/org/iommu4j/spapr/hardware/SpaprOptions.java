package org.iommu4j.spapr.hardware;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;

/**
 * Choices that the architecture leaves to a platform, as {@link org.iommu4j.backend.HardwareConfig#options} names them:
 *
 * <table>
 * <caption>Options</caption>
 * <tr><th>name</th><th>values, default first</th><th>meaning</th></tr>
 * <tr><td>{@code msi32}</td><td>off, on</td><td>addresses FFFF0000 to FFFFFFFF are messages, sheet 3.5 step 3</td></tr>
 * </table>
 *
 * @param msi32 see {@code msi32}
 */
record SpaprOptions(boolean msi32) {
    private static final String MSI32 = "msi32";

    /**
     * The choices of a configuration.
     *
     * @throws BackendException {@code EINVAL} for an unknown option or value
     */
    static SpaprOptions of(Map<String, String> options) {
        for (String name : new TreeMap<>(options).keySet()) {
            if (!name.equals(MSI32)) {
                throw new BackendException(Errno.EINVAL, "unknown option " + name);
            }
        }
        return new SpaprOptions(!choice(options, MSI32, "off", "on"));
    }

    private static boolean choice(Map<String, String> options, String name, String byDefault, String other) {
        String value = options.getOrDefault(name, byDefault);
        if (!value.equals(byDefault) && !value.equals(other)) {
            throw new BackendException(
                    Errno.EINVAL, "option " + name + "=" + value + "; known: " + byDefault + ", " + other);
        }
        return value.equals(byDefault);
    }
}
