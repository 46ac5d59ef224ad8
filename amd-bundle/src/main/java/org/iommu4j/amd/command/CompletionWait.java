package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** COMPLETION_WAIT, 48882 2.4.1: is done when everything before it is, device TLBs included. */
public final class CompletionWait {
    private static final Layout.Builder CMD =
            Layout.named("COMPLETION_WAIT").size(128).littleEndian().spec("AMD 48882 2.4.1");
    public static final BitField S = CMD.bit("S", 0, about("store the data"));

    /** Set Status.ComWaitInt. */
    public static final BitField I = CMD.bit("I", 1, about("set ComWaitInt; a message if ComWaitIntEn"));

    /** Later commands wait until this one is done. */
    public static final BitField F = CMD.bit("F", 2, about("later commands wait for this one"));

    public static final BitField STORE_ADDRESS = CMD.address("StoreAddress", 51, 3, about("where the data is stored"));
    public static final BitField OPCODE = CMD.bits("Opcode", 63, 60, oneOf(code(1, "completion wait")));
    public static final BitField STORE_DATA = CMD.bits("StoreData", 127, 64, about("what is stored"));

    public static final Layout LAYOUT = CMD.build();

    private CompletionWait() {}

    /** First word of a command that stores; the second is what it stores. */
    public static long storing(long address) {
        return OPCODE.of(AmdViCommand.OP_COMPLETION_WAIT) | STORE_ADDRESS.of(address) | S.mask();
    }
}
