package org.iommu4j.s390.command;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;
import org.iommu4j.layout.Layout;

/** Meanings of values that no layout lists, for explanations. */
public final class ZpciMeanings {
    private ZpciMeanings() {}

    /** The meaning of a field's value; empty if there is nothing to add to the layout. */
    public static String of(Layout layout, BitField field, long... words) {
        long value = field.get(words[field.word()]);
        if (field.name().equals(ErrorRecord.PEC.name())) {
            EventCode event = EventCode.of((int) value);
            return event == null ? "no known event" : event.name() + ": " + event.text();
        }
        if (layout.equals(RequestRegister.LAYOUT) && field.equals(RequestRegister.OPERATION)) {
            return meaning(FunctionControl.CODES, value);
        }
        if (field.name().equals(RequestRegister.STATUS.name()) && value != 0) {
            return meaning(Status.CODES, value);
        }
        boolean handle = field.name().equals("handle")
                || field.name().equals("fh")
                || field.name().equals("requester");
        if (handle && field.width() == Integer.SIZE) {
            return handle((int) value);
        }
        return "";
    }

    private static String handle(int handle) {
        return "function " + FunctionHandle.indexOf(handle) + ", life "
                + FunctionHandle.INSTANCE.get(Integer.toUnsignedLong(handle))
                + (FunctionHandle.isEnabled(handle) ? ", enabled" : ", disabled");
    }

    private static String meaning(Iterable<Code> codes, long value) {
        for (Code code : codes) {
            if (code.value() == value) {
                return code.meaning();
            }
        }
        return "";
    }
}
