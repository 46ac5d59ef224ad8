package org.iommu4j.spapr;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Layout;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.command.InvalidateData;
import org.junit.jupiter.api.Test;

class SpaprBackendTest {
    private final SpaprBackend backend = new SpaprBackend("1.2.3");

    @Test
    void shouldDescribeItsGenerations() {
        assertEquals("1.2.3", backend.describe().version());
        assertEquals(IommuModel.SPAPR, backend.describe().model());
        for (int subVersion = 1; subVersion <= 5; subVersion++) {
            Generation generation = backend.describe().generation(subVersion);
            assertTrue(generation.acceptsPayload(0) && generation.acceptsPayload(32));
            assertFalse(generation.acceptsPayload(16) || generation.acceptsPayload(64));
            assertEquals(subVersion == 5 ? Set.of("HW560152") : Set.of(), generation.errata());
        }
        assertNull(backend.describe().generation(0));
        assertNull(backend.describe().generation(6));
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
            assertEquals(subVersion < 3, backend.registers(subVersion).isEmpty(), "registers begin with IODA2");
        }
        assertEquals(ByteOrder.BIG_ENDIAN, InvalidateData.LAYOUT.byteOrder());
        assertTrue(backend.payloads(6).isEmpty() && backend.registers(6).isEmpty());
    }

    @Test
    void shouldNameEachCallOnce() {
        Set<String> names = new HashSet<>();
        for (CallFormat call : backend.calls()) {
            assertTrue(names.add(call.name()), call.name());
        }
        assertTrue(names.containsAll(Set.of("H_PUT_TCE", "H_STUFF_TCE", "H_PUT_TCE_INDIRECT", "H_GET_TCE")));
    }

    @Test
    void shouldAlignEveryFieldOfABindInTheWholeMessage() {
        BindFormat format = backend.bindFormats().get(0);
        assertEquals(Uapi.BIND_PGTABLE, format.operation());
        assertEquals(0, (Uapi.DATA_OFFSET + Uapi.BIND_HEADER.size(Abi.LP64_LE)) % 8);
        assertEquals(24, format.layout().sizeBytes());
        assertEquals(0, format.vendorFlags());
    }

    @Test
    void shouldTellWhereTheTableOfEveryBindIsSoThatNoPageOfTheHostIsBound() {
        assertEquals(
                List.of(BindPgtable.TABLE_ROOT),
                backend.bindFormats().stream().map(BindFormat::table).toList());
    }

    @Test
    void shouldBridgeAllItsGenerations() {
        Set<String> pairs = new HashSet<>();
        for (Shim shim : backend.shims()) {
            assertTrue(pairs.add(shim.from() + ">" + shim.to()));
        }
        assertEquals(5 * 4, pairs.size());
    }

    @Test
    void shouldRefuseUnknownGenerations() {
        Machine machine = Machine.of(2);
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(BackendException.class, () -> backend.createTranslator(6, machine))
                        .errno());
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(
                                BackendException.class,
                                () -> backend.createHardware(HardwareConfig.of(6), machine.platform()))
                        .errno());
    }
}
