package org.iommu4j.s390.front;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.s390.command.ZpciSettings;

/** States of a function, docs/spec/s390-zpci.md 2.7. Saved by their names. */
public enum FunctionState {
    /** Not assigned to this machine. */
    RESERVED,
    /** Assigned, not configured. */
    STANDBY,
    /** Configured, not enabled. */
    DISABLED,
    /** Enabled: it may access memory. */
    ENABLED,
    /** Stopped by an error: no DMA, no load and store. */
    ERROR,
    /** In error, but load and store work: software may look. */
    BLOCKED,
    /** In permanent error. */
    PERMANENT_ERROR;

    /** True if the function answers to nothing but availability events. */
    public boolean isAway() {
        return this == RESERVED || this == STANDBY;
    }

    /** True if a function in this state has an enabled handle. */
    public boolean hasEnabledHandle() {
        return this == ENABLED || this == ERROR || this == BLOCKED || this == PERMANENT_ERROR;
    }

    /**
     * States of functions that are in another one than configured and disabled from reset, as
     * {@link ZpciSettings#FUNCTION_STATES} lists them.
     *
     * @param text a list as {@code 2=standby,3=reserved}
     * @param functions how many functions there are
     * @throws BackendException {@code EINVAL} for anything else
     */
    public static Map<Integer, FunctionState> fromReset(String text, int functions) {
        Map<Integer, FunctionState> states = new HashMap<>();
        for (String one : text.isBlank() ? new String[0] : text.split(",", -1)) {
            String[] parts = one.strip().split("=", -1);
            FunctionState state = parts.length == 2 ? resettable(parts[1]) : null;
            int index = parts.length == 2 ? index(parts[0]) : -1;
            if (state == null || index < 0 || index >= functions) {
                throw new BackendException(
                        Errno.EINVAL,
                        "option " + ZpciSettings.FUNCTION_STATES + ": " + one
                                + " is not INDEX=STATE, the index less than " + functions
                                + ", the state standby, reserved or permanent-error");
            }
            states.put(index, state);
        }
        return states;
    }

    private static FunctionState resettable(String word) {
        return switch (word.toLowerCase(Locale.ROOT)) {
            case "standby" -> STANDBY;
            case "reserved" -> RESERVED;
            case "permanent-error" -> PERMANENT_ERROR;
            default -> null;
        };
    }

    private static int index(String text) {
        try {
            return Integer.decode(text.strip());
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    /** The state of that name, or null. */
    static FunctionState named(String name) {
        for (FunctionState state : values()) {
            if (state.name().equals(name)) {
                return state;
            }
        }
        return null;
    }
}
