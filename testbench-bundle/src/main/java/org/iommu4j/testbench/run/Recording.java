package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.iommu4j.backend.PhysicalMemory;

/** Writes to memory, so that they can be repeated; bounded. */
final class Recording {
    private static final int MOST_BYTES = 16 << 20;
    private static final int MOST_WRITES = 1 << 18;

    private final List<Piece> pieces = new ArrayList<>();
    private long bytes;
    private boolean full;

    private record Piece(long pa, byte[] bytes) {}

    void add(long pa, byte[] source, int offset, int length) {
        full |= bytes + length > MOST_BYTES || pieces.size() == MOST_WRITES;
        if (!full) {
            pieces.add(new Piece(pa, Arrays.copyOfRange(source, offset, offset + length)));
            bytes += length;
        }
    }

    /**
     * Writes it again.
     *
     * @throws Step.StepFailure if not everything was kept
     */
    void replay(PhysicalMemory memory) {
        if (full) {
            throw new Step.StepFailure("too much memory was written before the first step of the contract (more than "
                    + MOST_BYTES + " bytes or " + MOST_WRITES + " writes)");
        }
        for (Piece piece : pieces) {
            memory.write(piece.pa, piece.bytes, 0, piece.bytes.length);
        }
    }
}
