package org.iommu4j.backend.log;

import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;

/**
 * A value in a line of a log, and where it belongs. A group that takes no part in a match says nothing about its field.
 *
 * @param group name of the group of the pattern; empty for what every such line says
 * @param reading how the text of the group is read
 * @param place the bits that it stands for; null for the whole of a register, and where there is no structure
 * @param lowest the value's lowest bit that goes there; bits above and below the place are left out
 * @param codes the texts that there are, or what numbers mean; for {@link Reading#CONSTANT} the one value
 */
public record LogValue(String group, Reading reading, BitField place, int lowest, List<Code> codes) {
    /** How a text is read. */
    public enum Reading {
        /** Hexadecimal digits, with 0x before them or not. */
        HEX,
        /** A decimal number, which may be negative, or hexadecimal digits with 0x before them. */
        NUMBER,
        /** A PCI function, as {@code 0000:00:1f.2}: bits 15:0 its requester id, bits 31:16 its segment. */
        REQUESTER,
        /** The number of the code that has this text. */
        NAME,
        /** The value of the one code, whatever the line says. */
        CONSTANT
    }

    /** Copies the codes. */
    public LogValue {
        codes = List.copyOf(codes);
    }

    /** Hexadecimal digits of a field. */
    public static LogValue hex(String group, BitField place) {
        return new LogValue(group, Reading.HEX, place, 0, List.of());
    }

    /** Hexadecimal digits of a field that holds only a part of the value. */
    public static LogValue hex(String group, BitField place, int lowest) {
        return new LogValue(group, Reading.HEX, place, lowest, List.of());
    }

    /** The whole value of a register in hexadecimal digits. */
    public static LogValue hex(String group) {
        return hex(group, null);
    }

    /** Hexadecimal digits of a whole word of 64 bits of a structure; words are counted from 0. */
    public static LogValue word(String group, int index) {
        return hex(group, new BitField("word", index, 0, Long.SIZE, false, List.of(), 0, "", ""));
    }

    /** A number of a field. */
    public static LogValue number(String group, BitField place) {
        return new LogValue(group, Reading.NUMBER, place, 0, List.of());
    }

    /** A number that stands for itself, and what some of them mean. */
    public static LogValue number(String group, List<Code> codes) {
        return new LogValue(group, Reading.NUMBER, null, 0, codes);
    }

    /** The device that a field names. */
    public static LogValue requester(String group, BitField place) {
        return new LogValue(group, Reading.REQUESTER, place, 0, List.of());
    }

    /** One of several texts. */
    public static LogValue name(String group, BitField place, Code... codes) {
        return new LogValue(group, Reading.NAME, place, 0, List.of(codes));
    }

    /** A field that has the same value in every such line. */
    public static LogValue constant(BitField place, long value) {
        return new LogValue("", Reading.CONSTANT, place, 0, List.of(new Code(value, "")));
    }
}
