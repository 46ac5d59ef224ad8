package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.Layout;

/** A backend whose chips do next to nothing, so that what is measured is the way to them. */
final class NullBackend implements Backend {
    static final int GENERATION = 1;

    @Override
    public BackendDescription describe() {
        Generation only = new Generation(GENERATION, "null", Set.of(0), 12, 0, 48, Set.of(), Set.of());
        return new BackendDescription(IommuModel.AMD, "null", "1.0.0", List.of(only), 1, 1);
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return new NullChip(config);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return new NullChip(HardwareConfig.of(GENERATION));
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        throw noDriver();
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        throw noDriver();
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        throw noDriver();
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        throw noDriver();
    }

    @Override
    public List<Layout> layouts() {
        return List.of();
    }

    @Override
    public List<BindFormat> bindFormats() {
        return List.of();
    }

    @Override
    public List<Shim> shims() {
        return List.of();
    }

    private static BackendException noDriver() {
        return new BackendException(Errno.EOPNOTSUPP, "only bare units");
    }

    /** Refuses each access with a code that depends on the address. It has no state, so that two share no cache line. */
    static final class NullChip implements Hardware {
        private final HardwareConfig config;

        NullChip(HardwareConfig config) {
            this.config = config;
        }

        @Override
        public void translate(DmaAccess access) {
            access.fault((int) access.iova() * 31 + 1, false);
        }

        @Override
        public HardwareConfig config() {
            return config;
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return 0;
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            // No registers.
        }

        @Override
        public void stepping(boolean on) {
            // No queue.
        }

        @Override
        public int step(int commands) {
            return 0;
        }

        @Override
        public Snapshot save() {
            return new Snapshot(IommuModel.AMD, Snapshot.Kind.HARDWARE, 1, new byte[0]);
        }

        @Override
        public void takeEvents(Consumer<byte[]> sink) {
            // No events.
        }

        @Override
        public void visitCache(CacheVisitor visitor) {
            // No cache.
        }

        @Override
        public HardwareCounters counters() {
            return new HardwareCounters(0, 0, 0, 0, 0);
        }
    }
}
