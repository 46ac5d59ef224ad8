package org.iommu4j.backend.capture;

import java.util.Map;
import java.util.regex.Pattern;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * An event of an emulator's own trace. The named groups of its text are its numbers, by these names:
 *
 * <ul>
 *   <li>{@code off}, {@code size}, {@code val}: a register's offset, size in bytes and value
 *   <li>{@code index}: a slot of the command ring, or an interrupt entry; {@code head}: a slot, as an offset in bytes
 *   <li>{@code q0}, {@code q1}: words of a command or an interrupt entry; {@code opcode}: the name of a command
 *   <li>{@code dev}: the requester; or {@code bus}, {@code device}, {@code function}
 *   <li>{@code iova}, {@code pa}, {@code mask} or {@code mib}, {@code perm}, {@code write}, {@code fault}: a translation, with the size
 *       of its page less one or in MiB, the rights (1 read, 2 write, 3 both), 1 if it was a write, the code if it was refused
 *   <li>{@code leaf} and the format's own names of address spaces: what a cache or a walk had for a translation
 * </ul>
 *
 * <p>Numbers with 0x are hexadecimal; so are {@code bus}, {@code device}, {@code function} and registers without it; others are
 * decimal.
 *
 * @param name of the event; empty for a line of another program, such as the guest's kernel, that holds the text
 * @param kind what it tells
 * @param text of the event
 * @param word depends on the kind: the name of a command, the reason of a refusal; else empty
 * @param command of {@link Kind#COMMAND}: what its bytes are made of; null if they are its words, or not known
 */
public record TraceEvent(String name, Kind kind, Pattern text, String word, Made command) {
    /** Subject of an event. */
    public enum Kind {
        /** The guest writes a register. */
        WRITE,
        /** The guest has read a register. */
        READ,
        /** The slot of the command that follows. */
        SLOT,
        /** A command is carried out. */
        COMMAND,
        /** A cache has an entry for the translation that follows. */
        HIT,
        /** The translation that follows comes from the tables. */
        MISS,
        /** The translation that follows is refused, or this one is if it names the device. */
        REFUSAL,
        /** A translation. */
        TRANSLATION,
        /** An access passes untranslated. */
        PASS,
        /** An entry of the interrupt table is used. */
        INTERRUPT,
        /** A fault is recorded. */
        FAULT,
        /** Values of registers that say what the chip can do; the groups have their names. */
        REGISTERS
    }

    /**
     * Bytes of a command that the trace tells by its operands.
     *
     * @param layout of the command
     * @param operands fields by the name of the group that holds the value
     * @param others fields that are the same in every such command, or that the trace does not tell, with what is assumed
     */
    public record Made(Layout layout, Map<String, BitField> operands, Map<BitField, Long> others) {
        /** Copies the maps. */
        public Made {
            operands = Map.copyOf(operands);
            others = Map.copyOf(others);
        }
    }

    /** An event whose text is all that it tells. */
    public static TraceEvent of(String name, Kind kind, String text) {
        return new TraceEvent(name, kind, Pattern.compile(text), "", null);
    }

    /** An event that stands for a word. */
    public static TraceEvent of(String name, Kind kind, String text, String word) {
        return new TraceEvent(name, kind, Pattern.compile(text), word, null);
    }

    /** A command that its operands tell. */
    public static TraceEvent ofCommand(String name, String text, String command, Made made) {
        return new TraceEvent(name, Kind.COMMAND, Pattern.compile(text), command, made);
    }
}
