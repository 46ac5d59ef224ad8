package org.iommu4j.simulation.sanitizer;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.Finding;

/** A command that was carried out, and what it had to drop. */
final class Invalidation {
    final long at;
    final List<ShadowEntry> due = new ArrayList<>();
    private long dueCount;
    private String name = "";
    private long word0;
    private long word1;
    private long dropped;
    private long completedAt = -1;
    private boolean concernsChip;

    Invalidation(long at) {
        this.at = at;
    }

    void concerns(CachedKind kind) {
        concernsChip |= kind != CachedKind.DEVICE;
    }

    /** True unless it is for devices alone, whose own requests for translations a capture does not tell. */
    boolean concernsChip() {
        return concernsChip;
    }

    void carriedOut(String commandName, long firstWord, long secondWord, long droppedByChip) {
        name = commandName;
        word0 = firstWord;
        word1 = secondWord;
        dropped = droppedByChip;
        dueCount = due.size();
    }

    /** Its completion is known; what it had to drop is not needed any more. */
    void completed(long time) {
        completedAt = time;
        due.clear();
    }

    Finding.Command describe() {
        return new Finding.Command(at, completedAt, name, word0, word1, dueCount, dropped);
    }
}
