package org.iommu4j.core.service;

import java.util.List;
import org.iommu4j.contract.IommuModel;

/**
 * What clients of each generation agree on with chips of each generation.
 *
 * @param model the model
 * @param backend name and version of the backend that serves
 * @param clients the generations that a client can have, oldest first: those of the chips, and those that shims read
 * @param chips the generations that a chip can have, oldest first
 * @param cells an agreement for each client with each chip, client by client
 */
public record NegotiationTable(
        IommuModel model, String backend, List<Integer> clients, List<Integer> chips, List<Agreement> cells) {
    /** Copies the lists. */
    public NegotiationTable {
        clients = List.copyOf(clients);
        chips = List.copyOf(chips);
        cells = List.copyOf(cells);
        if (cells.size() != clients.size() * chips.size()) {
            throw new IllegalArgumentException(
                    cells.size() + " cells for " + clients.size() + " clients and " + chips.size() + " chips");
        }
    }

    /**
     * The agreement of a client with a chip.
     *
     * @param client index of {@link #clients}
     * @param chip index of {@link #chips}
     */
    public Agreement cell(int client, int chip) {
        return cells.get(client * chips.size() + chip);
    }
}
