package org.iommu4j.amd.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.iommu4j.amd.Machine;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Register;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The host driver on the simulated chip: what devices reach after each change. */
final class AmdViTranslatorTest {
    private static final int DOMAIN = 3;
    private static final int DEVICE = 0x310;
    private static final long TABLE = 0x10_0000L;
    private static final long POOL = 0x20_0000L;
    private static final long PAGE = 0xabc_d000L;
    private static final long IOVA = 0x1234_5000L;
    private static final int UNBIND = Uapi.BIND_FLAG_UNBIND;

    private static Machine machine(int subVersion) {
        Machine machine = Machine.of(subVersion);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        return machine;
    }

    @ParameterizedTest
    @ValueSource(ints = {0x100, 0x200, 0x300, 0x310, 0x320})
    void shouldBlockUntilATableIsBoundAndAfterItIsUnbound(int subVersion) {
        Machine machine = machine(subVersion);
        machine.mapHost(TABLE, 4, IOVA, PAGE, POOL);
        assertEquals(-1, machine.read(DEVICE, IOVA));
        assertEquals(-1, machine.read(0x8, IOVA));
        assertEquals(-1, machine.read(0xffff, IOVA));
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, false));
        assertEquals(PAGE, machine.read(DEVICE, IOVA));
        assertEquals(-1, machine.read(0x8, IOVA));
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, 0, UNBIND));
        assertEquals(-1, machine.read(DEVICE, IOVA));
        assertEquals(Errno.ENOENT, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, 0, UNBIND));
    }

    @Test
    void shouldDropTheOldTableWhenAnotherOneIsBound() {
        Machine machine = machine(AmdViGeneration.V3);
        long next = machine.mapHost(TABLE, 4, IOVA, PAGE, POOL);
        machine.mapHost(TABLE + 0x1000, 4, IOVA, PAGE + 0x1000, next);
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, false);
        assertEquals(PAGE, machine.read(DEVICE, IOVA));
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE + 0x1000, 4, false));
        assertEquals(PAGE + 0x1000, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldServeAnEditedPageOnlyAfterTheInvalidation() {
        Machine machine = machine(AmdViGeneration.V1);
        machine.mapHost(TABLE, 4, IOVA, PAGE, POOL);
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, false);
        assertEquals(PAGE, machine.read(DEVICE, IOVA));
        machine.mapHost(TABLE, 4, IOVA, PAGE + 0x1000, POOL);
        assertEquals(PAGE, machine.read(DEVICE, IOVA));
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, IOVA, 0x1000));
        assertEquals(PAGE + 0x1000, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldKeepRequestsWithoutPasidOutWhereOnlyPasidsAreBound() {
        Machine machine = machine(AmdViGeneration.V3);
        machine.mapGuest(TABLE, 0x7f0000001000L, PAGE, POOL);
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 0x345, TABLE, 0));
        assertEquals(PAGE, machine.read(DEVICE, 0x345, 0x7f0000001000L));
        assertEquals(-1, machine.read(DEVICE, 0x346, 0x7f0000001000L));
        assertEquals(-1, machine.read(DEVICE, IOVA));
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 0x345, TABLE, UNBIND));
        assertEquals(-1, machine.read(DEVICE, 0x345, 0x7f0000001000L));
    }

    @Test
    void shouldRefusePasidsWhereRequestsWithoutOneWouldPass() {
        Machine machine = machine(AmdViGeneration.V2);
        assertEquals(Errno.EOPNOTSUPP, machine.bindPasid(DOMAIN, DEVICE, 0x345, TABLE, 0));
        assertEquals(Errno.EOPNOTSUPP, machine.bindPasidTable(DOMAIN, DEVICE, TABLE, 0, false, 0, 0));
        machine.bindTable(DOMAIN, DEVICE, POOL, 4, false);
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 0x345, TABLE, 0));
        assertEquals(Errno.EBUSY, machine.bindPasidTable(DOMAIN, DEVICE, TABLE, 0, false, 0, 0));
        assertEquals(Errno.EBUSY, machine.bindTable(DOMAIN, DEVICE, POOL, 4, 0, UNBIND));
    }

    @Test
    void shouldRefuseGcr3TablesOfTheHost() {
        Machine machine = machine(AmdViGeneration.NESTED);
        machine.bindTable(DOMAIN, DEVICE, POOL, 4, 1, 0);
        assertEquals(Errno.EOPNOTSUPP, machine.bindPasid(DOMAIN, DEVICE, 0x345, TABLE, 0));
        Machine other = machine(AmdViGeneration.V3);
        long ofHost = other.platform().forOwner(PageOwner.HOST).allocatePages(1);
        assertEquals(Errno.EINVAL, other.bindPasidTable(DOMAIN, DEVICE, ofHost, 0, true, 0, 0));
    }

    @Test
    void shouldRefuseHostTablesInPagesOfTheHost() {
        // The chip takes a table that begins in such a page for the host's, and reads on in such pages.
        Machine machine = machine(AmdViGeneration.V3);
        long ofHost = machine.platform().forOwner(PageOwner.HOST).allocatePages(1);
        assertEquals(Errno.EINVAL, machine.bindTable(DOMAIN, DEVICE, ofHost, 4, false));
        assertEquals(Errno.EPERM, machine.attach(DOMAIN, 0x18, ofHost, 4));
    }

    @Test
    void shouldTranslateNestedAndDropWithTheHostTable() {
        Machine machine = machine(AmdViGeneration.V3);
        // Guest tables at guest address 0x1000 and up, which the host maps to 0x401000 and up.
        long guest = 0x40_0000L;
        long pool = POOL;
        for (long page = 0; page < 0x10_0000; page += 0x1000) {
            pool = machine.mapHost(TABLE, 4, page, guest + page, pool);
        }
        long rights = 0x67;
        machine.memory().writeLongLe(guest + 0x1000 + 0xfe * 8, 0x2000 | rights);
        machine.memory().writeLongLe(guest + 0x2000, 0x3000 | rights);
        machine.memory().writeLongLe(guest + 0x3000, 0x4000 | rights);
        machine.memory().writeLongLe(guest + 0x4000 + 8, 0x5000 | rights);
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, false));
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 0x345, 0x1000, 0));
        assertEquals(guest + 0x5000, machine.read(DEVICE, 0x345, 0x7f0000001000L));
        machine.mapHost(TABLE, 4, 0x5000, guest + 0x8000, pool);
        assertEquals(guest + 0x5000, machine.read(DEVICE, 0x345, 0x7f0000001000L));
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0x5000, 0x1000));
        assertEquals(Fidelity.WIDENED, machine.last().fidelity());
        assertEquals(guest + 0x8000, machine.read(DEVICE, 0x345, 0x7f0000001000L));
    }

    @Test
    void shouldRefusePassThroughUnderSecureNestedPaging() {
        Machine machine = machine(AmdViGeneration.SNP);
        assertEquals(Errno.EOPNOTSUPP, machine.bindTable(DOMAIN, DEVICE, 0, 0, false));
        Machine other = machine(AmdViGeneration.V3);
        assertEquals(Errno.OK, other.bindTable(DOMAIN, DEVICE, 0, 0, false));
        assertEquals(IOVA, other.read(DEVICE, IOVA));
    }

    @Test
    void shouldHaveALargeEventLogUnderSecureNestedPaging() {
        // docs/spec/amd-vi.md 7 B19
        Machine machine = machine(AmdViGeneration.SNP);
        Register base = Rings.EVENT_LOG.base();
        assertEquals(15, Rings.LENGTH.get(machine.readRegister(base.offset(), base.widthBytes())));
    }

    @Test
    void shouldKeepTheDomainIdOfADeviceThatPassesUntranslated() {
        // docs/spec/amd-vi.md 7 B26: what the chip caches for it can be dropped.
        Machine machine = machine(AmdViGeneration.V3);
        machine.bindTable(DOMAIN, DEVICE, 0, 0, false);
        int domainId = ((AmdViTranslator) machine.translator()).stages(DOMAIN)[0].domainId();
        long table = DevTabBase.BASE_ADDRESS.get(machine.readRegister(DevTabBase.REGISTER.offset(), Long.BYTES));
        long word1 = machine.memory().readLongLe(table + DEVICE * (long) DeviceTableEntry.BYTES + Long.BYTES);
        assertEquals(domainId, DeviceTableEntry.DOMAIN_ID.getInt(word1));
        assertTrue(domainId != 0);
    }

    @Test
    void shouldDropEverythingWithOneCommandThoughAbsentEntriesAreCached() {
        // docs/spec/amd-vi.md 7 B27
        Machine machine = Machine.of(new HardwareConfig(
                AmdViGeneration.V3, Map.of("cap", Map.of("NpCache", 1L)), Map.of(), CacheConfig.DEFAULT, Map.of()));
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, false);
        machine.takeCommands();
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, 0, Uapi.FLAGS_NO_PASID, 0, 0));
        assertEquals(1, machine.takeCommands().size());
    }

    @Test
    void shouldRefuseGcr3TablesAtGuestAddressesWhereTheChipCannotHaveThem() {
        // docs/spec/amd-vi.md 1.3 H16
        Machine machine = machine(AmdViGeneration.V3);
        machine.bindTable(DOMAIN, DEVICE, POOL, 4, false);
        assertEquals(Errno.EOPNOTSUPP, bindPasidTable(machine, true));
        assertEquals(Errno.OK, bindPasidTable(machine, false));
        Machine nested = machine(AmdViGeneration.NESTED);
        nested.bindTable(DOMAIN, DEVICE, POOL, 4, false);
        assertEquals(Errno.EOPNOTSUPP, bindPasidTable(nested, false));
        assertEquals(Errno.OK, bindPasidTable(nested, true));
        Machine flat = machine(AmdViGeneration.NESTED);
        flat.bindTable(DOMAIN, DEVICE, 0, 0, false);
        assertEquals(Errno.OK, bindPasidTable(flat, false));
    }

    /** As a guest of another generation asks: the core has checked the format already. */
    private static Errno bindPasidTable(Machine machine, boolean guestRoot) {
        byte[] payload = BindPasidTable.LAYOUT.encode(
                TABLE, BindPasidTable.REQUESTER.of(DEVICE) | (guestRoot ? BindPasidTable.GUEST_ROOT.mask() : 0), 0);
        BindRequest request = new BindRequest();
        request.set(Uapi.BIND_PASIDTBL, machine.config().subVersion(), 0, payload, 0, payload.length);
        Completion completion = new Completion();
        machine.translator().bind(DOMAIN, request, completion);
        return completion.errno();
    }

    @Test
    void shouldGiveEachDomainOfTheGuestAHostDomainOfItsOwn() {
        Machine machine = machine(AmdViGeneration.NESTED);
        machine.attach(DOMAIN, 0x318);
        machine.attach(DOMAIN, 0x320);
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, 5, 0);
        machine.bindTable(DOMAIN, 0x318, TABLE, 4, 6, 0);
        machine.bindTable(DOMAIN, 0x320, TABLE, 4, 5, 0);
        assertEquals(2, ((AmdViTranslator) machine.translator()).stages(DOMAIN).length);
        Machine older = machine(AmdViGeneration.V3);
        older.attach(DOMAIN, 0x318);
        older.bindTable(DOMAIN, DEVICE, TABLE, 4, false);
        older.bindTable(DOMAIN, 0x318, TABLE, 4, false);
        assertEquals(1, ((AmdViTranslator) older.translator()).stages(DOMAIN).length);
    }

    @Test
    void shouldReturnToTheDomainOfWhatIsBelowWhenAGuestTableGoes() {
        Machine machine = machine(AmdViGeneration.NESTED);
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, 5, 0);
        assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, DEVICE, 0x1000, 1, true, 6, 0));
        assertEquals(6, ((AmdViTranslator) machine.translator()).stages(DOMAIN)[0].guestDomain());
        assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, DEVICE, 0x1000, 1, true, 6, UNBIND));
        assertEquals(5, ((AmdViTranslator) machine.translator()).stages(DOMAIN)[0].guestDomain());
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, 5, UNBIND));
    }

    @Test
    void shouldDropAllThatADeviceHoldsWhenTheTableBelowGuestTablesChanges() {
        // AMD-D.17: the request names guest physical addresses, the device holds guest virtual ones.
        Machine machine = machine(AmdViGeneration.V3);
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, true);
        machine.bindPasid(DOMAIN, DEVICE, 0x345, 0x1000, 0);
        machine.takeCommands();
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0x5000, 0x1000));
        assertEquals(
                List.of("4000031020000310 7ffffffffffff001", "4045031020030310 7ffffffffffff005"),
                machine.takeCommands().stream().skip(1).map(Object::toString).toList());
    }

    @Test
    void shouldWaitForItsOwnCommandsWhateverOthersWaitedFor() {
        // B22: no wait stores what an earlier one has stored, and each stands behind the commands that it is for.
        Machine machine = machine(AmdViGeneration.V3);
        machine.open(DOMAIN + 1);
        machine.attach(DOMAIN + 1, 0x18);
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, false);
        machine.bindTable(DOMAIN + 1, 0x18, TABLE, 4, false);
        machine.takeHex();
        long before = 0;
        for (int request = 0; request < 8; request++) {
            machine.invalidate(DOMAIN + request % 2, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, IOVA, 0x1000);
            machine.translator().finish(new Completion());
            List<String> issued = machine.takeHex();
            assertEquals(2, issued.size(), issued::toString);
            ByteBuffer wait =
                    ByteBuffer.wrap(HexFormat.of().parseHex(issued.get(1))).order(ByteOrder.LITTLE_ENDIAN);
            assertEquals(AmdViCommand.OP_COMPLETION_WAIT, AmdViCommand.opcodeOf(wait.getLong(0)));
            assertTrue(wait.getLong(8) > before, issued::toString);
            before = wait.getLong(8);
        }
    }

    /** 48882 3.4.4: with InvTimeOut 0 a unit waits for ever, and never says that a device does not answer. */
    @Test
    void shouldHaveTheChipWaitForADeviceForASecond() {
        Machine machine = Machine.of(AmdViGeneration.V3);
        assertEquals(Control.ONE_SECOND, Control.INV_TIME_OUT.getInt(machine.read(Control.REGISTER)));
    }

    @Test
    void shouldSayThatADeviceDidNotAnswerAndBlockIt() {
        boolean[] answers = {true};
        Machine machine =
                Machine.of(HardwareConfig.of(AmdViGeneration.V3), (requester, pasid, iova, bytes) -> answers[0]);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        machine.mapHost(TABLE, 4, IOVA, PAGE, POOL);
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, true);
        answers[0] = false;
        assertEquals(Errno.EIO, machine.invalidate(DOMAIN, 0, Uapi.FLAGS_NO_PASID, 0, 0));
        assertEquals(Errno.EIO, machine.bindTable(DOMAIN, DEVICE, TABLE + 0x1000, 4, true));
        assertEquals(-1, machine.read(DEVICE, IOVA));
        answers[0] = true;
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, true));
        assertEquals(PAGE, machine.read(DEVICE, IOVA));
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, 0, Uapi.FLAGS_NO_PASID, 0, 0));
    }

    @Test
    void shouldBlockADeviceWhosePasidCannotBeChanged() {
        boolean[] answers = {true};
        Machine machine =
                Machine.of(HardwareConfig.of(AmdViGeneration.V3), (requester, pasid, iova, bytes) -> answers[0]);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        long guest = TABLE + 0x1000;
        machine.mapGuest(guest, IOVA, PAGE, POOL);
        machine.bindTable(DOMAIN, DEVICE, 0, 0, true);
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 1, guest, 0));
        assertEquals(PAGE, machine.read(DEVICE, 1, IOVA));
        answers[0] = false;
        assertEquals(Errno.EIO, machine.bindPasid(DOMAIN, DEVICE, 2, guest, 0));
        assertEquals(-1, machine.read(DEVICE, 1, IOVA));
        assertEquals(-1, machine.read(DEVICE, 2, IOVA));
        answers[0] = true;
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, 0, 0, true));
        assertEquals(-1, machine.read(DEVICE, 1, IOVA));
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 2, guest, 0));
        assertEquals(PAGE, machine.read(DEVICE, 2, IOVA));
        assertEquals(-1, machine.read(DEVICE, 1, IOVA));
    }

    @Test
    void shouldDropEverythingWithTheNextPasidOfAnyDeviceAfterAFailure() {
        boolean[] answers = {true};
        Machine machine =
                Machine.of(HardwareConfig.of(AmdViGeneration.V3), (requester, pasid, iova, bytes) -> answers[0]);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        int other = DEVICE + 1;
        machine.attach(DOMAIN, other);
        machine.bindTable(DOMAIN, DEVICE, 0, 0, true);
        machine.bindTable(DOMAIN, other, 0, 0, false);
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, other, 1, TABLE, 0));
        answers[0] = false;
        assertEquals(Errno.EIO, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, true));
        machine.takeCommands();
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, other, 2, TABLE, 0));
        assertEquals(
                AmdViCommand.OP_ALL,
                AmdViCommand.opcodeOf(machine.takeCommands().get(0).low()));
    }

    @Test
    void shouldTellTimeoutsThoughDevicesFillTheEventLog() {
        boolean[] answers = {true};
        Machine machine =
                Machine.of(HardwareConfig.of(AmdViGeneration.V3), (requester, pasid, iova, bytes) -> answers[0]);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, true);
        for (int i = 0; i < 600; i++) {
            assertEquals(-1, machine.read(DEVICE, IOVA));
        }
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, 0, Uapi.FLAGS_NO_PASID, 0, 0));
        answers[0] = false;
        assertEquals(Errno.EIO, machine.invalidate(DOMAIN, 0, Uapi.FLAGS_NO_PASID, 0, 0));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x100, 0x200, 0x300, 0x310, 0x320})
    void shouldGoOnAfterASwap(int subVersion) {
        Machine machine = machine(subVersion);
        machine.mapHost(TABLE, 4, IOVA, PAGE, POOL);
        boolean nested = subVersion == AmdViGeneration.NESTED;
        machine.bindTable(DOMAIN, DEVICE, TABLE, 4, nested ? 7 : 0, 0);
        if (nested) {
            assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, DEVICE, 0x1000, 1, false, 7, 0));
        } else if (subVersion != AmdViGeneration.V1) {
            assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 0x345, 0x1000, 0));
        }
        machine.swap();
        assertEquals(PAGE, machine.read(DEVICE, IOVA));
        machine.mapHost(TABLE, 4, IOVA, PAGE + 0x1000, POOL);
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, IOVA, 0x1000));
        assertEquals(PAGE + 0x1000, machine.read(DEVICE, IOVA));
        assertEquals(Errno.OK, machine.close(DOMAIN));
        assertEquals(-1, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldServeDevicesOfEveryBusWithATableThatGrows() {
        for (int subVersion : List.of(AmdViGeneration.V1, AmdViGeneration.V3)) {
            Machine machine = machine(subVersion);
            machine.mapHost(TABLE, 4, IOVA, PAGE, POOL);
            for (int device : new int[] {0x310, 0x8, 0x1ff8, 0x7f00}) {
                machine.attach(DOMAIN, device);
                assertEquals(Errno.OK, machine.bindTable(DOMAIN, device, TABLE, 4, false));
                assertEquals(PAGE, machine.read(device, IOVA));
                assertEquals(-1, machine.read(device ^ 1, IOVA));
            }
            assertEquals(PAGE, machine.read(DEVICE, IOVA));
        }
    }

    @Test
    void shouldStartAHaltedBufferAnewThoughDevicesOfManyBusesAreThere() {
        // A chip without a command for everything: only what it can have is named.
        Machine machine = machine(AmdViGeneration.V1);
        machine.mapHost(TABLE, 4, IOVA, PAGE, POOL);
        machine.attach(DOMAIN, 0x7f00);
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, false));
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, 0x7f00, TABLE, 4, false));
        assertEquals(PAGE, machine.read(0x7f00, IOVA));
        Register control = Control.REGISTER;
        long enabled = machine.readRegister(control.offset(), control.widthBytes());
        machine.writeRegister(control.offset(), control.widthBytes(), enabled & ~Control.CMD_BUF_EN.mask());
        machine.mapHost(TABLE, 4, IOVA, PAGE + 0x1000, POOL);
        machine.invalidate(DOMAIN, 0, Uapi.FLAGS_NO_PASID, 0, 0);
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, 0, Uapi.FLAGS_NO_PASID, 0, 0));
        assertEquals(PAGE + 0x1000, machine.read(0x7f00, IOVA));
        assertEquals(PAGE + 0x1000, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldRefuseWhatTheChipDoesNotHave() {
        Machine machine = Machine.of(new HardwareConfig(
                AmdViGeneration.V1, Map.of("cap", Map.of("IotlbSup", 0L)), Map.of(), CacheConfig.DEFAULT, Map.of()));
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        assertEquals(Errno.EOPNOTSUPP, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, 0, (int)
                BindPgtable.FLAG_DEVICE_TLB.mask()));
        assertEquals(Errno.EINVAL, machine.bindTable(DOMAIN, DEVICE, 1L << 50, 4, 0, 0));
        assertEquals(Errno.ENODEV, machine.bindTable(DOMAIN, DEVICE + 1, TABLE, 4, 0, 0));
        assertTrue(machine.last().reason().contains("not in the container"));
    }
}
