package com.example.flat;

import java.util.random.RandomGenerator;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Uapi;

/** Little programs that set Flat up, so that what is made up afterwards reaches deep. */
final class FlatSoftware implements FuzzSupport, BenchSupport {
    private static final int[] DEVICES = {8, 16, 24};
    private static final int PAGES = 16;
    private static final long DEVICE_TABLE = 0x8000;
    private static final long TABLES = 0x10_0000;
    private static final long MEMORY = 0x20_0000;

    @Override
    public FuzzSupport fuzz() {
        return this;
    }

    @Override
    public int hostAddressWidth(HardwareConfig config) {
        return FlatBackend.ADDRESS_WIDTH;
    }

    /** Software of a bare chip: both tables, then translation on. */
    @Override
    public FuzzScene bringUp(HardwareConfig config, NativePort port, RandomGenerator random) {
        FuzzScene scene = prepare(config, port, random);
        FuzzScene.Builder bare = new FuzzScene.Builder();
        for (int i = 0; i < DEVICES.length; i++) {
            long entry = FlatFormats.VALID.of(1) | FlatFormats.TABLE_ROOT.of(table(i));
            port.platform().memory().writeLongLe(DEVICE_TABLE + (long) DEVICES[i] * Long.BYTES, entry);
            bare.requester(DEVICES[i]);
        }
        port.write(FlatFormats.TABLE, FlatFormats.DEVICE_TABLE.of(DEVICE_TABLE));
        port.write(FlatFormats.CONTROL, FlatFormats.ENABLE.of(1));
        scene.addresses().forEach(range -> bare.addresses(range.base(), range.lengthBytes()));
        scene.tables().forEach(table -> bare.table(table.layout(), table.pa(), table.count()));
        return bare.table(FlatFormats.DEVICE_ENTRY, DEVICE_TABLE, FlatFormats.ENTRIES)
                .build();
    }

    /** A page table for each device, with a bind for it. */
    @Override
    public FuzzScene prepare(HardwareConfig config, NativePort port, RandomGenerator random) {
        FuzzScene.Builder scene = new FuzzScene.Builder().addresses(0, (long) PAGES * FlatFormats.PAGE_BYTES);
        for (int i = 0; i < DEVICES.length; i++) {
            for (int page = 0; page < PAGES; page++) {
                long frame = MEMORY + (long) random.nextInt(FlatFormats.ENTRIES) * FlatFormats.PAGE_BYTES;
                long entry = FlatFormats.PRESENT.of(random.nextInt(8) == 0 ? 0 : 1)
                        | FlatFormats.WRITABLE.of(random.nextInt(4) == 0 ? 0 : 1)
                        | FlatFormats.ADDRESS.of(frame);
                port.platform().memory().writeLongLe(table(i) + (long) page * Long.BYTES, entry);
            }
            long[] bind = new long[FlatFormats.BIND_PART.words()];
            bind[FlatFormats.BIND_REQUESTER.word()] = FlatFormats.BIND_REQUESTER.of(DEVICES[i]);
            bind[FlatFormats.BIND_ROOT.word()] = FlatFormats.BIND_ROOT.of(table(i));
            scene.requester(DEVICES[i])
                    .root(table(i), 1)
                    .table(FlatFormats.PAGE_ENTRY, table(i), PAGES)
                    .bind(Uapi.BIND_PGTABLE, 0, FlatFormats.BIND_PART.encode(bind));
        }
        return scene.build();
    }

    private static long table(int device) {
        return TABLES + (long) device * FlatFormats.PAGE_BYTES;
    }

    @Override
    public boolean settle(FuzzScene scene, NativePort port) {
        port.write(FlatFormats.INVALIDATE, FlatFormats.INVALIDATE_ALL.of(1));
        return true;
    }
}
