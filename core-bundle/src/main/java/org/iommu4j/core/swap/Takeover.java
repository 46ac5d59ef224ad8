package org.iommu4j.core.swap;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.backends.ChipMaker;
import org.iommu4j.core.containers.CoreContainer;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.GuestBackend;
import org.iommu4j.core.containers.SavedUnit;
import org.iommu4j.core.foreign.Thrown;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.lease.HardwarePort;
import org.iommu4j.core.lease.Lease;
import org.iommu4j.core.swap.GuestPassage.NewGuest;
import org.iommu4j.core.swap.UnitPassage.NewChip;

/**
 * One attempt of a backend to take over: it makes every chip and virtual IOMMU of a handover anew. Runs in a thread that may
 * be given up; then what it still makes has nothing of the machines any more. It keeps what it makes to itself, so that
 * one that was given up spoils nothing when it goes on.
 */
final class Takeover implements Callable<Void> {
    private final List<UnitPassage> units;
    private final List<GuestPassage> guests;
    private final BackendEntry target;
    private final boolean orRebuild;
    private final Map<UnitPassage, NewChip> chips = new HashMap<>();
    private final Map<GuestPassage, NewGuest> decoders = new HashMap<>();

    /** The end of a sentence that shows how to decode the saved state that was refused last; empty if none was. */
    private volatile String refusedState = "";

    /** The leases that were given out, for as long as the attempt counts; null once it is discarded. Guarded by this. */
    private List<Lease> leases = new ArrayList<>();

    /**
     * An attempt that has not begun.
     *
     * @param target the backend that takes over
     * @param orRebuild true if a unit whose state is lost, or refused, starts from reset and gets its devices and bindings
     *     again; false if that stops the attempt
     */
    Takeover(List<UnitPassage> units, List<GuestPassage> guests, BackendEntry target, boolean orRebuild) {
        this.units = units;
        this.guests = guests;
        this.target = target;
        this.orRebuild = orRebuild;
    }

    /** The end of a sentence that shows how to decode the saved state that was refused last; empty if none was. */
    String refusedState() {
        return refusedState;
    }

    /** The chip that was made for a unit; null if none was. */
    NewChip chip(UnitPassage unit) {
        return chips.get(unit);
    }

    /** The virtual IOMMU that was made; null if none was. */
    NewGuest guest(GuestPassage guest) {
        return decoders.get(guest);
    }

    @Override
    public Void call() {
        for (UnitPassage unit : units) {
            if (!unit.unit().gate().isClosed()) {
                chips.put(unit, chipFor(unit));
            }
        }
        for (GuestPassage guest : guests) {
            if (!guest.guest().gated().gate().isClosed() && !guest.passage().isLagging()) {
                decoders.put(guest, decoderFor(guest));
            }
        }
        return null;
    }

    private synchronized Lease lease(Platform machine, Lease predecessor) {
        if (leases == null) {
            throw new BackendException(Errno.ETIMEDOUT, "the attempt was given up");
        }
        Lease lease = new Lease(machine, predecessor);
        leases.add(lease);
        return lease;
    }

    /** Ends every lease: nothing that was made, or still will be, reaches the machines. */
    synchronized void discard() {
        if (leases != null) {
            leases.forEach(Lease::endAndFree);
            leases = null;
        }
    }

    /** The text of what the backend threw, asked for in the thread where it was thrown. */
    private String contained(Throwable thrown) {
        Thrown description = Thrown.of(thrown);
        target.contained(description);
        return description.text();
    }

    private NewChip chipFor(UnitPassage passage) {
        Map<CoreContainer, Completion> ended = new HashMap<>();
        for (CoreContainer container : passage.unit().allContainers()) {
            if (container.isClosing()) {
                ended.put(container, new Completion());
            }
        }
        SavedUnit saved = passage.passage().saved();
        String refusal = saved == null ? "" : saved.lostBecause();
        if (saved != null && !saved.isLost()) {
            Lease lease =
                    lease(passage.unit().hostPlatform(), passage.unit().gated().lease());
            try {
                return settled(passage, new NewChip(ended, lease, restored(passage.unit(), saved, lease), ""));
            } catch (Throwable e) {
                lease.endAndFree();
                if (!orRebuild) {
                    throw e;
                }
                // The writer of a state at which its reader breaks is to blame, not the reader.
                refusal = "state of " + saved.by() + " refused: " + contained(e) + refusedState;
            }
        }
        if (!orRebuild) {
            throw new BackendException(Errno.EIO, passage.unit() + " has no state");
        }
        return rebuilt(passage, ended, refusal.isEmpty() ? "it had no state" : refusal);
    }

    /**
     * Gives a chip the settings of its users, and closes the domains that nobody could close. One that cannot be closed is
     * nobody else's trouble.
     */
    private NewChip settled(UnitPassage passage, NewChip made) {
        passage.unit().applySettings(made.chip());
        if (!made.isRebuilt()) {
            made.ended().forEach((container, answer) -> {
                made.chip().translator().closeDomain(container.id(), answer);
                if (!CoreContainer.isGone(answer)) {
                    made.broken().put(container, "not closed: " + answer);
                }
            });
        }
        return made;
    }

    private Chip restored(CoreUnit unit, SavedUnit saved, Lease lease) {
        Backend backend = target.parts().backend();
        Hardware hardware = restoredFrom(saved.hardware(), state -> backend.restoreHardware(state, lease));
        ChipMaker.checked(hardware, unit.subVersion(), target);
        if (unit.bare()) {
            return new Chip(target, hardware, null);
        }
        Translator translator = restoredFrom(
                saved.translator(), state -> backend.restoreTranslator(state, new HardwarePort(lease, hardware)));
        return expectMemoryMaps(
                unit, new Chip(target, hardware, ChipMaker.checked(translator, unit.subVersion(), target)));
    }

    /** A driver that cannot have the memory maps of the containers must not serve them: it would translate one to one. */
    private static Chip expectMemoryMaps(CoreUnit unit, Chip chip) {
        for (CoreContainer container : unit.allContainers()) {
            if (container.memory().isBegun() && !chip.translator().memoryMap().isThere()) {
                throw new BackendException(
                        Errno.EOPNOTSUPP, container + " has a memory map, and the backend takes none");
            }
        }
        return chip;
    }

    /** Has the backend restore a saved state; one that it does not take becomes the {@link #refusedState}. */
    private <T> T restoredFrom(Snapshot state, Function<Snapshot, T> restore) {
        boolean done = false;
        try {
            String obstacle = ChipMaker.obstacle(state.version(), target.description());
            if (!obstacle.isEmpty()) {
                throw new BackendException(Errno.EPROTONOSUPPORT, obstacle);
            }
            T made = restore.apply(state);
            done = true;
            return made;
        } finally {
            if (!done) {
                refusedState = "; " + ExplainHints.state(state.bytes());
            }
        }
    }

    /**
     * A chip fresh from reset that gets back the domains, devices and bindings of its containers. Until it is published
     * no device reaches it, and its caches start empty; device TLBs are told to drop everything.
     *
     * @throws BackendException if no container at all gets a domain back: that is no container's fault
     */
    private NewChip rebuilt(UnitPassage passage, Map<CoreContainer, Completion> ended, String because) {
        CoreUnit unit = passage.unit();
        Lease lease = lease(unit.hostPlatform(), null);
        NewChip made = new NewChip(ended, lease, ChipMaker.fresh(unit.config(), lease, target), because);
        boolean any = false;
        String trouble = "";
        for (CoreContainer container : unit.allContainers()) {
            if (ended.containsKey(container)) {
                continue;
            }
            Completion completion = new Completion();
            if (DomainReplay.replay(
                    made.chip().translator(), container, passage.sessions().get(container), completion)) {
                any = true;
            } else {
                trouble = completion.toString();
                made.broken().put(container, "bindings were lost with their backend: " + trouble);
                any |= DomainReplay.block(made.chip().translator(), container);
            }
            for (int requester : container.attachments().keySet()) {
                unit.platform().devices().invalidate(requester, -1, 0, 0);
            }
        }
        if (!any && !made.broken().isEmpty()) {
            throw new BackendException(Errno.EIO, "no container gets its domain back: " + trouble);
        }
        return settled(passage, made);
    }

    private NewGuest decoderFor(GuestPassage passage) {
        SavedUnit saved = passage.passage().saved();
        if (saved == null || saved.isLost()) {
            // A guest cannot be asked to do again what it did: it must learn that its IOMMU is gone.
            return lost(saved == null ? "it has no state" : saved.lostBecause());
        }
        Lease lease =
                lease(passage.unit().guestPlatform(), passage.guest().gated().lease());
        try {
            GuestDecoder decoder = restoredFrom(
                    saved.hardware(), state -> target.parts().backend().restoreGuestDecoder(state, lease));
            if (decoder == null) {
                throw new IllegalStateException(target + " made no virtual IOMMU");
            }
            return new NewGuest(lease, new GuestBackend(target, decoder, ""));
        } catch (Throwable e) {
            lease.endAndFree();
            if (!orRebuild) {
                throw e;
            }
            return lost("state of " + saved.by() + " refused: " + contained(e) + refusedState);
        }
    }

    private NewGuest lost(String because) {
        return new NewGuest(null, new GuestBackend(target, null, because));
    }
}
