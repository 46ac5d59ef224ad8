package org.iommu4j.backend.capture;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;

/**
 * What the events of an emulator's own trace mean, of which a capture can be made.
 *
 * @param prefixes begins of the names of the emulator's events of this architecture
 * @param events those that tell something; several of one name for what different versions write
 * @param passed names of those that tell nothing which a capture has
 * @param ring the command ring; null if the architecture has none
 * @param assumed registers that the trace does not tell, by name, with the values of the emulator's default device
 */
public record TraceFormat(
        List<String> prefixes, List<TraceEvent> events, Set<String> passed, Ring ring, Map<String, Long> assumed) {
    /** A model whose traces are not read. */
    public static final TraceFormat NONE = new TraceFormat(List.of(), List.of(), Set.of(), null, Map.of());

    /** Copies the collections. */
    public TraceFormat {
        prefixes = List.copyOf(prefixes);
        events = List.copyOf(events);
        passed = Set.copyOf(passed);
        assumed = Map.copyOf(assumed);
    }

    /**
     * The size of a command ring, and where its slots are counted.
     *
     * @param logSize field of the base register: log2 of the size
     * @param unitBytes what that size counts: bytes of an entry, or of a page
     * @param entryBytes size of an entry
     * @param wide flag of the base register that doubles it; null if there is none
     * @param tail register that the guest writes for new entries, if the trace tells no slots: they are counted from 0 when the base
     *     is written, and those between the count and the tail were not traced. Null if it tells them
     * @param untraced name of the kind of command that some versions do not trace; empty if they trace all
     */
    public record Ring(BitField logSize, int unitBytes, int entryBytes, BitField wide, Register tail, String untraced) {
        /** Size of an entry. */
        public int entryBytes(long base) {
            return wide != null && wide.isSet(base) ? 2 * entryBytes : entryBytes;
        }

        /** Number of entries. */
        public int entries(long base) {
            return (int) (((long) unitBytes << logSize.get(base)) / entryBytes(base));
        }
    }
}
