package org.iommu4j.core.service;

import java.util.List;
import org.iommu4j.contract.IommuModel;

/**
 * A backend and its state, or a vendor's bundle that brings none.
 *
 * @param id number of the backend, unique in the core's life; 0 for a bundle that brings none
 * @param model the model that it serves; null if it failed to say
 * @param name for people
 * @param version of its bundle
 * @param state where it is in its life
 * @param subVersions the generations that it serves
 * @param stateWritten version of the state that it writes
 * @param stateOldestRead oldest version of the state that it reads
 * @param reason why it failed; empty if it did not
 * @param contained exceptions of its code that the core contained, refusals not counted
 */
public record BackendStatus(
        int id,
        IommuModel model,
        String name,
        String version,
        State state,
        List<Integer> subVersions,
        int stateWritten,
        int stateOldestRead,
        String reason,
        long contained) {
    /** The states of a backend. */
    public enum State {
        /** Present; not yet looked at. */
        INSTALLED,
        /** Usable, but another one serves. */
        STANDBY,
        /** Serves its model. */
        ACTIVE,
        /** Finishes its last requests. */
        DRAINING,
        /** Gone. */
        RETIRED,
        /** Refused or broke; another one serves. */
        FAILED
    }

    /** Copies the list. */
    public BackendStatus {
        subVersions = List.copyOf(subVersions);
    }

    /** A backend of which no exception was contained. */
    public BackendStatus(
            int id,
            IommuModel model,
            String name,
            String version,
            State state,
            List<Integer> subVersions,
            int stateWritten,
            int stateOldestRead,
            String reason) {
        this(id, model, name, version, state, subVersions, stateWritten, stateOldestRead, reason, 0);
    }
}
