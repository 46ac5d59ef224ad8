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

    /** A piece takes about 50 microseconds; what is taken back after a request ended holds up each other call by one stay. */
    private static final int PIECES_OF_A_STAY = 16;

    private static final String NOT_TAKEN_BACK = "what it has mapped could not be taken back: ";

    private final CoreContainer container;
    private final CoreUnit unit;
    private final Gate<Chip> gate;
    private final MemoryMap memory;

    /** Why the unfinished map is taken back. */
    private final Completion failure = new Completion();

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
        int left = memory.unfinished() == null ? 0 : finishTakingBack(chip, completion);
        if (left != 0) {
            return left;
        }
        memory.servedWith(support.pageSizes());
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
        memory.servedWith(chip.translator().memoryMap().pageSizes());
        Mapping piece = memory.piece();
        while (piece != null && !chip.isGivenUp()) {
            if (carryOut(chip, piece, completion) != 0 && !takesBack(chip, completion)) {
                return completion.errno().code();
            }
            piece = memory.piece();
            if (piece != null && (gate.isWanted() || unit.isGuestHeldByCaller())) {
                return UNFINISHED;
            }
        }
        if (!memory.unfinished().isTakenBack() || chip.isGivenUp()) {
            return completion.done(Fidelity.EXACT);
        }
        completion.copy(failure);
        chip.book(memory::giveUp);
        return completion.errno().code();
    }

    private int carryOut(Chip chip, Mapping piece, Completion completion) {
        int code = memory.unfinished().isToMap()
                ? chip.translator().map(container.id(), piece, completion)
                : chip.translator().unmap(container.id(), piece.iova(), piece.last(), completion);
        if (code == 0) {
            chip.book(() -> memory.done(piece));
        }
        return code;
    }

    /**
     * A piece has failed. What a map has mapped before is taken back, in pieces of the same request; an unmap, or a map that cannot even
     * be taken back, ends.
     */
    private boolean takesBack(Chip chip, Completion completion) {
        if (memory.unfinished().isTakenBack()) {
            chip.book(memory::abandon);
            completion.fail(failure.errno(), failure.reason() + "; " + NOT_TAKEN_BACK + completion.reason());
            return false;
        }
        failure.copy(completion);
        if (chip.book(memory::takeBack) && memory.piece() != null) {
            return true;
        }
        chip.book(memory::giveUp);
        return false;
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

    /** The request that has begun will not go on: what a map has mapped is taken back by those who are inside next. */
    void abandon(Chip chip) {
        MemoryMap.Change change = memory.unfinished();
        if (change != null) {
            chip.book(memory::abandon);
            gate.postInPieces(serving -> container.isServedBy(serving)
                    && memory.unfinished() == change
                    && takeBackSome(serving, new Completion()) == UNFINISHED);
        }
    }

    /** Another map or unmap stands before a new one: 0 if nothing is left of it, else a negative errno. */
    private int finishTakingBack(Chip chip, Completion completion) {
        int left = memory.unfinished().isAbandoned() ? takeBackSome(chip, completion) : UNFINISHED;
        return left > 0
                ? completion.fail(
                        Errno.EBUSY, "another map or unmap of the container is under way, or is being taken back")
                : left < 0 ? completion.fail(completion.errno(), NOT_TAKEN_BACK + completion.reason()) : 0;
    }

    /**
     * Takes back some of what a map has mapped that was abandoned.
     *
     * @return 0 if nothing is left of it, {@link #UNFINISHED}, or a negative errno: the next map or unmap tries again
     */
    private int takeBackSome(Chip chip, Completion completion) {
        memory.servedWith(chip.translator().memoryMap().pageSizes());
        Mapping piece = memory.piece();
        for (int done = 0; piece != null; done++) {
            if (done == PIECES_OF_A_STAY || chip.isGivenUp()) {
                return UNFINISHED;
            }
            if (carryOut(chip, piece, completion.begin()) != 0) {
                return completion.errno().code();
            }
            piece = memory.piece();
        }
        return chip.book(memory::giveUp) ? 0 : UNFINISHED;
    }
}
