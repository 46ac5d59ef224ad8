package org.iommu4j.arm.command;

import java.util.List;
import org.iommu4j.arm.command.SmmuRegisters.Idr0;
import org.iommu4j.arm.command.SmmuRegisters.Idr1;
import org.iommu4j.arm.command.SmmuRegisters.Idr5;
import org.iommu4j.backend.Requester;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Meanings of values that no layout lists, for explanations. */
public final class SmmuMeanings {
    /** IDR0.TTF, IHI 0070 6.3.1. */
    private static final List<String> TABLES =
            List.of("none", "AArch32 tables", "AArch64 tables", "AArch32 and AArch64 tables");

    /** IDR0.HTTU. */
    private static final List<String> FLAGS =
            List.of("hardware sets no flags", "hardware sets the access flag", "hardware sets access and dirty flags");

    /** IDR0.STALL_MODEL. */
    private static final List<String> STALLS =
            List.of("faults stall or end", "faults never stall", "faults always stall");

    private SmmuMeanings() {}

    /** The meaning of a field's value; empty if there is nothing to add to the layout. */
    public static String of(Layout layout, BitField field, long... words) {
        int value = field.getInt(words[field.word()]);
        if (field.name().equals(CommandFields.SID.name()) || field.equals(BindPageTable.REQUESTER)) {
            return "StreamID, as a PCI function " + Requester.text(value);
        }
        if (layout.equals(Idr0.REGISTER.layout())) {
            return features(field, value);
        }
        if (layout.equals(Idr1.REGISTER.layout())) {
            return sizes(field, value);
        }
        return layout.equals(Idr5.REGISTER.layout()) && field.equals(Idr5.OAS)
                ? "output addresses of " + SmmuCapabilities.sizeOf(value) + " bits"
                : "";
    }

    private static String features(BitField field, int value) {
        if (field.equals(Idr0.TTF)) {
            return TABLES.get(value);
        }
        if (field.equals(Idr0.HTTU) && value < FLAGS.size()) {
            return FLAGS.get(value);
        }
        if (field.equals(Idr0.STALL_MODEL) && value < STALLS.size()) {
            return STALLS.get(value);
        }
        return field.equals(Idr0.ST_LEVEL) ? (value == 0 ? "linear" : "linear and two-level") + " stream tables" : "";
    }

    private static String sizes(BitField field, int value) {
        if (field.equals(Idr1.SIDSIZE)) {
            return "StreamIDs of " + value + " bits";
        }
        if (field.equals(Idr1.SSIDSIZE)) {
            return value == 0 ? "no SubstreamIDs" : "SubstreamIDs of " + value + " bits";
        }
        String entries = "at most " + (1L << value) + " ";
        if (field.equals(Idr1.CMDQS)) {
            return entries + "commands in the queue";
        }
        if (field.equals(Idr1.EVENTQS)) {
            return entries + "events in the queue";
        }
        return field.equals(Idr1.PRIQS) ? entries + "page requests in the queue" : "";
    }
}
