package org.iommu4j.intel.front;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;

/**
 * Choices that the architecture leaves to a unit, as {@link org.iommu4j.backend.HardwareConfig#options} names them:
 *
 * <table>
 * <caption>Options</caption>
 * <tr><th>name</th><th>values, default first</th><th>meaning</th></tr>
 * <tr><td>{@code fault-collapse}</td><td>on, off</td><td>a fault of a device that has a pending record is dropped without
 * overflow, VT-d 7.2.1</td></tr>
 * <tr><td>{@code tail-before-enable}</td><td>accept, refuse</td><td>descriptors that software has put before IQT before it
 * sets QIE are executed, or are an invalid tail (IQEI 1)</td></tr>
 * <tr><td>{@code timeout-source-id}</td><td>report, zero</td><td>what ITESID names after a device-TLB time-out; old units
 * leave 0 there</td></tr>
 * <tr><td>{@code ver}</td><td>the generation's</td><td>version as major.minor</td></tr>
 * </table>
 *
 * @param faultCollapse see {@code fault-collapse}
 * @param tailBeforeEnable true to accept, see {@code tail-before-enable}
 * @param timeoutSourceId true to report, see {@code timeout-source-id}
 */
public record VtdOptions(boolean faultCollapse, boolean tailBeforeEnable, boolean timeoutSourceId) {
    private static final String FAULT_COLLAPSE = "fault-collapse";
    private static final String TAIL_BEFORE_ENABLE = "tail-before-enable";
    private static final String TIMEOUT_SOURCE_ID = "timeout-source-id";
    private static final String VERSION = "ver";

    /**
     * The choices of a configuration.
     *
     * @throws BackendException {@code EINVAL} for an unknown option or value
     */
    public static VtdOptions of(Map<String, String> options) {
        for (String name : new TreeMap<>(options).keySet()) {
            switch (name) {
                case FAULT_COLLAPSE, TAIL_BEFORE_ENABLE, TIMEOUT_SOURCE_ID, VERSION -> {
                    // Known; VtdCapabilities reads the version.
                }
                default -> throw new BackendException(Errno.EINVAL, "unknown option " + name);
            }
        }
        return new VtdOptions(
                choice(options, FAULT_COLLAPSE, "on", "off"),
                choice(options, TAIL_BEFORE_ENABLE, "accept", "refuse"),
                choice(options, TIMEOUT_SOURCE_ID, "report", "zero"));
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
