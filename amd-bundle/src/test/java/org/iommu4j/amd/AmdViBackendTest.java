package org.iommu4j.amd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.Layout;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.junit.jupiter.api.Test;

class AmdViBackendTest {
    private final AmdViBackend backend = new AmdViBackend("1.2.3");

    @Test
    void shouldDescribeItsGenerations() {
        assertEquals("1.2.3", backend.describe().version());
        assertEquals(IommuModel.AMD, backend.describe().model());
        for (int subVersion : AmdViGeneration.ALL) {
            Generation generation = backend.describe().generation(subVersion);
            assertNotNull(generation);
            assertTrue(generation.acceptsPayload(0) && generation.acceptsPayload(16));
            assertFalse(generation.acceptsPayload(8) || generation.acceptsPayload(32));
        }
        assertNull(backend.describe().generation(0x110));
    }

    @Test
    void shouldListEachLayoutOnceWithItsSection() {
        Set<String> names = new HashSet<>();
        for (Layout layout : backend.layouts()) {
            assertFalse(layout.section().isEmpty(), layout.name());
            names.add(layout.name());
        }
        assertEquals(backend.layouts().size(), names.size());
    }

    @Test
    void shouldGiveExplanationsOnlyLayoutsThatItLists() {
        backend.commands().forEach(command -> assertTrue(backend.layouts().contains(command.layout()), command::name));
        for (Generation generation : backend.describe().generations()) {
            int subVersion = generation.subVersion();
            for (Layout layout : backend.payloads(subVersion)) {
                assertTrue(backend.layouts().contains(layout), layout::name);
                assertTrue(generation.acceptsPayload(layout.sizeBytes()), layout::name);
            }
            assertFalse(backend.registers(subVersion).isEmpty());
        }
        assertTrue(backend.payloads(0x110).isEmpty() && backend.registers(0x110).isEmpty());
    }

    @Test
    void shouldTellEventsEntriesAndCompletionsByTheirBytes() {
        byte[] fault = HexFormat.of().parseHex("10030000120020200050341200000000");
        assertEquals("IO_PAGE_FAULT", backend.formats().eventFormat(fault));
        assertEquals(2, backend.bench().eventCode(fault));
        assertEquals("IO_PAGE_FAULT", backend.bench().faultName(2));
        assertEquals("", backend.formats().eventFormat(new byte[16]));
        assertEquals("v1_pde", backend.formats().entryFormat("host directory, level 3"));
        assertEquals("device_table_entry", backend.formats().entryFormat("device table entry"));
        assertTrue(backend.formats().isCompletion(CompletionWait.LAYOUT.encode(CompletionWait.storing(0x1000), 1)));
        assertFalse(backend.formats().isCompletion(new byte[16]));
    }

    @Test
    void shouldRefuseWhatAChipCannotHave() {
        assertEquals(Errno.EPROTONOSUPPORT, refusal(0x400, Map.of()));
        assertEquals(Errno.EPROTONOSUPPORT, refusal(0x300, Map.of("efr", Map.of("PCSup", 1L))));
        assertEquals(Errno.EPROTONOSUPPORT, refusal(0x300, Map.of("efr", Map.of("GLXSup", 3L))));
        assertEquals(Errno.EINVAL, refusal(0x300, Map.of("efr", Map.of("Nonsense", 1L))));
    }

    private Errno refusal(int subVersion, Map<String, Map<String, Long>> fields) {
        HardwareConfig config = new HardwareConfig(subVersion, fields, Map.of(), CacheConfig.DEFAULT, Map.of());
        SimulatedPlatform platform =
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, (r, p, i, l) -> true));
        return assertThrows(BackendException.class, () -> backend.createHardware(config, platform))
                .errno();
    }
}
