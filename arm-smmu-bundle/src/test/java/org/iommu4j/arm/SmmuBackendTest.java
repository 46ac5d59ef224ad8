package org.iommu4j.arm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

class SmmuBackendTest {
    private static final int NO_GENERATION = 0x0305;

    private final SmmuBackend backend = new SmmuBackend("1.2.3");

    @Test
    void shouldDescribeItsGenerations() {
        assertEquals("1.2.3", backend.describe().version());
        assertEquals(IommuModel.ARM_SMMU, backend.describe().model());
        for (int subVersion = SmmuGeneration.V3_0; subVersion <= SmmuGeneration.V3_4; subVersion++) {
            Generation generation = backend.describe().generation(subVersion);
            assertNotNull(generation);
            assertTrue(generation.acceptsPayload(0) && generation.acceptsPayload(16) && generation.acceptsPayload(64));
            assertFalse(generation.acceptsPayload(8) || generation.acceptsPayload(24));
        }
        assertNull(backend.describe().generation(NO_GENERATION));
    }

    @Test
    void shouldListEachLayoutOnceWithItsSection() {
        Set<String> names = new HashSet<>();
        for (Layout layout : backend.layouts()) {
            assertFalse(layout.section().isEmpty(), layout.name());
            names.add(layout.name());
        }
        assertEquals(backend.layouts().size(), names.size());
        assertTrue(names.contains("smmu_bind_pasidtbl") && names.contains("smmu_bind_pgtable"));
    }

    @Test
    void shouldGiveExplanationsOnlyLayoutsThatItLists() {
        backend.commands().forEach(command -> assertTrue(backend.layouts().contains(command.layout()), command::name));
        for (Generation generation : backend.describe().generations()) {
            int subVersion = generation.subVersion();
            assertFalse(backend.payloads(subVersion).isEmpty());
            for (Layout layout : backend.payloads(subVersion)) {
                assertTrue(backend.layouts().contains(layout), layout::name);
                assertTrue(generation.acceptsPayload(layout.sizeBytes()), layout::name);
            }
            assertFalse(backend.registers(subVersion).isEmpty());
        }
        assertTrue(backend.payloads(NO_GENERATION).isEmpty());
        assertTrue(backend.registers(NO_GENERATION).isEmpty());
    }

    @Test
    void shouldAlignEveryFieldOfABindInTheWholeMessage() {
        assertEquals(0, (Uapi.DATA_OFFSET + Uapi.BIND_HEADER.size(Abi.LP64_LE)) % Long.BYTES);
        for (BindFormat format : backend.bindFormats()) {
            assertEquals(0, format.layout().sizeBytes() % Long.BYTES, format.layout()::name);
            assertEquals(0, format.vendorFlags() & 0xffff, format.layout()::name);
        }
    }

    @Test
    void shouldBridgeEveryPairOnceAndSmmuv2ToAll() {
        Set<String> pairs = new HashSet<>();
        for (Shim shim : backend.shims()) {
            assertTrue(pairs.add(Integer.toHexString(shim.from()) + ">" + Integer.toHexString(shim.to())));
            assertTrue(shim.to() >= SmmuGeneration.V3_0, shim::name);
        }
        assertEquals(25, pairs.size());
        assertTrue(pairs.contains("304>300") && pairs.contains("200>300") && pairs.contains("200>304"));
    }

    @Test
    void shouldRefuseUnknownGenerations() {
        Machine machine = Machine.of(SmmuGeneration.V3_1);
        BackendException translator =
                assertThrows(BackendException.class, () -> backend.createTranslator(NO_GENERATION, machine));
        assertEquals(Errno.EPROTONOSUPPORT, translator.errno());
        HardwareConfig config = HardwareConfig.of(NO_GENERATION);
        BackendException hardware =
                assertThrows(BackendException.class, () -> backend.createHardware(config, machine.platform()));
        assertEquals(Errno.EPROTONOSUPPORT, hardware.errno());
    }
}
