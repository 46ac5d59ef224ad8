package org.iommu4j.s390.facility;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.s390.command.ZpciCapabilities;

/**
 * Choices that the architecture leaves to a machine, as {@link org.iommu4j.backend.HardwareConfig#options} names them; a
 * capability may stand there too:
 *
 * <table>
 * <caption>Options</caption>
 * <tr><th>name</th><th>values, default first</th><th>meaning</th></tr>
 * <tr><td>{@code function-states}</td><td>empty, or a list as {@code 2=standby,3=reserved}</td><td>functions that are in another
 * state than configured and disabled from reset: {@code standby}, {@code reserved}, {@code permanent-error}</td></tr>
 * <tr><td>{@code rpcit-busy}</td><td>0, up to a million</td><td>how often each RPCIT that is in order is answered with condition
 * code 2 before it is carried out</td></tr>
 * <tr><td>{@code profile}</td><td>sim</td><td>where QEMU differs from docs/spec/s390-zpci.md 7, the chip follows the
 * document; {@code qemu} is known, and not modelled</td></tr>
 * </table>
 *
 * @param states see {@code function-states}
 * @param busy see {@code rpcit-busy}
 */
public record ZpciOptions(Map<Integer, FunctionState> states, int busy) {
    private static final String FUNCTION_STATES = "function-states";
    private static final String RPCIT_BUSY = "rpcit-busy";
    private static final String PROFILE = "profile";
    private static final int MOST_BUSY = 1_000_000;

    /**
     * The choices of a configuration.
     *
     * @param functions how many functions there are
     * @throws BackendException {@code EINVAL} for an unknown option or value
     */
    public static ZpciOptions of(Map<String, String> options, int functions) {
        Map<Integer, FunctionState> states = new HashMap<>();
        int busy = 0;
        for (Map.Entry<String, String> option : new TreeMap<>(options).entrySet()) {
            switch (option.getKey()) {
                case FUNCTION_STATES -> states = states(option.getValue(), functions);
                case RPCIT_BUSY -> busy = number(RPCIT_BUSY, option.getValue(), MOST_BUSY);
                case PROFILE -> checkProfile(option.getValue());
                default -> {
                    if (!ZpciCapabilities.isCapability(option.getKey())) {
                        throw new BackendException(
                                Errno.EINVAL,
                                "unknown option " + option.getKey() + "; known: " + FUNCTION_STATES + ", " + RPCIT_BUSY
                                        + ", " + PROFILE + ", and capabilities");
                    }
                }
            }
        }
        return new ZpciOptions(Map.copyOf(states), busy);
    }

    private static void checkProfile(String name) {
        switch (name.toLowerCase(Locale.ROOT)) {
            case "sim" -> {
                // What the chip does anyway.
            }
            case "qemu" ->
                throw new BackendException(Errno.EPROTONOSUPPORT, "the chip follows the architecture, not QEMU");
            default ->
                throw new BackendException(Errno.EINVAL, "option " + PROFILE + ": " + name + "; known: sim, qemu");
        }
    }

    private static Map<Integer, FunctionState> states(String text, int functions) {
        Map<Integer, FunctionState> states = new HashMap<>();
        for (String one : text.isBlank() ? new String[0] : text.split(",", -1)) {
            String[] parts = one.strip().split("=", -1);
            if (parts.length != 2) {
                throw new BackendException(
                        Errno.EINVAL, "option " + FUNCTION_STATES + "=" + text + ": " + one + " is not index=state");
            }
            FunctionState state = switch (parts[1].toLowerCase(Locale.ROOT)) {
                case "standby" -> FunctionState.STANDBY;
                case "reserved" -> FunctionState.RESERVED;
                case "permanent-error" -> FunctionState.PERMANENT_ERROR;
                default ->
                    throw new BackendException(
                            Errno.EINVAL,
                            "option " + FUNCTION_STATES + ": " + parts[1]
                                    + "; known: standby, reserved, permanent-error");
            };
            states.put(number(FUNCTION_STATES, parts[0], functions - 1), state);
        }
        return states;
    }

    private static int number(String name, String text, int most) {
        try {
            long value = Long.decode(text.strip());
            if (value >= 0 && value <= most) {
                return (int) value;
            }
        } catch (NumberFormatException e) {
            throw new BackendException(Errno.EINVAL, "option " + name + ": " + text + " is no number", e);
        }
        throw new BackendException(Errno.EINVAL, "option " + name + ": " + text + " is not in 0.." + most);
    }
}
