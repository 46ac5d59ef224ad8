package org.iommu4j.backend;

import java.util.List;
import org.iommu4j.contract.IommuModel;

/**
 * A backend's model, version, generations and versions of saved state.
 *
 * @param model the model that it serves
 * @param name for people
 * @param version of the bundle, as {@code major.minor.micro}
 * @param generations what it can translate for and simulate, oldest first
 * @param stateWritten version of the state that {@code save} writes
 * @param stateOldestRead oldest version of state that it can restore; the newest is {@code stateWritten}
 */
public record BackendDescription(
        IommuModel model,
        String name,
        String version,
        List<Generation> generations,
        int stateWritten,
        int stateOldestRead) {

    /** Copies the list. */
    public BackendDescription {
        generations = List.copyOf(generations);
    }

    /** The generation of that number, or null. */
    public Generation generation(int subVersion) {
        for (Generation generation : generations) {
            if (generation.subVersion() == subVersion) {
                return generation;
            }
        }
        return null;
    }
}
