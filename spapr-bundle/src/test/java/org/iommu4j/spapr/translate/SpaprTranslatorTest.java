package org.iommu4j.spapr.translate;

import static org.iommu4j.contract.Uapi.FLAGS_NO_PASID;
import static org.iommu4j.contract.Uapi.SCOPE_VADDR;
import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.spapr.Machine;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.testing.ForwardingPort;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Containers, devices and windows. */
class SpaprTranslatorTest {
    private static final long TABLE = 0x1000_0000;
    private static final long OTHER = 0x2000_0000;
    private static final int RID = 0x0100;

    private final Machine machine = Machine.of(2);

    private static byte[] window(long table, int requester) {
        return Machine.bindPayload(table, requester, 12, 30, 1, 0, 0);
    }

    private void map(long table, long iova, long tce) {
        machine.memory().writeLongBe(table + (iova >>> 12) * 8, tce);
    }

    @Test
    void shouldBlockEveryDeviceUntilItIsBound() {
        map(TABLE, 0x1000, 0x20_0003);
        assertEquals(-1, machine.read(RID, 0x1000));
        machine.open(1);
        assertEquals(Errno.OK, machine.attach(1, LIOBN));
        assertEquals(-1, machine.read(LIOBN, 0x1000));
        assertEquals(Errno.OK, machine.bind(1, 0, window(TABLE, LIOBN)));
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000), "a binding begins with a normal endpoint");
        assertEquals(-1, machine.read(RID, 0x1000));
        assertEquals(Errno.OK, machine.attach(1, RID));
        assertEquals(0x20_0000, machine.read(RID, 0x1000));
        assertEquals(Errno.OK, machine.detach(1, RID));
        assertEquals(-1, machine.read(RID, 0x1000));
    }

    @Test
    void shouldDropWhatIsCachedOnAnInvalidation() {
        map(TABLE, 0x1000, 0x20_0003);
        machine.open(1);
        machine.attach(1, LIOBN, TABLE, 1);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000));
        map(TABLE, 0x1000, 0x30_0003);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000));
        assertEquals(Errno.OK, machine.invalidate(1, SCOPE_VADDR, FLAGS_NO_PASID, 0x1000, 0x1000));
        assertEquals(0x30_0000, machine.read(LIOBN, 0x1000));
    }

    @Test
    void shouldKeepContainersApart() {
        map(TABLE, 0x1000, 0x20_0003);
        map(OTHER, 0x1000, 0x30_0003);
        machine.open(1);
        machine.open(2);
        machine.attach(1, LIOBN, TABLE, 1);
        machine.attach(2, LIOBN + 0x100, OTHER, 1);
        machine.attach(2, RID);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000));
        assertEquals(0x30_0000, machine.read(LIOBN + 0x100, 0x1000));
        assertEquals(0x30_0000, machine.read(RID, 0x1000));
        map(TABLE, 0x1000, 0x21_0003);
        map(OTHER, 0x1000, 0x31_0003);
        machine.invalidate(2, SCOPE_VADDR, 0, 0x1000, 0x1000);
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000), "another container's");
        assertEquals(0x31_0000, machine.read(LIOBN + 0x100, 0x1000));
    }

    @Test
    void shouldGiveADeviceToOneContainer() {
        machine.open(1);
        machine.open(2);
        assertEquals(Errno.OK, machine.attach(1, LIOBN));
        assertEquals(Errno.EEXIST, machine.attach(1, LIOBN));
        assertEquals(Errno.EBUSY, machine.attach(2, LIOBN));
        assertEquals(Errno.EINVAL, machine.attach(1, 0x1_0000));
        assertEquals(Errno.ENODEV, machine.detach(2, LIOBN));
        assertEquals(
                Errno.EBUSY,
                machine.attach(1, RID, OTHER, 1) == Errno.OK ? machine.attach(1, RID + 1, TABLE, 1) : Errno.OK,
                "the devices of a container share its windows");
    }

    @Test
    void shouldShareATableBetweenDevices() {
        map(TABLE, 0x1000, 0x20_0003);
        machine.open(1);
        machine.attach(1, RID, TABLE, 1);
        machine.attach(1, RID + 1, TABLE, 1);
        assertEquals(Errno.OK, machine.detach(1, RID));
        assertEquals(0x20_0000, machine.read(RID + 1, 0x1000));
        assertEquals(Errno.OK, machine.detach(1, RID + 1));
        assertEquals(-1, machine.read(RID + 1, 0x1000));
    }

    @Test
    void shouldBeginAnewWhenAContainerCloses() {
        map(TABLE, 0x1000, 0x20_0003);
        machine.open(1);
        machine.attach(1, LIOBN, TABLE, 1);
        machine.attach(1, RID);
        machine.read(RID, 0x1000);
        assertEquals(Errno.OK, machine.close(1));
        assertEquals(-1, machine.read(LIOBN, 0x1000));
        assertEquals(-1, machine.read(RID, 0x1000));
        machine.open(2);
        assertEquals(Errno.OK, machine.attach(2, LIOBN));
        assertEquals(-1, machine.read(LIOBN, 0x1000));
        assertEquals(Errno.OK, machine.invalidate(2, SCOPE_VADDR, 0, 0x1000, 0x1000), "the default window is back");
    }

    @Test
    void shouldUndoExactlyWhatWasBound() {
        machine.open(1);
        machine.attach(1, LIOBN);
        assertEquals(Errno.ENOENT, machine.bind(1, Uapi.BIND_FLAG_UNBIND, window(TABLE, LIOBN)));
        assertEquals(Errno.OK, machine.bind(1, 0, window(TABLE, LIOBN)));
        assertEquals(Errno.EINVAL, machine.bind(1, Uapi.BIND_FLAG_UNBIND, window(OTHER, LIOBN)));
        assertEquals(Rule.V35, machine.last().rule());
        assertEquals(Errno.OK, machine.bind(1, Uapi.BIND_FLAG_UNBIND, window(TABLE, LIOBN)));
        assertEquals(Errno.ENXIO, machine.invalidate(1, SCOPE_VADDR, 0, 0x1000, 0x1000), "there is no window any more");
    }

    @Test
    void shouldReplaceAWindowOfTheSameName() {
        map(TABLE, 0x1000, 0x20_0003);
        map(OTHER, 0x1000, 0x30_0003);
        machine.open(1);
        machine.attach(1, LIOBN);
        machine.bind(1, 0, window(TABLE, LIOBN));
        assertEquals(0x20_0000, machine.read(LIOBN, 0x1000));
        assertEquals(Errno.OK, machine.bind(1, 0, window(OTHER, LIOBN)));
        assertEquals(0x30_0000, machine.read(LIOBN, 0x1000), "nothing of the old table is cached");
    }

    @Test
    void shouldKeepWhatIsBoundWhenThePlatformRefusesTheNewTable() {
        Machine bare = Machine.bare(2);
        bare.memory().writeLongBe(TABLE + 8, 0x20_0003);
        Translator driver = bare.backend().createTranslator(2, new RefusingPort(bare, OTHER));
        Completion completion = new Completion();
        driver.openDomain(1, completion);
        driver.attach(1, LIOBN, TABLE, 1, completion);
        assertEquals(0x20_0000, bare.read(LIOBN, 0x1000));

        byte[] other = window(OTHER, LIOBN);
        driver.bind(1, new BindRequest().set(Uapi.BIND_PGTABLE, 2, 0, other, 0, other.length), completion.begin());

        assertEquals(Errno.ENOMEM, completion.errno());
        assertEquals(0x20_0000, bare.read(LIOBN, 0x1000));
        byte[] bound = window(TABLE, LIOBN);
        driver.bind(
                1,
                new BindRequest().set(Uapi.BIND_PGTABLE, 2, Uapi.BIND_FLAG_UNBIND, bound, 0, bound.length),
                completion.begin());
        assertEquals(Errno.OK, completion.errno());
        assertEquals(-1, bare.read(LIOBN, 0x1000));
    }

    /** A platform without room for a window of one table. */
    private static final class RefusingPort extends ForwardingPort {
        private final long table;

        private RefusingPort(Machine machine, long table) {
            super(machine.platform(), machine.chip());
            this.table = table;
        }

        @Override
        public void call(NativeCall call) {
            if (call.function() == SpaprCall.H_SET_TCE_TABLE && call.word(7) == table) {
                call.result(HypercallCode.NOT_ENOUGH_RESOURCES);
            } else {
                super.call(call);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldNotBlameTheRequestForAnEntryThatThePlatformDoesNotTakeAgain(int subVersion) {
        Machine old = Machine.of(subVersion);
        old.open(1);
        old.attach(1, LIOBN, TABLE, 1);
        old.memory().writeLongBe(TABLE + 8, 0x20_0103);
        assertEquals(Errno.EIO, old.invalidate(1, SCOPE_VADDR, 0, 0x1000, 0x2000));
        assertEquals(Rule.V38, old.last().rule());
        assertEquals(0x20_0103, old.memory().readLongBe(TABLE + 8));
        assertEquals(Errno.OK, old.invalidate(1, SCOPE_VADDR, 0, 0x2000, 0x1000));
    }

    @Test
    void shouldLeaveTheDefaultWindowInItsSlotWhenARequesterIdBindsTheOther() {
        Machine ioda = Machine.of(3);
        ioda.open(1);
        ioda.attach(1, RID);
        assertEquals(Errno.OK, ioda.bind(1, 0, Machine.bindPayload(TABLE, RID, 12, 30, 1, 0, 1L << 59)));
        assertEquals(Errno.OK, ioda.invalidate(1, SCOPE_VADDR, 0, 0x1000, 0x1000), "the default window is there");
        assertEquals(Errno.OK, ioda.invalidate(1, SCOPE_VADDR, 0, 1L << 59, 0x1000));
    }

    @Test
    void shouldRefuseALiobnOfAnothersWindow() {
        Machine ioda = Machine.of(3);
        ioda.open(1);
        ioda.open(2);
        ioda.attach(1, RID);
        ioda.attach(1, RID + 1);
        ioda.bind(1, 0, Machine.bindPayload(TABLE, RID, 12, 30, 1, 0, 1L << 59));
        int chosen = LIOBN + 1;
        assertEquals(Errno.EBUSY, ioda.attach(2, chosen), "its accesses would go through the other container's window");
        assertEquals(Errno.OK, ioda.attach(1, chosen), "every device of the container reaches its windows");
        assertEquals(Errno.EBUSY, ioda.bind(1, 0, Machine.bindPayload(OTHER, chosen, 12, 30, 1, 0, 0)));
        assertEquals("requester", ioda.last().field());
    }

    @Test
    void shouldNotBindAnewUnderTheLiobnOfAnother() {
        machine.open(1);
        machine.attach(1, LIOBN, TABLE, 1);
        machine.attach(1, LIOBN + 1, TABLE, 1);
        machine.detach(1, LIOBN);
        assertEquals(Errno.OK, machine.bind(1, 0, window(TABLE, LIOBN + 1)), "no change");
        assertEquals(Errno.EBUSY, machine.bind(1, 0, window(OTHER, LIOBN + 1)));
        assertEquals(Errno.OK, machine.bind(1, Uapi.BIND_FLAG_UNBIND, window(TABLE, LIOBN + 1)));
        assertEquals(Errno.OK, machine.bind(1, 0, window(OTHER, LIOBN + 1)));
        map(OTHER, 0x1000, 0x30_0003);
        assertEquals(0x30_0000, machine.read(LIOBN + 1, 0x1000));
    }

    @Test
    void shouldRefuseToUnmapMoreThanItCanInATime() {
        Machine ioda = Machine.of(3);
        ioda.open(1);
        ioda.attach(1, RID);
        assertEquals(Errno.OK, ioda.bind(1, 0, Machine.bindPayload(TABLE, RID, 12, 52, 4, 0, 0)));
        byte[] clear = Machine.payload(0xffff_ffffL, 1, 0, 0xffff_ffffL, 0);
        assertEquals(Errno.ERANGE, ioda.invalidate(1, SCOPE_VADDR, 0, 0, 1L << 52, clear));
        assertEquals("size", ioda.last().field());
        assertEquals(Errno.OK, ioda.invalidate(1, SCOPE_VADDR, 0, 0, 1L << 24, clear));
    }

    @Test
    void shouldUnmapManyPagesInPiecesThatTogetherAreTheWhole() {
        machine.open(1);
        machine.attach(1, LIOBN, TABLE, 1);
        long last = (3 * 2048L - 1) << 12;
        map(TABLE, 0, 0x30_0003);
        map(TABLE, last, 0x30_1003);
        assertEquals(0x30_1000, machine.read(LIOBN, last));
        byte[] clear = Machine.payload(0xffff_ffffL, 1, 0, 0xffff_ffffL, 0);
        InvalidateRequest request =
                new InvalidateRequest().set(SCOPE_VADDR, 0, 0, 0, last + 0x1000, 2, clear, 0, clear.length);
        Translator driver = machine.translator();
        Completion completion = new Completion();
        assertEquals(Translator.UNFINISHED, driver.invalidate(1, request, completion.begin()));
        assertEquals(2048, request.progress());
        assertEquals(Translator.UNFINISHED, driver.invalidate(1, request, completion.begin()));
        assertEquals(0x30_1000, machine.read(LIOBN, last));
        assertEquals(0, driver.invalidate(1, request, completion.begin()));
        assertEquals(Errno.OK, completion.errno());
        assertNotEquals(0x30_1000, machine.read(LIOBN, last));
        assertNotEquals(0x30_0000, machine.read(LIOBN, 0));
    }

    @Test
    void shouldRefuseLevelsThatReachTooFar() {
        // docs/spec/spapr-tce.md 3.4
        Machine ioda = Machine.of(3);
        ioda.open(1);
        assertEquals(Errno.EINVAL, ioda.attach(1, RID, TABLE, 5));
        assertEquals("levels", ioda.last().field());
    }

    @Test
    void shouldMakeTheDefaultWindowTheDefaultOneAgainWhenItsContainerCloses() {
        Machine ioda = Machine.of(3);
        byte[] before = ioda.chip().save().bytes();
        ioda.open(1);
        ioda.attach(1, LIOBN, TABLE, 1);
        ioda.close(1);
        assertArrayEquals(before, ioda.chip().save().bytes());
    }

    @Test
    void shouldRefuseAWindowInsideAnother() {
        // quirk 10
        machine.open(1);
        machine.attach(1, LIOBN, TABLE, 1);
        machine.attach(1, LIOBN + 1);
        assertEquals(Errno.EINVAL, machine.bind(1, 0, Machine.bindPayload(OTHER, LIOBN + 1, 12, 20, 1, 0, 0x10_0000)));
        assertEquals("base", machine.last().field());
    }

    @ParameterizedTest
    @CsvSource({
        "0, 12, 30, 1, 0, 0, OK, ''",
        "0, 16, 30, 1, 0, 0, EINVAL, page_shift",
        "0, 11, 30, 1, 0, 0, EINVAL, page_shift",
        "0, 12, 11, 1, 0, 0, EINVAL, window_shift",
        "0, 12, 33, 1, 0, 0, EINVAL, base",
        "0, 12, 30, 0, 0, 0, EINVAL, levels",
        "0, 12, 30, 2, 0, 0, EINVAL, levels",
        "0, 12, 30, 1, 11, 0, EINVAL, level_shift",
        "0, 12, 30, 1, 20, 0, EINVAL, levels",
        "0, 12, 30, 1, 21, 0, OK, ''",
        "0, 12, 30, 1, 0, 1152921504606846976, EINVAL, base",
        "0, 12, 30, 1, 0, 576460752303423488, EINVAL, base",
        "4096, 12, 30, 1, 0, 0, OK, ''",
        "2097152, 12, 30, 1, 0, 1073741824, OK, ''",
    })
    void shouldCheckTheGeometryOfAWindow(
            long offset,
            int pageShift,
            int windowShift,
            int levels,
            int levelShift,
            long base,
            Errno errno,
            String field) {
        machine.open(1);
        machine.attach(1, LIOBN);
        byte[] payload = Machine.bindPayload(TABLE + offset, LIOBN, pageShift, windowShift, levels, levelShift, base);
        assertEquals(errno, machine.bind(1, 0, payload));
        assertEquals(field, machine.last().field());
    }

    @Test
    void shouldRefuseATableBeyondTheHostAddressWidth() {
        machine.open(1);
        machine.attach(1, LIOBN);
        assertEquals(Errno.EINVAL, machine.attach(1, RID, 1L << 52, 1));
        assertEquals(
                Errno.EINVAL, machine.bind(1, 0, Machine.bindPayload(0xfff0_0000_0000_0000L, LIOBN, 12, 30, 1, 0, 0)));
    }

    @Test
    void shouldBindOnlyForDevicesOfTheContainer() {
        machine.open(1);
        assertEquals(Errno.ENODEV, machine.bind(1, 0, window(TABLE, LIOBN)));
        assertEquals(8, machine.last().offset());
    }

    @ParameterizedTest
    @ValueSource(ints = {Uapi.BIND_PASIDTBL, Uapi.BIND_PASID})
    void shouldRefuseWhatNeedsPasids(int operation) {
        machine.open(1);
        assertEquals(Errno.EOPNOTSUPP, machine.bind(1, operation, 0, new byte[24]));
        assertEquals(Rule.V37, machine.last().rule());
    }

    @Test
    void shouldRefuseReservedBitsOfABind() {
        machine.open(1);
        machine.attach(1, LIOBN);
        byte[] payload = window(TABLE, LIOBN);
        payload[7] = 1;
        assertEquals(Errno.EINVAL, machine.bind(1, 0, payload));
        assertEquals(Rule.V34, machine.last().rule());
    }

    @Test
    void shouldGoOnAfterASwap() {
        map(TABLE, 0x1000, 0x20_0003);
        machine.open(1);
        machine.open(2);
        machine.attach(1, LIOBN, TABLE, 1);
        machine.attach(1, RID);
        byte[] before = machine.translator().save().bytes();
        machine.swap();
        assertArrayEquals(before, machine.translator().save().bytes());
        assertEquals(0x20_0000, machine.read(RID, 0x1000));
        assertEquals(Errno.OK, machine.invalidate(1, SCOPE_VADDR, 0, 0x1000, 0x1000));
        assertEquals(Errno.EBUSY, machine.attach(2, RID));
        assertEquals(Errno.OK, machine.close(1));
        assertEquals(-1, machine.read(RID, 0x1000));
    }

    @Test
    void shouldRefuseADamagedState() {
        machine.open(1);
        machine.attach(1, LIOBN, TABLE, 1);
        byte[] bytes = machine.translator().save().bytes();
        for (int i = 0; i < bytes.length; i++) {
            byte[] damaged = bytes.clone();
            damaged[i] ^= 1;
            Snapshot state = new Snapshot(IommuModel.SPAPR, Snapshot.Kind.TRANSLATOR, 1, damaged);
            assertThrows(BackendException.class, () -> machine.backend().restoreTranslator(state, machine));
        }
    }

    @Test
    void shouldAnswerForWrongDomains() {
        assertEquals(Errno.ENOENT, machine.close(1));
        assertEquals(Errno.ENOENT, machine.attach(1, LIOBN));
        assertEquals(Errno.ENOENT, machine.invalidate(1, 0, 0, 0, 0));
        assertEquals(Errno.EINVAL, machine.open(-1));
        machine.open(1);
        assertEquals(Errno.EEXIST, machine.open(1));
    }
}
