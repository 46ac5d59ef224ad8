package org.iommu4j.intel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.FaultRecord;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

class VtdBackendTest {
    private final VtdBackend backend = new VtdBackend("1.2.3");

    @Test
    void shouldDescribeItsGenerations() {
        assertEquals("1.2.3", backend.describe().version());
        assertEquals(IommuModel.INTEL, backend.describe().model());
        for (int subVersion : new int[] {0x100, 0x110, 0x300, 0x400, 0x500}) {
            Generation generation = backend.describe().generation(subVersion);
            assertNotNull(generation);
            assertTrue(generation.acceptsPayload(0) && generation.acceptsPayload(16));
            assertFalse(generation.acceptsPayload(8) || generation.acceptsPayload(32));
        }
        assertNull(backend.describe().generation(0x200));
    }

    @Test
    void shouldListEachLayoutOnceWithItsSection() {
        Set<String> names = new HashSet<>();
        for (Layout layout : backend.layouts()) {
            assertFalse(layout.section().isEmpty(), layout.name());
            names.add(layout.name());
        }
        assertEquals(backend.layouts().size(), names.size());
        assertTrue(names.contains("vtd_bind_pgtable") && names.contains("vtd_iotlb_register_image"));
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
        assertTrue(backend.payloads(0x120).isEmpty() && backend.registers(0x120).isEmpty());
        assertEquals(5, backend.payloads(0x200).size(), "of clients only");
        assertTrue(backend.registers(0x200).isEmpty());
    }

    @Test
    void shouldSayWhatALayoutCannot() {
        assertEquals(
                "WRITE_DENIED: no write permission",
                backend.meaning(FaultRecord.LAYOUT, FaultRecord.FR, 0, FaultRecord.FR.of(5)));
        assertEquals(
                "not a reason of DMA remapping",
                backend.meaning(FaultRecord.LAYOUT, FaultRecord.FR, 0, FaultRecord.FR.of(0x82)));
        assertEquals(
                "with T1: AtomicOp",
                backend.meaning(FaultRecord.LAYOUT, FaultRecord.T2, 0, FaultRecord.T1.of(1) | FaultRecord.T2.of(1)));
        assertEquals(
                "2^63 pages of 4 KiB: more than there are",
                backend.meaning(IotlbInvalidate.LAYOUT, IotlbInvalidate.AM, 0, IotlbInvalidate.AM.of(63)));
        assertEquals("second-stage pages of 4 KiB, 1 GiB", capability(backend, Cap.SSLPS, 2));
        assertEquals("39 bits in 3 levels, 57 bits in 5 levels", capability(backend, Cap.SAGAW, 0b1010));
        assertEquals("no second-stage tables", capability(backend, Cap.SAGAW, 1));
        assertEquals("16 fault records", capability(backend, Cap.NFR, 15));
        assertEquals(
                "source id 03:02.0",
                backend.meaning(
                        DeviceTlbInvalidate.LAYOUT, DeviceTlbInvalidate.SID, DeviceTlbInvalidate.SID.of(0x310), 0));
        assertEquals("", backend.meaning(IotlbInvalidate.LAYOUT, IotlbInvalidate.IH, 0, 0));
    }

    private static String capability(VtdBackend backend, BitField field, long value) {
        return backend.meaning(Cap.REGISTER.layout(), field, field.of(value));
    }

    @Test
    void shouldAlignEveryFieldOfABindInTheWholeMessage() {
        BindFormat format = backend.bindFormats().get(0);
        assertEquals(Uapi.BIND_PGTABLE, format.operation());
        int begin = Uapi.DATA_OFFSET + Uapi.BIND_HEADER.size(Abi.LP64_LE);
        assertEquals(0, begin % 8);
        assertEquals(24, format.layout().sizeBytes());
        assertEquals(0, format.vendorFlags() & 0xffff);
    }

    @Test
    void shouldTellWhereTheTableOfEveryBindIsSoThatNoPageOfTheHostIsBound() {
        assertEquals(
                List.of(BindPgtable.TABLE_ROOT),
                backend.bindFormats().stream().map(BindFormat::table).distinct().toList());
    }

    @Test
    void shouldBridgeItsGenerationsBothWays() {
        Set<String> pairs = new HashSet<>();
        for (Shim shim : backend.shims()) {
            pairs.add(Integer.toHexString(shim.from()) + ">" + Integer.toHexString(shim.to()));
        }
        assertTrue(pairs.containsAll(Set.of("100>110", "110>100")), pairs::toString);
        for (String guest : List.of("110", "300", "400", "500")) {
            for (String host : List.of("110", "300", "400", "500")) {
                assertEquals(!guest.equals(host), pairs.contains(guest + ">" + host), guest + " to " + host);
            }
            assertTrue(pairs.contains("200>" + guest), guest);
        }
        assertEquals(18, backend.shims().size());
    }

    @Test
    void shouldRefuseUnknownGenerations() {
        Machine machine = Machine.of(0x110);
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(BackendException.class, () -> backend.createTranslator(0x200, machine))
                        .errno());
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(
                                BackendException.class,
                                () -> backend.createHardware(HardwareConfig.of(0x200), machine.platform()))
                        .errno());
    }

    @Test
    void shouldCarryARequestFromBytesToTheChip() {
        Machine machine = Machine.of(0x110);
        machine.map(0x10_0000, 4, 0x5000, 0xaaaa_a000L, 0x10_1000);
        machine.open(0);
        machine.attach(0, 0x310);
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, 0x110);
        Completion completion =
                machine.submit(0, writer.bind(Uapi.BIND_PGTABLE, 0, Machine.payload(0x310, 0x10_0000, 48, 7)));
        assertEquals(Errno.OK, completion.errno(), completion::toString);
        assertEquals(0xaaaa_a000L, machine.read(0x310, 0x5000));
        machine.map(0x10_0000, 4, 0x5000, 0xbbbb_b000L, 0);
        completion = machine.submit(
                0, writer.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, 0x5000, 0x1000, new byte[0]));
        assertEquals(Errno.OK, completion.errno(), completion::toString);
        assertEquals(0xbbbb_b000L, machine.read(0x310, 0x5000));
    }
}
