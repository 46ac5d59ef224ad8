package com.example.flat;

import java.util.Arrays;
import java.util.function.Consumer;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.ConfigState;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** The chip. Nothing that software or a device does throws: it ends in the fault record. */
final class FlatChip implements Hardware {
    /** Translations that are kept: each page of each device has one place. */
    private static final int SLOTS = 256;

    private static final long FREE = -1;

    private final HardwareConfig config;
    private final Platform platform;
    private final RegisterFile registers = new RegisterFile(FlatFormats.REGISTERS);
    private final long[] keys = new long[SLOTS];
    private final long[] entries = new long[SLOTS];
    private long commands;
    private long hits;
    private long walks;
    private long faults;
    private long dropped;

    /** A chip fresh from reset. */
    FlatChip(HardwareConfig config, Platform platform) {
        this.config = config;
        this.platform = platform;
        Arrays.fill(keys, FREE);
        registers.onWrite(FlatFormats.INVALIDATE, (before, after, written, lanes) -> invalidate(written));
    }

    /** A chip that goes on where another stopped; its cache is empty. */
    static FlatChip restored(Snapshot state, Platform platform) {
        SnapshotReader in = new SnapshotReader(state)
                .require(
                        IommuModel.INTEL, Snapshot.Kind.HARDWARE, FlatBackend.STATE_VERSION, FlatBackend.STATE_VERSION);
        HardwareConfig config = FlatBackend.checked(ConfigState.load(in.section("config")));
        FlatChip chip = new FlatChip(config, platform);
        in.section("registers", chip.registers::load);
        return chip;
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, FlatBackend.STATE_VERSION);
        ConfigState.save(config, out.section("config"));
        registers.save(out.section("registers"));
        return out.build();
    }

    @Override
    public HardwareConfig config() {
        return config;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return registers.read(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        registers.write(offset, sizeBytes, value);
    }

    private void invalidate(long written) {
        commands++;
        boolean all = FlatFormats.INVALIDATE_ALL.isSet(written);
        long device = FlatFormats.INVALIDATE_DEVICE.get(written);
        for (int slot = 0; slot < SLOTS; slot++) {
            if (keys[slot] != FREE && (all || deviceOf(keys[slot]) == device)) {
                keys[slot] = FREE;
                dropped++;
            }
        }
    }

    private static long key(long device, long page) {
        return device * FlatFormats.ENTRIES + page;
    }

    private static long deviceOf(long key) {
        return key / FlatFormats.ENTRIES;
    }

    @Override
    public void translate(DmaAccess access) {
        if (!registers.isSet(FlatFormats.CONTROL, FlatFormats.ENABLE)) {
            access.blocked();
            return;
        }
        long device = Integer.toUnsignedLong(access.requester());
        long page = access.iova() >>> FlatFormats.PAGE_SHIFT;
        boolean plain =
                access.pasid() == DmaAccess.NO_PASID && access.addressType() == DmaAccess.AddressType.UNTRANSLATED;
        if (!plain) {
            fault(access, FlatFormats.NO_PASIDS);
        } else if (device >= FlatFormats.ENTRIES) {
            fault(access, FlatFormats.NOT_BOUND);
        } else if (page >= FlatFormats.ENTRIES) {
            fault(access, FlatFormats.NOT_PRESENT);
        } else {
            translate(access, device, page);
        }
    }

    private void translate(DmaAccess access, long device, long page) {
        long key = key(device, page);
        int slot = (int) (key % SLOTS);
        boolean hit = keys[slot] == key;
        if (!hit) {
            int reason = walk(device, page, slot, access.listener());
            if (reason != 0) {
                fault(access, reason);
                return;
            }
            keys[slot] = key;
        } else {
            hits++;
        }
        long entry = entries[slot];
        boolean writes = (access.rights() & DmaAccess.WRITE) != 0;
        if (writes && !FlatFormats.WRITABLE.isSet(entry)) {
            fault(access, FlatFormats.NOT_WRITABLE);
            return;
        }
        int rights = FlatFormats.WRITABLE.isSet(entry) ? DmaAccess.READ | DmaAccess.WRITE : DmaAccess.READ;
        long offset = access.iova() & (FlatFormats.PAGE_BYTES - 1);
        access.translated(FlatFormats.ADDRESS.get(entry) + offset, FlatFormats.PAGE_BYTES, rights, hit);
    }

    /** Reads the two tables. Answers 0, or the reason of a fault. */
    private int walk(long device, long page, int slot, WalkListener listener) {
        walks++;
        keys[slot] = FREE;
        try {
            long at = FlatFormats.DEVICE_TABLE.get(registers.get(FlatFormats.TABLE)) + device * Long.BYTES;
            long entry = platform.memory().readLongLe(at);
            show(listener, "device_entry", at, entry);
            if (!FlatFormats.VALID.isSet(entry)) {
                return FlatFormats.NOT_BOUND;
            }
            at = FlatFormats.TABLE_ROOT.get(entry) + page * Long.BYTES;
            entry = platform.guestTables().readLongLe(at);
            show(listener, "page_entry", at, entry);
            if (!FlatFormats.PRESENT.isSet(entry)) {
                return FlatFormats.NOT_PRESENT;
            }
            entries[slot] = entry;
            return 0;
        } catch (BusErrorException e) {
            return FlatFormats.BAD_TABLE;
        }
    }

    private static void show(WalkListener listener, String what, long pa, long word) {
        if (listener != null) {
            listener.step(what, pa, word);
        }
    }

    private void fault(DmaAccess access, int reason) {
        faults++;
        boolean record = !registers.isSet(FlatFormats.FAULT, FlatFormats.FAULT_PENDING);
        if (record) {
            registers.set(
                    FlatFormats.FAULT,
                    FlatFormats.FAULTED.of(1)
                            | FlatFormats.REASON.of(reason)
                            | FlatFormats.FAULT_DEVICE.of(access.requester() & (FlatFormats.ENTRIES - 1))
                            | FlatFormats.FAULT_PAGE.of((access.iova() >>> FlatFormats.PAGE_SHIFT) & 0xffff_ffffL));
            platform.interrupts().raise(0, 0);
        }
        access.fault(reason, record);
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        if (registers.isSet(FlatFormats.FAULT, FlatFormats.FAULT_PENDING)) {
            sink.accept(FlatFormats.FAULT_RECORD.encode(registers.get(FlatFormats.FAULT)));
            registers.set(FlatFormats.FAULT, 0);
        }
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        for (int slot = 0; slot < SLOTS; slot++) {
            if (keys[slot] != FREE) {
                visitor.entry(
                        "translation",
                        deviceOf(keys[slot]),
                        DmaAccess.NO_PASID,
                        keys[slot] % FlatFormats.ENTRIES << FlatFormats.PAGE_SHIFT,
                        FlatFormats.PAGE_BYTES,
                        FlatFormats.ADDRESS.get(entries[slot]));
            }
        }
    }

    /** There is no queue to hold back. */
    @Override
    public void stepping(boolean on) {
        // Register writes are carried out at once.
    }

    @Override
    public int step(int count) {
        return 0;
    }

    @Override
    public HardwareCounters counters() {
        return new HardwareCounters(commands, hits, walks, faults, dropped);
    }
}
