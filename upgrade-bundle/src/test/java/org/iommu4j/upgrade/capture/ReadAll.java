package org.iommu4j.upgrade.capture;

import java.nio.file.Path;
import java.util.List;
import org.iommu4j.simulation.memory.SparseMemory;
import org.iommu4j.upgrade.Formats;

/** Reads everything that a capture has. */
final class ReadAll {
    private ReadAll() {}

    /** Reads it; returns how many mappings there are. */
    static int of(Path directory) {
        Capture capture = Capture.open(directory, Formats.ALL);
        CaptureScan scan = CaptureScan.of(capture);
        capture.frozen().loadPages(new SparseMemory(List.of()), 1);
        int count = 0;
        try (FrozenImage.Walks walks = capture.frozen().walks(scan)) {
            while (walks.next() != null) {
                count++;
            }
        }
        return count;
    }
}
