package org.iommu4j.s390.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;

/**
 * The instructions that a driver issues, as they are shown and explained: the instruction, left aligned in 64 bits, then its
 * registers, then the block that it was given; all big endian.
 */
public enum ZpciCommand implements CommandFormat {
    /** Refresh PCI translations: R1, start, length. */
    RPCIT(0xB9D3, rpcit()),
    /** Modify PCI function controls: R1, FIB. */
    MPCIFC(0xE3D0, mpcifc()),
    /** Call logical processor: the request. */
    CLP(0xB9A0, clp());

    /** Bytes of a shown register or instruction. */
    public static final int WORD_BYTES = Long.BYTES;

    /** RPCIT R2,R4. */
    public static final long RPCIT_TEXT = 0xB9D3_0024_0000_0000L;

    /** MPCIFC R2,0x40(R5). */
    public static final long MPCIFC_TEXT = 0xE320_5040_00D0_0000L;

    /** CLP 0,R2 for the PCI processor. */
    public static final long CLP_TEXT = 0xB9A0_2002_0000_0000L;

    private final int opcode;
    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    ZpciCommand(int opcode, Layout layout) {
        this.opcode = opcode;
        this.layout = layout;
    }

    @Override
    public int opcode() {
        return opcode;
    }

    @Override
    public Layout layout() {
        return layout;
    }

    private static Layout.Builder rre(String name, int words, int opcode, String mnemonic) {
        Layout.Builder command =
                Layout.named(name).size(words * Long.SIZE).bigEndian().msb0().spec("zPCI, docs/spec/s390-zpci.md 2.1");
        command.bits("opcode", 0, 15, oneOf(code(opcode, mnemonic)));
        return command;
    }

    private static Layout rpcit() {
        Layout.Builder command = rre("rpcit", 4, 0xB9D3, "RPCIT");
        command.bits("r1", 24, 27, about("register of handle and status"));
        command.bits("r2", 28, 31, about("register of the start, even; the length is in the next"));
        command.bits("handle", 64, 95, about("function handle"));
        command.bits("status", 96, 103, about("comes back with condition code 1"));
        command.bits("start", 128, 191, about("first address"));
        command.bits("length", 192, 255, about("bytes"));
        return command.build();
    }

    private static Layout mpcifc() {
        Layout.Builder command =
                Layout.named("mpcifc").size(12 * Long.SIZE).bigEndian().msb0().spec("zPCI, docs/spec/s390-zpci.md 2.1");
        command.bits("opcode", 0, 7, oneOf(code(0xE3, "RXY")));
        command.bits("r1", 8, 11, about("register of request and status"));
        command.bits("x2", 12, 15, about("index register"));
        command.bits("b2", 16, 19, about("base register"));
        command.bits("dl2", 20, 31, about("displacement, low"));
        command.bits("dh2", 32, 39, about("displacement, high"));
        command.bits("opcode2", 40, 47, oneOf(code(0xD0, "MPCIFC")));
        command.bits("handle", 64, 95, about("function handle"));
        command.bits("dmaas", 104, 111, about("DMA address space"));
        command.bits("oc", 120, 127, oneOf(FunctionControl.CODES.toArray(new org.iommu4j.layout.Code[0])));
        append(command, 2 * Long.SIZE, Fib.LAYOUT);
        return command.build();
    }

    private static Layout clp() {
        Layout.Builder command = rre("clp", 5, 0xB9A0, "CLP");
        command.bits("lps", 16, 19, oneOf(code(2, "PCI")));
        command.bits("r1", 24, 27, about("unused"));
        command.bits("r2", 28, 31, about("register of the block"));
        append(command, Long.SIZE, Clp.Request.LAYOUT);
        return command.build();
    }

    /** Adds the fields of a block that begins at a bit of the command. */
    private static void append(Layout.Builder command, int begin, Layout block) {
        for (BitField field : block.fields()) {
            int first = begin + field.word() * Long.SIZE + Long.SIZE - field.shift() - field.width();
            command.bits(field.name(), first, first + field.width() - 1, about(field.about()));
        }
    }
}
