package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.hardware.ForgetfulVtd;
import org.iommu4j.layout.Words;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A VT-d unit that keeps what was nested over memory that has been taken away is found within some random cases: the fuzzer itself has no
 * guest's tables over a memory map.
 */
class ForgottenMemoryTest {
    private static final int CASES = 200;
    private static final int DEVICE = 0x310;
    private static final int PASID = 5;
    private static final int LEVELS = 4;
    private static final int WIDTH = 48;
    private static final int LEVEL_BITS = 9;
    private static final long PAGE = 4096;
    private static final long TABLES = 0x10_0000;
    private static final long DATA = 0x40_0000;

    /** Where guest-physical memory is in the host's. */
    private static final long OFFSET = 0x100_0000;

    private static final long PRESENT_WRITABLE_USER = 7;
    private static final int READ_WRITE = 3;
    private static final int[] GENERATIONS = {
        VtdGeneration.SCALABLE, VtdGeneration.WIDE_TYPE, VtdGeneration.HOST_PERMISSIONS
    };

    private RequestWriter writer;

    private static Completion send(Container container, long request, byte[] bytes) {
        Completion completion = new Completion();
        container.ioctl(request, bytes, 0, bytes.length, completion);
        return completion;
    }

    private void map(Container container, long gpa) {
        Completion answer =
                send(container, Uapi.VFIO_IOMMU_MAP_DMA, writer.map(new Mapping(gpa, gpa + OFFSET, PAGE, READ_WRITE)));
        assertEquals(Errno.OK, answer.errno(), answer::toString);
    }

    /** True if a device gets a page although memory on the way to it was taken away. */
    private boolean translatesThroughNothing(IommuCore core, SplittableRandom random) {
        int generation = GENERATIONS[random.nextInt(GENERATIONS.length)];
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, generation);
        Unit unit = core.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(generation)));
        try {
            Container container = unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, generation)));
            long iova = random.nextLong(1L << (WIDTH - 1)) & -PAGE;
            for (int level = LEVELS; level >= 1; level--) {
                long table = TABLES + (LEVELS - level) * PAGE;
                long next = level == 1 ? DATA : table + PAGE;
                long index = iova >>> (12 + LEVEL_BITS * (level - 1)) & ((1 << LEVEL_BITS) - 1);
                map(container, table);
                unit.platform().memory().writeLongLe(table + OFFSET + index * Long.BYTES, next | PRESENT_WRITABLE_USER);
            }
            map(container, DATA);
            boolean ofPasid = random.nextBoolean();
            container.attach(DEVICE, new Completion());
            Words payload = Words.of(ofPasid ? BindPasid.LAYOUT : BindPgtable.LAYOUT)
                    .set(BindPgtable.TABLE_ROOT, TABLES)
                    .set(BindPgtable.REQUESTER, DEVICE)
                    .set(BindPgtable.ADDRESS_WIDTH, WIDTH);
            if (ofPasid) {
                payload.set(BindPasid.PASID, PASID);
            }
            int flags = (int) BindPgtable.FLAG_FIRST_STAGE.mask() | (random.nextBoolean() ? BindPgtable.DEVICE_TLB : 0);
            byte[] bind = writer.bind(ofPasid ? Uapi.BIND_PASID : Uapi.BIND_PGTABLE, flags, payload.encode());
            assertEquals(Errno.OK, send(container, Uapi.VFIO_IOMMU_OP, bind).errno());
            assertTrue(translates(unit, iova, ofPasid));
            long gone = random.nextBoolean() ? DATA : TABLES + random.nextInt(LEVELS) * PAGE;
            Completion unmapped = send(container, Uapi.VFIO_IOMMU_UNMAP_DMA, writer.unmap(gone, PAGE, 0));
            assertEquals(Errno.OK, unmapped.errno(), unmapped::toString);
            return translates(unit, iova, ofPasid);
        } finally {
            unit.close();
        }
    }

    private static boolean translates(Unit unit, long iova, boolean withPasid) {
        DmaAccess access = new DmaAccess().begin(DEVICE, iova, DmaAccess.READ).withLength(Long.BYTES);
        unit.dma(withPasid ? access.withPasid(PASID) : access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED;
    }

    private boolean isFound(Backend backend, int cases) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            SplittableRandom random = new SplittableRandom(1);
            for (int i = 0; i < cases; i++) {
                if (translatesThroughNothing(core, random)) {
                    return true;
                }
            }
            return false;
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = ForgetfulVtd.Loss.class,
            names = {"FIRST_STAGE", "NESTED"})
    void shouldFindAUnitThatKeepsWhatWasNested(ForgetfulVtd.Loss loss) {
        assertTrue(isFound(
                BrokenBackend.withChips(
                        new VtdBackend(), (config, platform) -> ForgetfulVtd.create(config, platform, loss)),
                CASES));
    }

    @Test
    void shouldFindNothingInAUnitThatDropsIt() {
        assertFalse(isFound(new VtdBackend(), CASES));
    }
}
