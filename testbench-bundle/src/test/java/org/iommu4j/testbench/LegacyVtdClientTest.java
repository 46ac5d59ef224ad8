package org.iommu4j.testbench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Rule;
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
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.layout.Words;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A VT-d client of legacy mode on a chip of scalable mode: binds, unbinds and invalidations come to the same as on a chip of its own. */
class LegacyVtdClientTest {
    private static final int[] DEVICES = {0x310, 0x311, 0x420};
    private static final int WIDTH = 39;
    private static final int LEVELS = 3;
    private static final int PAGES = 4;
    private static final int PAGE_SHIFT = 12;
    private static final long READ_WRITE = 3;
    private static final long[] TABLES = {0x100_0000, 0x110_0000};
    private static final long TARGETS = 0x200_0000;
    private static final byte[] NONE = {};

    /** A machine with the client's two containers: the last device is in the second, the others are in the first. */
    private static final class Machine {
        private final Unit unit;
        private final int client;
        private final List<Container> containers = new ArrayList<>();

        Machine(IommuCore core, int client, int chip) {
            this.client = client;
            unit = core.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(chip)));
            for (int i = 0; i < 2; i++) {
                containers.add(unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, client))));
            }
            for (int device : DEVICES) {
                home(device).attach(device, new Completion());
            }
            for (long table : TABLES) {
                for (int level = 1; level < LEVELS; level++) {
                    long at = table + ((long) (level - 1) << PAGE_SHIFT);
                    unit.platform().memory().writeLongLe(at, (at + (1L << PAGE_SHIFT)) | READ_WRITE);
                }
                for (int page = 0; page < PAGES; page++) {
                    map(table, page, page);
                }
            }
        }

        Container home(int device) {
            return containers.get(device == DEVICES[DEVICES.length - 1] ? 1 : 0);
        }

        void map(long table, int page, int target) {
            long leaf = table + ((long) (LEVELS - 1) << PAGE_SHIFT) + (long) page * Long.BYTES;
            unit.platform().memory().writeLongLe(leaf, (TARGETS + ((long) target << PAGE_SHIFT)) | READ_WRITE);
        }

        Completion send(Container container, byte[] request) {
            Completion completion = new Completion();
            container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
            return completion;
        }

        Completion bind(int device, long table, int flags) {
            byte[] payload = Words.of(BindPgtable.LAYOUT)
                    .set(BindPgtable.REQUESTER, device)
                    .set(BindPgtable.TABLE_ROOT, table)
                    .set(BindPgtable.ADDRESS_WIDTH, table == 0 ? 0 : WIDTH)
                    .encode();
            return send(home(device), writer().bind(Uapi.BIND_PGTABLE, flags, payload));
        }

        RequestWriter writer() {
            return new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, client);
        }

        /** What each device gets for each page. */
        List<String> translations() {
            List<String> found = new ArrayList<>();
            DmaAccess access = new DmaAccess();
            for (int device : DEVICES) {
                for (int page = 0; page < PAGES; page++) {
                    unit.dma(access.begin(device, (long) page << PAGE_SHIFT, DmaAccess.READ)
                            .withLength(Long.BYTES));
                    boolean translated = access.outcome() == DmaAccess.Outcome.TRANSLATED;
                    found.add(device + " " + page + " " + (translated ? Long.toHexString(access.spa()) : "blocked"));
                }
            }
            return found;
        }
    }

    private static byte[] vendorPart(int client, int device, boolean range, int page, boolean ofDevice) {
        if (client == VtdGeneration.LEGACY_REG) {
            return NONE;
        }
        long address = (long) page << PAGE_SHIFT;
        if (ofDevice) {
            return Words.of(DeviceTlbInvalidate.LAYOUT)
                    .set(DeviceTlbInvalidate.TYPE, VtdCommand.TYPE_DEVICE_TLB)
                    .set(DeviceTlbInvalidate.SID, device)
                    .set(DeviceTlbInvalidate.ADDR, address >>> PAGE_SHIFT)
                    .encode();
        }
        return Words.of(IotlbInvalidate.LAYOUT)
                .set(IotlbInvalidate.TYPE, VtdCommand.TYPE_IOTLB)
                .set(IotlbInvalidate.G, range ? IotlbInvalidate.PAGE : IotlbInvalidate.DOMAIN)
                .set(IotlbInvalidate.ADDR, range ? address : 0)
                .encode();
    }

    /** Does the same to both machines, whose answers and translations are the same afterwards. */
    private static void doSame(Machine own, Machine other, SplittableRandom random) {
        int device = DEVICES[random.nextInt(DEVICES.length)];
        long table = TABLES[random.nextInt(TABLES.length)];
        boolean queued = own.client != VtdGeneration.LEGACY_REG;
        if (random.nextInt(3) == 0) {
            int flags = random.nextInt(4) == 0 ? Uapi.BIND_FLAG_UNBIND : 0;
            boolean passes = queued && random.nextInt(4) == 0;
            flags |= passes ? BindPgtable.PASS_THROUGH : 0;
            flags |= queued && !passes && random.nextBoolean() ? BindPgtable.DEVICE_TLB : 0;
            Completion expected = own.bind(device, passes ? 0 : table, flags);
            Completion answer = other.bind(device, passes ? 0 : table, flags);
            assertEquals(expected.errno(), answer.errno(), () -> expected + " but " + answer);
            assertEquals(expected.rule(), answer.rule(), () -> expected + " but " + answer);
        } else {
            int page = random.nextInt(PAGES);
            int target = random.nextInt(1 << Byte.SIZE);
            boolean range = random.nextBoolean();
            int scope = range ? Uapi.SCOPE_VADDR : 0;
            int flags = random.nextBoolean() ? Uapi.FLAGS_NO_PASID : 0;
            byte[] part = random.nextBoolean() ? NONE : vendorPart(own.client, device, range, page, false);
            for (Machine machine : List.of(own, other)) {
                machine.map(table, page, target);
                for (Container container : machine.containers) {
                    Completion answer = machine.send(
                            container,
                            machine.writer()
                                    .invalidate(
                                            scope,
                                            flags,
                                            0,
                                            range ? (long) page << PAGE_SHIFT : 0,
                                            range ? 1L << PAGE_SHIFT : 0,
                                            part));
                    assertEquals(Errno.OK, answer.errno(), answer::toString);
                }
            }
        }
        assertEquals(own.translations(), other.translations());
    }

    @ParameterizedTest
    @CsvSource({
        "0x100, 0x300",
        "0x100, 0x400",
        "0x100, 0x500",
        "0x110, 0x300",
        "0x110, 0x400",
        "0x110, 0x500",
        "0x100, 0x110"
    })
    void shouldTranslateAsOnAChipOfItsOwn(String client, String chip) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new VtdBackend());
            Property.check(4, random -> {
                Machine own = new Machine(core, Integer.decode(client), Integer.decode(client));
                Machine other = new Machine(core, Integer.decode(client), Integer.decode(chip));
                for (int i = 0; i < 30; i++) {
                    doSame(own, other, random);
                }
                own.unit.close();
                other.unit.close();
            });
        }
    }

    @Test
    void shouldReachTheTlbOfADevice() {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new VtdBackend());
            Machine machine = new Machine(core, VtdGeneration.LEGACY_QI, VtdGeneration.HOST_PERMISSIONS);
            assertEquals(
                    Errno.OK,
                    machine.bind(DEVICES[0], TABLES[0], BindPgtable.DEVICE_TLB).errno());
            List<Integer> types = new ArrayList<>();
            machine.unit.tap(bytes -> types.add((int) IotlbInvalidate.TYPE.get(bytes[0])));
            Completion answer = machine.send(
                    machine.containers.get(0),
                    machine.writer()
                            .invalidate(
                                    Uapi.SCOPE_VADDR,
                                    0,
                                    0,
                                    0,
                                    1L << PAGE_SHIFT,
                                    vendorPart(VtdGeneration.LEGACY_QI, DEVICES[0], true, 0, true)));
            assertEquals(Errno.OK, answer.errno(), answer::toString);
            assertEquals(List.of(VtdCommand.TYPE_DEVICE_TLB), types.subList(0, 1));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {VtdGeneration.SCALABLE, VtdGeneration.WIDE_TYPE, VtdGeneration.HOST_PERMISSIONS})
    void shouldRefuseAGuestOfScalableModeWhatLegacyModeDoesNotHave(int client) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new VtdBackend());
            Machine machine = new Machine(core, client, VtdGeneration.LEGACY_QI);
            assertEquals(Errno.OK, machine.bind(DEVICES[0], TABLES[0], 0).errno());
            Completion firstStage = machine.bind(DEVICES[1], TABLES[1], (int) BindPgtable.FLAG_FIRST_STAGE.mask());
            assertEquals(Errno.EOPNOTSUPP, firstStage.errno(), firstStage::toString);
            assertEquals(Rule.V34, firstStage.rule());
            assertEquals(Uapi.BIND_FLAGS.name(), firstStage.field());
            byte[] payload = Words.of(BindPasid.LAYOUT)
                    .set(BindPgtable.REQUESTER, DEVICES[1])
                    .set(BindPgtable.TABLE_ROOT, TABLES[1])
                    .set(BindPgtable.ADDRESS_WIDTH, WIDTH)
                    .set(BindPasid.PASID, 1)
                    .encode();
            Completion pasid =
                    machine.send(machine.home(DEVICES[1]), machine.writer().bind(Uapi.BIND_PASID, 0, payload));
            assertEquals(Errno.EOPNOTSUPP, pasid.errno(), pasid::toString);
            assertEquals(Rule.V34, pasid.rule());
            Completion unbound = machine.bind(DEVICES[0], TABLES[0], Uapi.BIND_FLAG_UNBIND);
            assertEquals(Errno.OK, unbound.errno(), unbound::toString);
            assertEquals(Fidelity.EXACT, unbound.fidelity());
        }
    }
}
