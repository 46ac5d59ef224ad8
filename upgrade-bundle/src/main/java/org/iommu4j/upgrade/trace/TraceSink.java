package org.iommu4j.upgrade.trace;

import java.util.Map;
import org.iommu4j.upgrade.trace.TraceParser.Told;

/** Takes what a trace tells, in order. */
interface TraceSink {
    /** The guest wrote a register. */
    void write(long offset, int sizeBytes, long value);

    /** The guest read a register. */
    void read(long offset, int sizeBytes, long value);

    /**
     * A command was carried out.
     *
     * @param number of the command, from 0
     * @param slot in the ring
     * @param base value of the register that says where the ring is
     * @param told the event; null if it was not traced
     */
    void command(long number, int slot, long base, Told told);

    /**
     * A device asked for a translation.
     *
     * @param told the event of its outcome
     * @param known what caches and walks had for it before, by name
     * @param hit true if a cache had it, false if it came from the tables, null if the trace does not tell
     * @param fault why it was refused; null if it was not, or the event tells
     */
    void translation(Told told, Map<String, Long> known, Boolean hit, String fault);

    /** An entry of the interrupt table was used. */
    void interrupt(Told told);

    /** A fault was recorded. */
    void fault();

    /** The machine is stopped before the next line. */
    void stop();
}
