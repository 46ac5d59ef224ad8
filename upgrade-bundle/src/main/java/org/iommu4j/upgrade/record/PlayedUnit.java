package org.iommu4j.upgrade.record;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.contract.Abi;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Unit;

/** A unit that a record is played to, beside what the record says of the one that was recorded. */
final class PlayedUnit implements AutoCloseable {
    /** Size of a cached entry in memory, about, in bytes. */
    private static final int ENTRY_BYTES = 128;

    private final Unit unit;
    private final int number;
    private final Map<Integer, Client> clients = new HashMap<>();
    private final CacheMirror mirror = new CacheMirror();
    private final List<String> commands = new ArrayList<>();
    private volatile boolean collecting;
    private boolean mirrorIsOld = true;
    private boolean swapped;

    /** Entries of the recorded caches. */
    private final Set<CacheEntry> recorded = new HashSet<>();

    private final List<String> recordedCommands = new ArrayList<>();
    private final Set<CacheEntry> recordedDrops = new HashSet<>();
    private long recordedCharacters;
    private long batchCharacters;

    /** The requests of a batch that is not complete. */
    private final List<RecordLine.Ioctl> batch = new ArrayList<>();

    /**
     * A container.
     *
     * @param abi the image in which its client writes
     */
    record Client(Container container, Abi abi) {}

    /**
     * Outcome of a call.
     *
     * @param commands native commands
     * @param before what the caches held before
     * @param dropped what they did not hold afterwards
     */
    record Effect(List<String> commands, Set<CacheEntry> before, Set<CacheEntry> dropped) {}

    PlayedUnit(Unit unit, int number) {
        this.unit = unit;
        this.number = number;
        unit.tap(this::command);
    }

    private void command(byte[] bytes) {
        if (collecting) {
            synchronized (commands) {
                commands.add(HexFormat.of().formatHex(bytes));
            }
        }
    }

    /** The unit. */
    Unit unit() {
        return unit;
    }

    /** The unit's number in the record. */
    int number() {
        return number;
    }

    /** The unit's containers by their numbers in the record. */
    Map<Integer, Client> clients() {
        return clients;
    }

    /** The requests of a batch that is not complete. */
    List<RecordLine.Ioctl> batch() {
        return batch;
    }

    /** Something happened that may have filled the caches. */
    void touched() {
        mirrorIsOld = true;
    }

    /** The recorded unit got another chip. */
    void noteSwap() {
        swapped = true;
    }

    /** True if the recorded unit has had another chip. */
    boolean swapped() {
        return swapped;
    }

    /** Makes a call and looks what it does; null if a swap came between. */
    Effect effectOf(Runnable call) {
        int chips = unit.chips();
        if (mirrorIsOld) {
            mirror.look(unit, Unit.DMA_WAIT_NANOS);
        }
        Set<CacheEntry> before = mirror.present();
        synchronized (commands) {
            commands.clear();
        }
        collecting = true;
        try {
            call.run();
        } finally {
            collecting = false;
        }
        Set<CacheEntry> went = mirror.look(unit, Unit.DMA_WAIT_NANOS).went();
        mirrorIsOld = false;
        if (unit.chips() != chips) {
            return null;
        }
        synchronized (commands) {
            return new Effect(List.copyOf(commands), before, went);
        }
    }

    /** Memory that the record takes, about, in bytes. */
    long heldBytes() {
        return (long) (recorded.size() + recordedDrops.size()) * ENTRY_BYTES + recordedCharacters + batchCharacters;
    }

    /** Takes a line about the recorded caches. */
    void caches(RecordLine.Caches line) {
        switch (line.what()) {
            case FILL -> recorded.addAll(line.entries());
            case GONE -> line.entries().forEach(recorded::remove);
            case DROP -> recordedDrops.addAll(line.entries());
        }
    }

    /** Takes recorded native commands. */
    void commands(RecordLine.Commands line) {
        recordedCommands.addAll(line.hex());
        for (String hex : line.hex()) {
            recordedCharacters += hex.length() + ENTRY_BYTES;
        }
    }

    /** Takes a request of a batch. */
    void add(RecordLine.Ioctl line) {
        batch.add(line);
        batchCharacters += (line.hex() == null ? 0 : line.hex().length()) + ENTRY_BYTES;
    }

    /** The batch is over. */
    void endBatch() {
        batch.clear();
        batchCharacters = 0;
    }

    /** The recorded effect of the request that follows. */
    Effect recordedEffect() {
        return new Effect(recordedCommands, recorded, recordedDrops);
    }

    /** The request is over: what it dropped is gone from the recorded caches. */
    void forgetRecordedEffect() {
        recorded.removeAll(recordedDrops);
        recordedDrops.clear();
        recordedCommands.clear();
        recordedCharacters = 0;
    }

    @Override
    public void close() {
        unit.close();
    }
}
