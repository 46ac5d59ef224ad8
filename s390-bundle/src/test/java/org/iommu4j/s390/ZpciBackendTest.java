package org.iommu4j.s390;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CallFormat;
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
import org.iommu4j.layout.Layout;
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.s390.command.ErrorRecord;
import org.iommu4j.s390.command.RequestRegister;
import org.iommu4j.s390.table.Iota;
import org.junit.jupiter.api.Test;

class ZpciBackendTest {
    private final ZpciBackend backend = new ZpciBackend("1.2.3");

    @Test
    void shouldDescribeItsGenerations() {
        assertEquals("1.2.3", backend.describe().version());
        assertEquals(IommuModel.S390, backend.describe().model());
        for (Generation generation : backend.describe().generations()) {
            assertTrue(generation.acceptsPayload(0) && generation.acceptsPayload(24));
            assertFalse(generation.acceptsPayload(16) || generation.acceptsPayload(48));
            assertEquals(0, generation.pasidBits());
        }
        assertNotNull(backend.describe().generation(1));
        assertNotNull(backend.describe().generation(2));
        for (int subVersion = 1; subVersion <= 5; subVersion++) {
            assertEquals(
                    subVersion,
                    backend.describe().generations().get(subVersion - 1).subVersion());
        }
        assertNull(backend.describe().generation(0));
        assertNull(backend.describe().generation(6));
    }

    @Test
    void shouldListEachLayoutOnceWithItsSectionAndInBigEndianOrder() {
        Set<String> names = new HashSet<>();
        for (Layout layout : backend.layouts()) {
            assertFalse(layout.section().isEmpty(), layout.name());
            assertTrue(names.add(layout.name()), layout.name());
            // The header of the contract has the client's byte order, the model its own.
            boolean header = layout.equals(BindPgtable.FLAGS_LAYOUT);
            assertEquals(!header, layout.byteOrder() == ByteOrder.BIG_ENDIAN, layout.name());
        }
    }

    @Test
    void shouldGiveExplanationsOnlyLayoutsThatItLists() {
        backend.commands().forEach(command -> assertTrue(backend.layouts().contains(command.layout()), command::name));
        for (Generation generation : backend.describe().generations()) {
            for (Layout layout : backend.payloads(generation.subVersion())) {
                assertTrue(backend.layouts().contains(layout), layout::name);
                assertTrue(generation.acceptsPayload(layout.sizeBytes()), layout::name);
            }
            assertTrue(backend.registers(generation.subVersion()).isEmpty());
        }
        assertTrue(backend.payloads(0).isEmpty());
    }

    @Test
    void shouldNameItsInstructionsAndTheirCodes() {
        Set<String> names = new HashSet<>();
        for (CallFormat call : backend.calls()) {
            assertEquals(CallFormat.Kind.INSTRUCTION, call.kind());
            assertTrue(names.add(call.name()));
            assertEquals("privileged", call.codeName(-2));
            assertEquals(-0x15L, call.code("operand"));
        }
        assertEquals(
                Set.of(
                        "RPCIT", "MPCIFC", "STPCIFC", "CLP", "SIC", "PCILG", "PCISTG", "PCISTB", "PCILGI", "PCISTGI",
                        "PCISTBI", "PCIWB"),
                names);
    }

    @Test
    void shouldSayWhatALayoutCannot() {
        assertEquals(
                "ENTRY_PROTECTION: write protection by a table entry",
                backend.meaning(ErrorRecord.LAYOUT, ErrorRecord.PEC, 0, 0, 0, 5));
        assertEquals("no known event", backend.meaning(ErrorRecord.LAYOUT, ErrorRecord.PEC, 0, 0, 0, 0x99));
        assertEquals(
                "function 1, life 2, enabled",
                backend.meaning(RequestRegister.LAYOUT, RequestRegister.HANDLE, 0x8202_0001_0000_0000L));
        assertEquals("re-register IOAT", backend.meaning(RequestRegister.LAYOUT, RequestRegister.OPERATION, 6));
        assertEquals(
                "insufficient resources",
                backend.meaning(RequestRegister.LAYOUT, RequestRegister.STATUS, 0x1000_0000L));
        assertEquals("", backend.meaning(RequestRegister.LAYOUT, RequestRegister.DMAAS, 0));
    }

    @Test
    void shouldAlignEveryFieldOfABindInTheWholeMessage() {
        BindFormat format = backend.bindFormats().get(0);
        assertEquals(Uapi.BIND_PGTABLE, format.operation());
        assertEquals(0, (Uapi.DATA_OFFSET + Uapi.BIND_HEADER.size(Abi.LP64_LE)) % 8);
        assertEquals(32, format.layout().sizeBytes());
        assertEquals(0, format.vendorFlags());
    }

    @Test
    void shouldTellWhereTheTableOfEveryBindIsSoThatNoPageOfTheHostIsBound() {
        long everything = -1L;
        assertEquals(
                List.of(Iota.ORIGIN.mask()),
                backend.bindFormats().stream()
                        .map(format -> format.table().get(everything))
                        .toList());
    }

    @Test
    void shouldBridgeOnlyWhereNothingIsLost() {
        Set<String> pairs = new HashSet<>();
        for (Shim shim : backend.shims()) {
            pairs.add(shim.from() + ">" + shim.to());
        }
        assertEquals(Set.of("2>1", "2>3", "3>4", "4>3", "4>5", "5>4"), pairs);
    }

    @Test
    void shouldRefuseWhatItDoesNotKnow() {
        Machine machine = Machine.of(2);
        assertRefused(Errno.EPROTONOSUPPORT, () -> backend.createTranslator(0, machine));
        assertRefused(Errno.EPROTONOSUPPORT, () -> Machine.of(0));
        assertRefused(Errno.EPROTONOSUPPORT, () -> Machine.of(2, Map.of("rtr", 1L)));
        assertRefused(Errno.EPROTONOSUPPORT, () -> Machine.of(2, Map.of("dtsm", 0x60L)));
        assertRefused(Errno.EPROTONOSUPPORT, () -> Machine.of(5, Map.of("dtsm", 0x08L)));
        assertRefused(Errno.EPROTONOSUPPORT, () -> Machine.of(4, Map.of("rtr", 1L)));
        assertRefused(Errno.EINVAL, () -> Machine.of(4, Map.of("dtsm", 0L)));
        assertRefused(Errno.EINVAL, () -> Machine.of(2, Map.of("none", 1L)));
        assertRefused(Errno.EINVAL, () -> Machine.of(2, Map.of("maxstbl", 0x2000L)));
        assertRefused(Errno.EINVAL, () -> Machine.of(2, Map.of("functions", 0L)));
        assertRefused(Errno.EINVAL, () -> Machine.of(2, Map.of("sdma", 2L, "edma", 1L)));
        assertRefused(Errno.EINVAL, () -> Machine.of(option("none", "1")));
        assertRefused(Errno.EINVAL, () -> Machine.of(option("rpcit-busy", "-1")));
        assertRefused(Errno.EINVAL, () -> Machine.of(option("function-states", "1")));
        assertRefused(Errno.EINVAL, () -> Machine.of(option("function-states", "1=gone")));
        assertRefused(Errno.EINVAL, () -> Machine.of(option("function-states", "16=standby")));
        assertRefused(Errno.EINVAL, () -> Machine.of(option("dma_avail", "x")));
        assertRefused(Errno.EINVAL, () -> Machine.of(option("dma_avail", "0x")));
        assertRefused(Errno.EINVAL, () -> Machine.of(option("profile", "other")));
        assertRefused(Errno.EPROTONOSUPPORT, () -> Machine.of(option("profile", "qemu")));
        assertRefused(
                Errno.EINVAL,
                () -> Machine.of(new HardwareConfig(2, Map.of(), Map.of("CAP", 1L), CacheConfig.NONE, Map.of())));
    }

    private static HardwareConfig option(String name, String value) {
        return Machine.config(2, Map.of(), Map.of(name, value));
    }

    private static void assertRefused(Errno errno, org.junit.jupiter.api.function.Executable action) {
        assertEquals(errno, assertThrows(BackendException.class, action).errno());
    }

    @Test
    void shouldTakeACapabilityInAnyGroupByAnyOfItsNames() {
        HardwareConfig config = new HardwareConfig(
                2, Map.of("group", Map.of("FR", 0L)), Map.of(), CacheConfig.DEFAULT, Map.of("sdma", "0x200000000"));
        Machine machine = Machine.of(config).withFreshTables();
        assertEquals(
                "0080000000800fa0",
                machine.clp("0020000400000000 0000000000000000 000000FF00000000 0000000000000000", 64)
                        .substring(32, 48));
        int handle = machine.enable(0x0002_0001);
        assertEquals(-0x15, machine.mpcifc(handle, 4, Machine.PBA, Machine.PAL, Machine.IOTA));
    }

    @Test
    void shouldReportWhatIsConfiguredOfAFunction() {
        Machine machine = Machine.of(Machine.config(
                2,
                Map.of("Vfn", 0x1234L, "pchid", 0x5678L, "port", 9L, "type", 5L, "Group id", 0x12L),
                Map.of("profile", "sim")));
        String answer =
                machine.clp("0020000300000000" + "0000000000000000" + "0002000500000000" + "0000000000000000", 384);
        assertEquals("12340012", answer.substring(32, 40), "vfn, group");
        assertEquals("5678", answer.substring(60, 64), "pchid");
        assertEquals("09", answer.substring(120, 122), "port");
        assertEquals("05", answer.substring(126, 128), "type");
    }

    @Test
    void shouldTakeACapabilityOf64BitsAsAnOption() {
        Machine machine = Machine.of(option("edma", "0xffffffffffffffff"));
        int handle = machine.enable(0x0002_0001);
        assertEquals(0, machine.mpcifc(handle, 4, Machine.PBA, -1L, Machine.IOTA));
        machine = Machine.of(option("msi", "18302628885633695744"));
        assertEquals(
                "fe00000000000000",
                machine.clp("0020000400000000 0000000000000000 000000FF00000000 0000000000000000", 64)
                        .substring(80, 96));
    }

    @Test
    void shouldCarryARequestFromBytesToTheChip() {
        Machine machine = Machine.of(2).withFreshTables();
        machine.open(0);
        machine.attach(0, 0x0002_0001);
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.S390, 2);
        Completion completion = machine.submit(
                0,
                writer.bind(Uapi.BIND_PGTABLE, 0, BindPgtable.of(0x0002_0001, Machine.IOTA, Machine.PBA, Machine.PAL)));
        assertEquals(Errno.OK, completion.errno(), completion::toString);
        assertEquals("12345000", machine.read(1, 0x1_0000_2000L));
        machine.page(2, 0x3000_0000L);
        completion = machine.submit(
                0, writer.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, 0x1_0000_2000L, 0x1000, new byte[0]));
        assertEquals(Errno.OK, completion.errno(), completion::toString);
        assertEquals("30000000", machine.read(1, 0x1_0000_2000L));
    }
}
