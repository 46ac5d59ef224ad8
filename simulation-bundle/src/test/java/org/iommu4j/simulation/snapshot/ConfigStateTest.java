package org.iommu4j.simulation.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;
import org.junit.jupiter.api.Test;

class ConfigStateTest {
    private static final HardwareConfig CONFIG = new HardwareConfig(
            0x110,
            Map.of("cap", Map.of("NFR", 1L, "CM", 0L), "ecap", Map.of("DT", 1L)),
            Map.of("VER", 0x20L),
            CacheConfig.WORST_CASE,
            Map.of("fault-collapse", "off"));

    private static SnapshotWriter writer() {
        return new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1).section("config");
    }

    @Test
    void shouldGiveBackWhatWasSaved() {
        SnapshotWriter out = writer();
        ConfigState.save(CONFIG, out);
        assertEquals(CONFIG, ConfigState.load(new SnapshotReader(out.build()).section("config")));
    }

    @Test
    void shouldRefuseWhatFollows() {
        SnapshotWriter out = writer();
        ConfigState.save(CONFIG, out);
        SnapshotReader in = new SnapshotReader(out.putByte(0).build()).section("config");
        assertThrows(BackendException.class, () -> ConfigState.load(in));
    }
}
