package org.iommu4j.spapr.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;

/** The TCE hypercalls as the registers R3, R4 and so on of the caller, one 64-bit word each: native commands of the driver. */
public enum SpaprCommand implements CommandFormat {
    /** Reads an entry. */
    H_GET_TCE(SpaprCall.H_GET_TCE, "LIOBN", "IOBA"),
    /** Stores an entry. */
    H_PUT_TCE(SpaprCall.H_PUT_TCE, "LIOBN", "IOBA", "TCE"),
    /** Stores a value in many entries. */
    H_STUFF_TCE(SpaprCall.H_STUFF_TCE, "LIOBN", "IOBA", "TCE", "count"),
    /** Stores a page of entries. */
    H_PUT_TCE_INDIRECT(SpaprCall.H_PUT_TCE_INDIRECT, "LIOBN", "IOBA", "list", "count");

    private final int function;
    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    SpaprCommand(int function, String... arguments) {
        this.function = function;
        Layout.Builder words = Layout.named(name())
                .size((1 + arguments.length) * Long.SIZE)
                .bigEndian()
                .msb0()
                .spec("PAPR, TCE hypercalls; sheet 2.1");
        words.bits("R3", 0, 63, oneOf(code(function, name())));
        for (int i = 0; i < arguments.length; i++) {
            words.bits(
                    arguments[i], (i + 1) * Long.SIZE, (i + 2) * Long.SIZE - 1, about("R" + (4 + i)));
        }
        layout = words.build();
    }

    @Override
    public int opcode() {
        return function;
    }

    @Override
    public Layout layout() {
        return layout;
    }

    @Override
    public int since() {
        return function == SpaprCall.H_STUFF_TCE || function == SpaprCall.H_PUT_TCE_INDIRECT
                ? SpaprGeneration.TCE_V1_MULTI
                : 0;
    }

    /** Words of the command, the function's number included. */
    public int words() {
        return layout.words();
    }

    /** The command of that number, or null. */
    public static SpaprCommand of(int function) {
        for (SpaprCommand command : values()) {
            if (command.function == function) {
                return command;
            }
        }
        return null;
    }
}
