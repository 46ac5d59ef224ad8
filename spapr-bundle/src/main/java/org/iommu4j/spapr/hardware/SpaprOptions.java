package org.iommu4j.spapr.hardware;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.spapr.command.RtasStatus;
import org.iommu4j.spapr.command.SpaprCapabilities;

/**
 * Choices that the architecture leaves to a platform, as {@link org.iommu4j.backend.HardwareConfig#options} names them:
 *
 * <table>
 * <caption>Options</caption>
 * <tr><th>name</th><th>values, default first</th><th>meaning</th></tr>
 * <tr><td>{@code msi32}</td><td>off, on</td><td>addresses FFFF0000 to FFFFFFFF are messages,
 * docs/spec/spapr-tce.md 3.5 step 3</td></tr>
 * <tr><td>{@code third-window}</td><td>parameter-error, hardware-error</td><td>status of create for a window too many: -3 as PAPR
 * says, or -1 as QEMU answers</td></tr>
 * <tr><td>{@code page-kills}</td><td>kept, lost</td><td>what a kill of one page does while the queue is full, HW560152: its
 * work, or nothing</td></tr>
 * <tr><td>{@code eeh}</td><td>on, off</td><td>a fault stops the endpoint; or, as QEMU's bridge does it, the access alone is
 * refused</td></tr>
 * </table>
 *
 * @param msi32 see {@code msi32}
 * @param thirdWindow status of create for a window too many
 * @param losesPageKills see {@code page-kills}
 * @param stopsEndpoints see {@code eeh}
 */
record SpaprOptions(boolean msi32, int thirdWindow, boolean losesPageKills, boolean stopsEndpoints) {
    private static final String MSI32 = "msi32";
    private static final String THIRD_WINDOW = "third-window";
    private static final String PAGE_KILLS = "page-kills";
    private static final String EEH = "eeh";
    private static final Set<String> KNOWN = Set.of(MSI32, THIRD_WINDOW, PAGE_KILLS, EEH);

    /**
     * The choices of a configuration.
     *
     * @throws BackendException {@code EINVAL} for an unknown option or value
     */
    static SpaprOptions of(Map<String, String> options) {
        for (String name : new TreeMap<>(options).keySet()) {
            if (!KNOWN.contains(name) && !SpaprCapabilities.isName(name)) {
                throw new BackendException(Errno.EINVAL, "unknown option " + name);
            }
        }
        return new SpaprOptions(
                !choice(options, MSI32, "off", "on"),
                choice(options, THIRD_WINDOW, "parameter-error", "hardware-error")
                        ? RtasStatus.PARAMETER_ERROR
                        : RtasStatus.HARDWARE_ERROR,
                !choice(options, PAGE_KILLS, "kept", "lost"),
                choice(options, EEH, "on", "off"));
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
