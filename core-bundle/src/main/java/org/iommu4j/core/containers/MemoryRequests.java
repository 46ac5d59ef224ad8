package org.iommu4j.core.containers;

import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.gate.Gate;

/**
 * Maps and unmaps of a container: checks them against the book of its memory (V41 to V49) and has the driver carry them out, in
 * pieces, between which others may come in. Everything here runs inside the unit's gate.
 */
final class MemoryRequests {
    /** Answer of {@link #begin} and {@link #goOn} for a request that goes on in another stay. */
    static final int UNFINISHED = 1;

    private final CoreContainer container;
    private final CoreUnit unit;
    private final Gate<Chip> gate;
    private final MemoryMap memory;

    MemoryRequests(CoreContainer container, CoreUnit unit, Gate<Chip> gate, MemoryMap memory) {
        this.container = container;
        this.unit = unit;
        this.gate = gate;
        this.memory = memory;
    }

    /** Checks a request that was read and begins it; 0, a negative errno or {@link #UNFINISHED}. */
    int begin(Chip chip, int operation, RequestReader reader, Completion completion) {
        MemoryMapSupport support = chip.translator().memoryMap();
        if (!support.isThere()) {
            return refuse(operation, completion);
        }
        if (memory.unfinished() != null) {
            return completion.fail(Errno.EBUSY, "another map or unmap of the container is under way");
        }
        int refused = operation == Uapi.VFIO_IOMMU_MAP_DMA
                ? checkMap(support, reader, completion)
                : checkUnmap(reader, completion);
        if (refused != 0) {
            return refused;
        }
        if (operation == Uapi.VFIO_IOMMU_MAP_DMA && !memory.isBegun()) {
            refused = chip.translator().beginMap(container.id(), completion);
            if (refused != 0) {
                return refused;
            }
            chip.book(memory::begin);
        }
        // A chip that was given up has no book any more: then there is nothing to go on with.
        boolean booked = chip.book(() -> {
            if (operation == Uapi.VFIO_IOMMU_MAP_DMA) {
                memory.begin(reader.mapping());
            } else {
                memory.beginRemoval(reader.firstToUnmap(), reader.lastToUnmap());
            }
        });
        return booked ? goOn(chip, completion) : 0;
    }

    private static int refuse(long request, Completion completion) {
        return completion.refuse(Rule.V41, "request", -1, request, Rule.V41.text());
    }

    /** A backend that takes no maps refuses each as a whole, whatever it says, as a bind is that has no specification (V37). */
    void refused(Chip chip, long request, Completion completion) {
        Rule.Stage stage = completion.rule() == null
                ? Rule.Stage.ENVELOPE
                : completion.rule().stage();
        if (stage != Rule.Stage.ENVELOPE && !chip.translator().memoryMap().isThere()) {
            refuse(request, completion.begin());
        }
    }

    private int checkMap(MemoryMapSupport support, RequestReader reader, Completion completion) {
        Mapping mapping = reader.mapping();
        if (!support.isAligned(mapping.iova()) || !support.isWithin(mapping.last())) {
            return reader.refuse(Rule.V42, Uapi.MAP_IOVA, Rule.V42.text(), completion);
        }
        if (!support.isAligned(mapping.pa())) {
            return reader.refuse(Rule.V42, Uapi.MAP_VADDR, Rule.V42.text(), completion);
        }
        if (!support.isAligned(mapping.size())) {
            return reader.refuse(Rule.V42, Uapi.MAP_SIZE, Rule.V42.text(), completion);
        }
        if (!unit.platform().memory().contains(mapping.pa(), mapping.size())) {
            return reader.refuse(Rule.V43, Uapi.MAP_VADDR, Rule.V43.text(), completion);
        }
        if (!unit.platform().deviceMemory().contains(mapping.pa(), mapping.size())) {
            return reader.refuse(Rule.V44, Uapi.MAP_VADDR, Rule.V44.text(), completion);
        }
        Mapping other = memory.firstIn(mapping.iova(), mapping.last());
        if (other != null) {
            return reader.refuse(Rule.V45, Uapi.MAP_IOVA, "mapped already: " + other, completion);
        }
        if (!memory.hasRoom()) {
            return reader.refuse(Rule.V46, Uapi.MAP_IOVA, Rule.V46.text(), completion);
        }
        return memory.isBegun() || !container.hasTables()
                ? 0
                : reader.refuse(Rule.V47, Uapi.MAP_IOVA, Rule.V47.text(), completion);
    }

    private int checkUnmap(RequestReader reader, Completion completion) {
        if (reader.unmapsAll()) {
            return 0;
        }
        Mapping crossing = memory.crossing(reader.firstToUnmap(), reader.lastToUnmap());
        if (crossing != null) {
            return reader.refuse(Rule.V48, Uapi.UNMAP_IOVA, "it would cut " + crossing, completion);
        }
        return memory.firstIn(reader.firstToUnmap(), reader.lastToUnmap()) != null
                ? 0
                : reader.refuse(Rule.V49, Uapi.UNMAP_IOVA, Rule.V49.text(), completion);
    }

    /** Goes on with what {@link #begin} began; 0, a negative errno or {@link #UNFINISHED}. */
    int goOn(Chip chip, Completion completion) {
        MemoryMap.Change change = memory.unfinished();
        Mapping piece = memory.piece();
        while (piece != null && !chip.isGivenUp()) {
            Mapping part = piece;
            int code = change.maps()
                    ? chip.translator().map(container.id(), part, completion)
                    : chip.translator().unmap(container.id(), part.iova(), part.last(), completion);
            if (code != 0) {
                giveUp(chip);
                return code;
            }
            chip.book(() -> memory.done(part));
            piece = memory.piece();
            if (piece != null && (gate.isWanted() || unit.isGuestHeldByCaller())) {
                return UNFINISHED;
            }
        }
        return completion.done(Fidelity.EXACT);
    }

    /** The change is complete. An unmap tells in the client's bytes how much was mapped, as VFIO does. */
    void finish(Chip chip, Abi image, byte[] bytes, int offset) {
        chip.book(() -> {
            boolean unmaps = !memory.unfinished().maps();
            long unmapped = memory.finish();
            if (unmaps) {
                Uapi.UNMAP_SIZE.put(bytes, offset, image, unmapped);
            }
        });
    }

    /** The request that has begun will not go on: takes back what a map has mapped. */
    void giveUp(Chip chip) {
        MemoryMap.Change change = memory.unfinished();
        if (change == null) {
            return;
        }
        if (change.maps() && change.hasBegun()) {
            chip.translator().unmap(container.id(), change.first(), change.lastDone(), new Completion());
        }
        chip.book(memory::giveUp);
    }
}
