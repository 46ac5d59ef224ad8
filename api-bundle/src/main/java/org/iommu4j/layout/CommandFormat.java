package org.iommu4j.layout;

/** A command, descriptor, event or call: one row of a vendor's table of formats, usually an enum constant. */
public interface CommandFormat {
    /** Name in the specification. */
    String name();

    /** The code by which hardware tells it from its siblings. */
    int opcode();

    /** The layout of the command. */
    Layout layout();

    /** First {@code sub_version} that has it; 0 if all. */
    default int since() {
        return 0;
    }
}
