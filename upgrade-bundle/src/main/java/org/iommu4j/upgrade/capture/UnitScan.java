package org.iommu4j.upgrade.capture;

import java.util.List;
import java.util.Map;

/**
 * The facts that a replay needs of one unit before it begins.
 *
 * @param subVersion generation of the chip that the guest drove
 * @param about name of the generation for people
 * @param capabilities registers that say what the chip can do
 * @param fields capability fields by group and name, where no register says what the chip can do
 * @param options choices of the chip, by name
 * @param edits of structures, by the time of the record before which they are made
 * @param tablesUnknown true if devices were translated by tables in the guest's memory of which the capture has no read
 * @param domains by device the address space in which it was when the machine was stopped, as its translations name it
 */
public record UnitScan(
        int subVersion,
        String about,
        Map<String, Long> capabilities,
        Map<String, Map<String, Long>> fields,
        Map<String, String> options,
        List<Edit> edits,
        boolean tablesUnknown,
        Map<Integer, String> domains) {
    /** Copies the collections. */
    public UnitScan {
        capabilities = Map.copyOf(capabilities);
        fields = Map.copyOf(fields);
        options = Map.copyOf(options);
        edits = List.copyOf(edits);
        domains = Map.copyOf(domains);
    }

    /**
     * Words that the guest wrote to a structure.
     *
     * @param before time of the record before which they must stand in memory
     * @param pa where
     * @param words what
     */
    public record Edit(long before, long pa, List<Long> words) {
        /** Copies the list. */
        public Edit {
            words = List.copyOf(words);
        }
    }
}
