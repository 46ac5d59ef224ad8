package org.iommu4j.testbench.run;

import java.util.List;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.core.hint.ExplainHints;

/** Command lines that decode memory which is not as expected: all of it if a structure has that size, else the word that differs. */
final class MemoryHints {
    private MemoryHints() {}

    /**
     * Of what was read, then of what was expected.
     *
     * @param mask bits that were compared, or null for all
     */
    static List<String> of(Machine machine, long pa, byte[] read, byte[] expected, byte[] mask) {
        if (read.length > Long.BYTES) {
            List<String> whole = structures(machine, read, expected);
            if (!whole.isEmpty()) {
                return whole;
            }
        }
        int at = 0;
        while (at < read.length - 1 && ((read[at] ^ expected[at]) & (mask == null ? -1 : mask[at])) == 0) {
            at++;
        }
        long word = (pa + at) & -Long.BYTES;
        byte[] got = new byte[Long.BYTES];
        try {
            machine.memory().read(word, got, 0, got.length);
        } catch (BusErrorException e) {
            // Memory ends in the middle of a word: no structure is there.
            return List.of();
        }
        byte[] wanted = got.clone();
        for (int i = 0; i < wanted.length; i++) {
            long index = word + i - pa;
            if (index >= 0 && index < expected.length) {
                wanted[i] = expected[(int) index];
            }
        }
        return structures(machine, got, wanted);
    }

    private static List<String> structures(Machine machine, byte[] got, byte[] wanted) {
        ExplainHints hints = machine.hints();
        return ExplainHints.list(hints.structure("", got), hints.structure("", wanted));
    }
}
