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
import org.iommu4j.amd.command.AmdViEvents.InvalidDeviceRequest;
import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.BitField;
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
    void shouldSayWhatValuesMeanThatTheirLayoutDoesNotList() {
        long[] pages = {InvalidateIommuPages.word0(1, -1), InvalidateIommuPages.word1(-1, 0x4000_0000L, 21, true)};
        assertEquals("2 MiB at 0x40000000", meaning(InvalidateIommuPages.LAYOUT, InvalidateIommuPages.ADDRESS, pages));
        pages[1] = InvalidateIommuPages.word1(-1, 0, SizeEncoding.ALL, true);
        assertEquals("everything", meaning(InvalidateIommuPages.LAYOUT, InvalidateIommuPages.ADDRESS, pages));
        pages[1] = InvalidateIommuPages.word1(-1, 0x5000, SizeEncoding.PAGE_SHIFT, true);
        assertEquals("4 KiB at 0x5000", meaning(InvalidateIommuPages.LAYOUT, InvalidateIommuPages.ADDRESS, pages));
        assertEquals("", meaning(InvalidateIommuPages.LAYOUT, InvalidateIommuPages.PDE, pages));
        assertEquals("03:02.0", meaning(IoPageFault.LAYOUT, IoPageFault.DEVICE_ID, 0x310, 0));
        long present = IoPageFault.PR.mask();
        assertEquals("illegal level or page size", meaning(IoPageFault.LAYOUT, IoPageFault.PR, present, 0));
        assertEquals(
                "permission missing", meaning(IoPageFault.LAYOUT, IoPageFault.PR, present | IoPageFault.PE.mask(), 0));
        assertEquals(
                "a reserved bit is set",
                meaning(IoPageFault.LAYOUT, IoPageFault.PR, present | IoPageFault.RZ.mask(), 0));
        assertEquals(
                "translation request to a special range",
                meaning(
                        InvalidDeviceRequest.LAYOUT,
                        InvalidDeviceRequest.TYPE,
                        InvalidDeviceRequest.TR.mask() | InvalidDeviceRequest.TYPE.of(1),
                        0));
        assertEquals(
                "no known request",
                meaning(
                        InvalidDeviceRequest.LAYOUT,
                        InvalidDeviceRequest.TYPE,
                        InvalidDeviceRequest.TR.mask() | InvalidDeviceRequest.TYPE.of(7),
                        0));
        assertEquals(
                "the whole root: 0xfedcba9876000",
                meaning(
                        DeviceTableEntry.LAYOUT,
                        DeviceTableEntry.GCR3_LOW,
                        0x79c0000000000003L,
                        0xfedcb801530e0012L,
                        0,
                        0));
        assertEquals("32 KiB at 0x12340000", meaning(HostPte.LAYOUT, HostPte.ADDRESS, 0x7000000012343e01L));
    }

    private String meaning(Layout layout, BitField field, long... words) {
        return backend.meaning(layout, field, words);
    }

    @Test
    void shouldRefuseWhatAChipCannotHave() {
        assertEquals(Errno.EPROTONOSUPPORT, refusal(0x400, Map.of()));
        assertEquals(Errno.EPROTONOSUPPORT, refusal(0x300, Map.of("efr", Map.of("PCSup", 1L))));
        assertEquals(Errno.EPROTONOSUPPORT, refusal(0x300, Map.of("efr", Map.of("GLXSup", 3L))));
        for (String ability :
                List.of("SmiFSup", "MarcSup", "DualEventLogSup", "DualPPRLogSup", "SATSSup", "vIOMMUSup")) {
            assertEquals(Errno.EPROTONOSUPPORT, refusal(0x300, Map.of("efr", Map.of(ability, 1L))), ability);
        }
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
