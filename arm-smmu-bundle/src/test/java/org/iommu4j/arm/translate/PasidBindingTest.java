package org.iommu4j.arm.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** PASIDs that are bound one by one, in context descriptors of the host: BIND_PASID. */
class PasidBindingTest {
    private static final int DEVICE = 0x1A8;
    private static final int DOMAIN = 3;
    private static final long IOVA = 0x1234567000L;
    private static final long FIRST = 0x40000000L;
    private static final long SECOND = 0x50000000L;
    private static final int NONE = DmaAccess.NO_PASID;

    private Machine machine;

    @BeforeEach
    void open() {
        open(Map.of());
    }

    private void open(Map<String, Long> fields) {
        machine = Machine.watched(new HardwareConfig(
                SmmuGeneration.V3_3, Map.of("idr", fields), Map.of(), CacheConfig.WORST_CASE, Map.of()));
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        machine.map(FIRST, IOVA, 0x87654f47L, FIRST + 0x1000000);
        machine.map(SECOND, IOVA, 0x99999f47L, SECOND + 0x1000000);
    }

    private Errno bind(int pasid, long table) {
        return machine.bind(DOMAIN, Uapi.BIND_PASID, 0, Machine.pasid(DEVICE, pasid, table));
    }

    private Errno unbind(int pasid, long table) {
        return machine.bind(DOMAIN, Uapi.BIND_PASID, Uapi.BIND_FLAG_UNBIND, Machine.pasid(DEVICE, pasid, table));
    }

    private long read(int pasid) {
        return machine.read(DEVICE, pasid, IOVA);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1})
    void shouldTranslateEachPasidThroughItsTable(long twoLevels) {
        open(Map.of("CD2L", twoLevels));
        assertEquals(Errno.OK, bind(5, FIRST), machine.last()::toString);
        assertEquals(Errno.OK, bind(63, SECOND), machine.last()::toString);
        assertEquals(0x87654000L, read(5));
        assertEquals(0x99999000L, read(63));
        assertEquals(-1, read(6));
        assertEquals(-1, read(NONE));
        assertEquals(Errno.OK, bind(0, SECOND));
        assertEquals(0x99999000L, read(NONE));
    }

    @Test
    void shouldHaveAsManyPasidsAsItsTablesOfTwoLevels() {
        assertEquals(Errno.OK, bind(0x7fff, FIRST), machine.last()::toString);
        assertEquals(0x87654000L, read(0x7fff));
        assertEquals(Errno.EOPNOTSUPP, bind(0x8000, FIRST));
        open(Map.of("CD2L", 0L));
        assertEquals(Errno.EOPNOTSUPP, bind(64, FIRST));
    }

    @Test
    void shouldDropWhatAPasidWasBoundTo() {
        bind(5, FIRST);
        bind(6, SECOND);
        assertEquals(0x87654000L, read(5));
        assertEquals(0x99999000L, read(6));
        assertEquals(Errno.OK, bind(5, SECOND), machine.last()::toString);
        assertEquals(0x99999000L, read(5));
        assertEquals(Errno.EINVAL, unbind(5, FIRST));
        assertEquals(Errno.OK, unbind(5, SECOND), machine.last()::toString);
        assertEquals(-1, read(5));
        assertEquals(0x99999000L, read(6));
        assertEquals(Errno.ENOENT, unbind(5, SECOND));
        assertEquals(Errno.OK, unbind(6, SECOND));
        assertEquals(-1, read(6));
        assertEquals(Errno.OK, bind(6, FIRST));
        assertEquals(0x87654000L, read(6));
    }

    @Test
    void shouldInvalidateOnePasid() {
        bind(5, FIRST);
        assertEquals(0x87654000L, read(5));
        machine.map(FIRST, IOVA, 0x77777f47L, 0);
        machine.takeCommands();
        byte[] request = new RequestWriter(Abi.LP64_LE, IommuModel.ARM_SMMU, SmmuGeneration.V3_3)
                .invalidate(Uapi.SCOPE_PASID | Uapi.SCOPE_VADDR, 0, 5, IOVA, 0x1000, new byte[0]);
        assertEquals(Errno.OK, machine.submit(DOMAIN, request).errno());
        assertEquals(
                List.of("0005000100000012 0000001234567000", "0000000000000046 0000000000000000"),
                machine.takeCommands());
        assertEquals(0x77777000L, read(5));
    }

    @Test
    void shouldRefuseOtherBindsBesides() {
        bind(5, FIRST);
        assertEquals(Errno.EBUSY, machine.bindContexts(DOMAIN, DEVICE, 0x20000000L, 4, 0, 0));
        int deviceTlb = (int) BindPasidTable.FLAG_DEVICE_TLB.mask();
        assertEquals(Errno.EBUSY, machine.bind(DOMAIN, Uapi.BIND_PASID, deviceTlb, Machine.pasid(DEVICE, 6, SECOND)));
        assertEquals(0x87654000L, read(5));
        unbind(5, FIRST);
        assertEquals(
                Errno.OK,
                machine.bind(DOMAIN, Uapi.BIND_PGTABLE, 0, Machine.pageTable(DEVICE, FIRST)),
                machine.last()::toString);
        assertEquals(Errno.EBUSY, bind(5, FIRST));
    }

    @Test
    void shouldKeepTheDescriptorsFromTheGuest() {
        bind(5, FIRST);
        assertFalse(machine.platform().sanitizer().report().chipFaults() > 0);
        machine.swap();
        assertEquals(0x87654000L, read(5));
        assertEquals(Errno.OK, bind(6, SECOND), machine.last()::toString);
        assertEquals(0x99999000L, read(6));
        assertEquals(Errno.OK, machine.detach(DOMAIN, DEVICE));
        assertEquals(-1, read(5));
        assertEquals(Errno.OK, machine.close(DOMAIN));
        assertTrue(machine.platform().sanitizer().report().counts().keySet().stream()
                .noneMatch(kind -> kind.name().equals("STALE_AFTER_COMPLETION")));
    }
}
