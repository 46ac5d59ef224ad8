package org.iommu4j.simulation.sanitizer;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.LongPredicate;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** A command that was carried out, and the entries that it had to drop. */
final class Invalidation {
    final long at;
    final List<ShadowEntry> due = new ArrayList<>();
    private final Finding.Place place;
    private long dueCount;
    private String name = "";
    private Layout format;
    private long word0;
    private long word1;
    private long dropped;
    private long completedAt = -1;
    private boolean concernsChip;
    private boolean demanded;

    /** Tags whose entries stay. */
    private LongPredicate spared = tag -> false;

    Invalidation(long at, Finding.Place place) {
        this.at = at;
        this.place = place;
    }

    void spares(LongPredicate tags) {
        spared = tags;
    }

    /** True if entries of a tag stay, although the command drops entries of any. */
    boolean isSpared(long tag) {
        return spared.test(tag);
    }

    void concerns(CachedKind kind) {
        concernsChip |= kind != CachedKind.DEVICE;
    }

    /** False for a command to devices alone: a capture does not hold their own translation requests. */
    boolean concernsChip() {
        return concernsChip;
    }

    /** True if the architecture demands the command, whatever there is to drop. */
    void isDemanded() {
        demanded = true;
    }

    boolean demanded() {
        return demanded;
    }

    void carriedOut(String commandName, long firstWord, long secondWord, long droppedByChip, InvalidationRules rules) {
        name = commandName;
        format = rules.format(commandName);
        word0 = firstWord;
        word1 = secondWord;
        dropped = droppedByChip;
        dueCount = due.size();
    }

    /** The completion has been seen: the list of entries that had to be dropped is not needed any more. */
    void completed(long time) {
        completedAt = time;
        due.clear();
    }

    Finding.Command describe() {
        return new Finding.Command(at, completedAt, name, word0, word1, dueCount, dropped, decoded(), bytes(), place);
    }

    /** The command and its place in the input, for messages. */
    String text() {
        return decoded() + " at " + place;
    }

    private long[] words() {
        return format.words() == 1 ? new long[] {word0} : new long[] {word0, word1};
    }

    private String bytes() {
        return format == null ? "" : HexFormat.of().formatHex(format.encode(words()));
    }

    /** The name with the fields that are set; a field of which one value alone is legal belongs to the name. */
    private String decoded() {
        StringBuilder text = new StringBuilder(name);
        if (format == null) {
            return text.append(' ')
                    .append(hex(word0))
                    .append(word1 == 0 ? "" : " " + hex(word1))
                    .toString();
        }
        for (BitField field : format.fields()) {
            long value = field.get(words());
            if (value != 0 && field.codes().size() != 1) {
                text.append(' ').append(field.name()).append('=').append(hex(value));
            }
        }
        return text.toString();
    }

    private static String hex(long value) {
        return value >= 0 && value < 10 ? Long.toString(value) : "0x" + Long.toHexString(value);
    }
}
