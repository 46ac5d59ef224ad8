package org.iommu4j.spapr.command;

import static org.iommu4j.layout.Code.code;

import java.util.List;
import org.iommu4j.layout.Code;

/** Result codes and kinds of the firmware call OPAL_PCI_TCE_KILL; docs/spec/spapr-tce.md 2.3. */
public final class OpalCode {
    // Result codes.
    public static final long SUCCESS = 0;
    public static final long PARAMETER = -1;

    // Kinds of kills: pages of an endpoint, an endpoint, everything.
    public static final long KILL_PAGES = 0;
    public static final long KILL_PE = 1;
    public static final long KILL_ALL = 2;

    /** All of them, by their names. */
    public static final List<Code> ALL = List.of(
            code(SUCCESS, "OPAL_SUCCESS"),
            code(PARAMETER, "OPAL_PARAMETER"),
            code(-2, "OPAL_BUSY"),
            code(-3, "OPAL_PARTIAL"),
            code(-6, "OPAL_HARDWARE"),
            code(-7, "OPAL_UNSUPPORTED"),
            code(-8, "OPAL_PERMISSION"),
            code(-10, "OPAL_RESOURCE"));

    private OpalCode() {}
}
