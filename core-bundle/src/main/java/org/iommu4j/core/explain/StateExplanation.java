package org.iommu4j.core.explain;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.CRC32C;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.Explanation.Line;
import org.iommu4j.core.service.Explanation.Part;

/**
 * Explains a saved state in its documented form: magic "I4JS", form (2 bytes), model (1), name of the kind (1 + n), version
 * of the state (4), number of sections (4), sections (1 + n name, 4 + n content), CRC-32C (4); big endian. What the
 * sections hold is the vendor's own; they stay bytes.
 */
public final class StateExplanation {
    private static final String FORM = "simulation-bundle, package snapshot";
    private static final int MAGIC = 0x49344A53;
    private static final int KNOWN_FORM = 1;
    private static final int SHOWN_BYTES = 32;

    private final ByteBuffer state;
    private final List<Line> lines = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();

    private StateExplanation(byte[] bytes) {
        state = ByteBuffer.wrap(bytes);
    }

    /** True if the bytes begin as a saved state does. */
    static boolean hasMagic(byte[] bytes) {
        return bytes.length >= Integer.BYTES && ByteBuffer.wrap(bytes).getInt() == MAGIC;
    }

    static Explanation of(byte[] bytes) {
        if (!hasMagic(bytes)) {
            return Explanation.problem("a saved state begins with 49344a53 (I4JS), not with "
                    + (bytes.length == 0 ? "nothing" : "these " + Formats.bytes(bytes.length)));
        }
        return new StateExplanation(bytes).explain();
    }

    private Explanation explain() {
        byte[] bytes = state.array();
        number("magic", Integer.BYTES, "I4JS", false);
        if (header() && sections()) {
            checksum(bytes);
        } else {
            notes.add("cut off at byte " + state.position() + " of " + bytes.length);
        }
        return Explanation.of(
                "saved state of " + Formats.bytes(bytes.length),
                List.of(new Part("state", FORM, 0, lines)),
                null,
                notes);
    }

    private boolean header() {
        if (state.remaining() < Short.BYTES + 1) {
            return false;
        }
        int form = Short.toUnsignedInt(state.getShort(state.position()));
        number("form", Short.BYTES, form == KNOWN_FORM ? "version of the form" : "unknown form", form != KNOWN_FORM);
        IommuModel model = IommuModel.ofCode(Byte.toUnsignedInt(state.get(state.position())));
        number("model", 1, model == null ? "no model" : model.label(), model == null);
        if (!text("kind", "whose state it is") || state.remaining() < 2 * Integer.BYTES) {
            return false;
        }
        number("version", Integer.BYTES, "version of the state, the model's own", false);
        return true;
    }

    private boolean sections() {
        long count = Integer.toUnsignedLong(state.getInt(state.position()));
        number("sections", Integer.BYTES, "number of sections", false);
        for (long i = 0; i < count; i++) {
            if (!section()) {
                return false;
            }
        }
        return true;
    }

    private boolean section() {
        int at = state.position();
        if (state.remaining() < 1) {
            return false;
        }
        int nameLength = Byte.toUnsignedInt(state.get(at));
        if (state.remaining() < 1 + nameLength + Integer.BYTES) {
            return false;
        }
        String name = printable(at + 1, nameLength);
        long length = Integer.toUnsignedLong(state.getInt(at + 1 + nameLength));
        int content = at + 1 + nameLength + Integer.BYTES;
        if (length > state.limit() - content) {
            notes.add("section " + name + " at byte " + at + " claims " + Formats.bytes(length));
            return false;
        }
        int printed = (int) Math.min(length, SHOWN_BYTES);
        state.position(content + (int) length);
        lines.add(new Line(
                "section " + name,
                range(content, (int) length),
                content,
                HexFormat.of().formatHex(state.array(), content, content + printed) + (printed < length ? "..." : ""),
                Formats.bytes(length) + " of the model's own",
                nameLength == 0));
        return true;
    }

    private void checksum(byte[] bytes) {
        if (state.remaining() < Integer.BYTES) {
            notes.add("the checksum is cut off");
            return;
        }
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, state.position());
        boolean equal = (int) crc.getValue() == state.getInt(state.position());
        number(
                "checksum",
                Integer.BYTES,
                equal ? "CRC-32C of all bytes before: correct" : "CRC-32C should be " + Formats.hex(crc.getValue()),
                !equal);
        if (state.hasRemaining()) {
            notes.add("behind the state there are " + Formats.bytes(state.remaining()) + " more");
        }
    }

    /** Reads a number that is there. */
    private void number(String field, int size, String meaning, boolean wrong) {
        int at = state.position();
        long value = 0;
        for (int i = 0; i < size; i++) {
            value = value << Byte.SIZE | Byte.toUnsignedLong(state.get());
        }
        lines.add(new Line(field, range(at, size), at, Formats.hex(value), meaning, wrong));
    }

    private boolean text(String field, String meaning) {
        int at = state.position();
        int length = state.remaining() < 1 ? 0 : Byte.toUnsignedInt(state.get(at));
        if (state.remaining() < 1 + length) {
            return false;
        }
        state.position(at + 1 + length);
        lines.add(new Line(field, range(at, 1 + length), at, printable(at + 1, length), meaning, false));
        return true;
    }

    private String printable(int at, int length) {
        return new String(state.array(), at, length, StandardCharsets.UTF_8).replaceAll("\\p{Cntrl}", "?");
    }

    private static String range(int at, int size) {
        return size == 0 ? "at byte " + at : "bytes " + at + "-" + (at + size - 1);
    }
}
