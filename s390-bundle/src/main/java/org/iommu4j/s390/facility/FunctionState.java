package org.iommu4j.s390.facility;

/** States of a function, docs/spec/s390-zpci.md 2.7. Saved by their names. */
public enum FunctionState {
    /** Belongs to nobody here. */
    RESERVED,
    /** Could be configured. */
    STANDBY,
    /** Configured, not enabled. */
    DISABLED,
    /** At work. */
    ENABLED,
    /** Stopped by an error: no DMA, no load and store. */
    ERROR,
    /** In error, but load and store work: software may look. */
    BLOCKED,
    /** Broken for good. */
    PERMANENT_ERROR;

    /** True if the function answers to nothing but availability events. */
    public boolean isAway() {
        return this == RESERVED || this == STANDBY;
    }

    /** True if a function in this state has an enabled handle. */
    public boolean hasEnabledHandle() {
        return this == ENABLED || this == ERROR || this == BLOCKED || this == PERMANENT_ERROR;
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
