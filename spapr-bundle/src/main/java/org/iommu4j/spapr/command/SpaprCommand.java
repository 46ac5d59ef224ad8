package org.iommu4j.spapr.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.spapr.command.SpaprRegisters.DmaReadSync;
import org.iommu4j.spapr.command.SpaprRegisters.TceKill;

/**
 * Native commands of the driver: the TCE hypercalls as the registers R3, R4 and so on of the caller, one 64-bit word each, and
 * stores to the kill and sync registers.
 */
public enum SpaprCommand implements CommandFormat {
    /** Reads an entry. */
    H_GET_TCE(SpaprCall.H_GET_TCE, "LIOBN", "IOBA"),
    /** Stores an entry. */
    H_PUT_TCE(SpaprCall.H_PUT_TCE, "LIOBN", "IOBA", "TCE"),
    /** Stores a value in many entries. */
    H_STUFF_TCE(SpaprCall.H_STUFF_TCE, "LIOBN", "IOBA", "TCE", "count"),
    /** Stores a page of entries. */
    H_PUT_TCE_INDIRECT(SpaprCall.H_PUT_TCE_INDIRECT, "LIOBN", "IOBA", "list", "count"),
    /** A store to the TCE Kill register: its 8 bytes. */
    TCE_KILL(TceKill.REGISTER.layout(), TceKill.REGISTER.offset(), SpaprGeneration.IODA2),
    /** A store to the DMA read sync register: its offset and its 8 bytes. */
    DMA_READ_SYNC(syncLayout(), DmaReadSync.REGISTER.offset(), SpaprGeneration.IODA3);

    private final int function;
    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    private final int since;

    SpaprCommand(Layout layout, int offset, int since) {
        function = offset;
        this.layout = layout;
        this.since = since;
    }

    SpaprCommand(int function, String... arguments) {
        this.function = function;
        Layout.Builder words = Layout.named(name())
                .size((1 + arguments.length) * Long.SIZE)
                .bigEndian()
                .msb0()
                .spec("PAPR, TCE hypercalls; docs/spec/spapr-tce.md 2.1");
        words.bits("R3", 0, 63, oneOf(code(function, name())));
        for (int i = 0; i < arguments.length; i++) {
            words.bits(arguments[i], (i + 1) * Long.SIZE, (i + 2) * Long.SIZE - 1, about("R" + (4 + i)));
        }
        layout = words.build();
        since = function == SpaprCall.H_STUFF_TCE || function == SpaprCall.H_PUT_TCE_INDIRECT
                ? SpaprGeneration.TCE_V1_MULTI
                : 0;
    }

    private static Layout syncLayout() {
        Layout.Builder store = Layout.named("DMA_READ_SYNC")
                .size(128)
                .bigEndian()
                .msb0()
                .spec("IODA3, DMA read sync; docs/spec/spapr-tce.md 2.3");
        store.bits("offset", 0, 63, oneOf(code(DmaReadSync.REGISTER.offset(), "DMARD_SYNC")));
        store.bit("START", 64, about("starts a sync"));
        return store.build();
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
        return since;
    }

    /** Words of the command, the function's number included. */
    public int words() {
        return layout.words();
    }

    /** The hypercall of that number, or null. */
    public static SpaprCommand of(int function) {
        for (SpaprCommand command : values()) {
            if (command.function == function && command.since < SpaprGeneration.IODA2) {
                return command;
            }
        }
        return null;
    }
}
