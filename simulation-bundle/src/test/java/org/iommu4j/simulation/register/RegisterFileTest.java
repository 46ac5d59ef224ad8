package org.iommu4j.simulation.register;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RegisterFileTest {
    private static final Layout LAYOUT = Layout.named("any").build();
    private static final Register VER = Register.readOnly("VER", 0, 32, 0x10, LAYOUT);
    private static final Register CAP = Register.readOnly("CAP", 8, 64, 0x1122334455667788L, LAYOUT);
    private static final Register GCMD =
            Register.readWrite("GCMD", 0x18, 32, 0, 0xFF80_0000L, LAYOUT).reading(0);
    private static final Register GSTS = Register.readOnly("GSTS", 0x1C, 32, 0, LAYOUT);
    private static final Register CTL =
            Register.readWrite("CTL", 0x20, 64, 0x8000_0000L, 0xFFFF_0000_FFFF_0000L, LAYOUT);
    private static final Register STS = Register.readWrite("STS", 0x34, 32, 0, 0xF000, LAYOUT)
            .clearing(0x11)
            .surviving();

    private final RegisterFile file = new RegisterFile(List.of(CTL, VER, CAP, GCMD, GSTS, STS));

    @Test
    void shouldReadWholeRegistersAndHalves() {
        assertEquals(0x10, file.read(0, 4));
        assertEquals(0x1122334455667788L, file.read(8, 8));
        assertEquals(0x55667788L, file.read(8, 4));
        assertEquals(0x11223344L, file.read(0xC, 4));
    }

    @Test
    void shouldIgnoreWritesToReadOnlyBits() {
        file.write(0, 4, -1);
        file.write(8, 8, -1);
        file.write(0x20, 8, -1);

        assertEquals(0x10, file.read(0, 4));
        assertEquals(0x1122334455667788L, file.read(8, 8));
        assertEquals(0xFFFF_0000_FFFF_0000L, file.read(0x20, 8));
        file.write(0x20, 8, 0);
        assertEquals(0, file.read(0x20, 8), "a writable bit of the reset value");
    }

    @Test
    void shouldWriteHalvesOfAWideRegister() {
        file.write(0x24, 4, 0x1234_5678);
        assertEquals(0x1234_0000_8000_0000L, file.get(0x20));
        file.write(0x20, 4, 0x1FFFF_5678L);
        assertEquals(0x1234_0000_FFFF_0000L, file.get(0x20));
    }

    @Test
    void shouldClearBitsThatAreWrittenAsOne() {
        file.set(0x34, 0xF11F);

        file.write(0x34, 4, 0x5001);

        assertEquals(0x511E, file.read(0x34, 4), "bit 0 cleared, 12 to 15 taken, others kept");
    }

    @Test
    void shouldHideWhatCannotBeRead() {
        file.write(0x18, 4, -1);

        assertEquals(0, file.read(0x18, 4));
        assertEquals(0xFF80_0000L, file.get(0x18));
    }

    @ParameterizedTest
    @CsvSource({
        "1, 4",
        "2, 4",
        "4, 4",
        "4, 8",
        "0, 0",
        "0, 1",
        "0, 2",
        "0, 16",
        "0, -4",
        "0x10, 4",
        "0x10, 8",
        "0x38, 4",
        "-4, 4",
        "-8, 8",
        "0x100000000, 4",
        "0x7ffffffffffffff8, 8",
        "-9223372036854775808, 8"
    })
    void shouldAnswerWithZeroWhereThereIsNoSuchAccess(String offset, int sizeBytes) {
        for (Register register : file.registers()) {
            file.set(register.offset(), 0);
        }
        file.write(Long.decode(offset), sizeBytes, -1);

        assertEquals(0, file.read(Long.decode(offset), sizeBytes));
        for (Register register : file.registers()) {
            assertEquals(0, file.get(register.offset()), register.name());
        }
    }

    @Test
    void shouldTreatAWideAccessToTwoNarrowRegistersAsTwo() {
        List<String> order = new ArrayList<>();
        file.onWrite(0x18, (before, after, written, lanes) -> order.add("GCMD " + Long.toHexString(written)));
        file.onWrite(0x1C, (before, after, written, lanes) -> order.add("GSTS " + Long.toHexString(written)));
        file.set(0x1C, 7);

        file.write(0x18, 8, 0x0000_0002_8000_0000L);

        assertEquals(List.of("GCMD 80000000", "GSTS 2"), order);
        assertEquals(0x7_0000_0000L, file.read(0x18, 8));
        assertEquals(0x10, file.read(0, 8), "nothing beside VER");
    }

    @Test
    void shouldTellTheActionWhatWasWritten() {
        long[] seen = new long[4];
        file.onWrite(0x20, (before, after, written, lanes) -> {
            seen[0] = before;
            seen[1] = after;
            seen[2] = written;
            seen[3] = lanes;
            assertEquals(after, file.get(0x20), "stored before the action");
        });

        file.write(0x24, 4, 0xABCD_EF01L);

        assertEquals(0x8000_0000L, seen[0]);
        assertEquals(0xABCD_0000_8000_0000L, seen[1]);
        assertEquals(0xABCD_EF01_0000_0000L, seen[2]);
        assertEquals(0xFFFF_FFFF_0000_0000L, seen[3]);
    }

    @Test
    void shouldLetTheFilterDecideWhatIsStored() {
        boolean[] locked = {true};
        file.filterWrites(0x20, (before, proposed, written, lanes) -> locked[0] ? before : proposed | 1);

        file.write(0x20, 8, 0xFFFF_0000L);
        assertEquals(0x8000_0000L, file.get(0x20));
        locked[0] = false;
        file.write(0x20, 8, 0xFFFF_0000L);
        assertEquals(0xFFFF_0001L, file.get(0x20));
    }

    @Test
    void shouldStartNothingWhenTheDeviceChangesARegister() {
        file.onWrite(0x20, (before, after, written, lanes) -> {
            throw new AssertionError("started");
        });

        file.set(0x20, 5);
        file.reset();

        assertEquals(0x8000_0000L, file.get(0x20));
    }

    @Test
    void shouldKeepStickyRegistersOverAReset() {
        file.set(0x34, 0x11);
        file.set(0x20, 1);
        file.set(0, -1);
        assertEquals(0xFFFF_FFFFL, file.get(0), "32 bits");

        file.reset();

        assertEquals(0x11, file.get(0x34));
        assertEquals(0x8000_0000L, file.get(0x20));
        assertEquals(0x10, file.get(0));
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 0xC, 0x24, 1, -4, 0x1000})
    void shouldKnowRegistersByTheirStartOnly(int offset) {
        assertThrows(IllegalArgumentException.class, () -> file.get(offset));
        assertThrows(IllegalArgumentException.class, () -> file.set(offset, 0));
        assertThrows(IllegalArgumentException.class, () -> file.onWrite(offset, (b, a, w, l) -> {}));
    }

    @Test
    void shouldRefuseRegistersThatOverlapOrLieAskew() {
        Register high = Register.readOnly("HIGH", 0xC, 32, 0, LAYOUT);
        Register askew = Register.readOnly("ASKEW", 4, 64, 0, LAYOUT);

        assertThrows(IllegalArgumentException.class, () -> new RegisterFile(List.of(CAP, high)));
        assertThrows(IllegalArgumentException.class, () -> new RegisterFile(List.of(askew)));
        assertThrows(IllegalArgumentException.class, () -> new RegisterFile(List.of(VER, VER)));
    }

    @Test
    void shouldComeBackFromASnapshot() {
        file.set(0x20, 0x55);
        file.set(0x34, 0x66);
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1).section("registers");
        file.save(out);
        SnapshotReader state = new SnapshotReader(out.build());

        Register added = Register.readOnly("NEW", 0x40, 64, 9, LAYOUT);
        RegisterFile newer = new RegisterFile(List.of(VER, CAP, GCMD, GSTS, CTL, STS, added));
        newer.set(0x40, 1);
        newer.load(state.section("registers"));
        assertEquals(0x55, newer.get(0x20));
        assertEquals(0x66, newer.get(0x34));
        assertEquals(9, newer.get(0x40), "not saved");

        RegisterFile older = new RegisterFile(List.of(VER, CAP));
        older.set(0, 3);
        BackendException refusal = assertThrows(BackendException.class, () -> older.load(state.section("registers")));
        assertEquals(Errno.EINVAL, refusal.errno());
        assertTrue(refusal.getMessage().contains("section registers"), refusal::getMessage);
        assertEquals(3, older.get(0));
    }

    @Test
    void shouldRefuseASavedValueThatDoesNotFit() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1).section("registers");
        out.putInt(1).putInt(0).putLong(1L << 32);
        SnapshotReader in = new SnapshotReader(out.build()).section("registers");

        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> file.load(in)).errno());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void shouldObeyTheMasksOfAnyRegister(long seed) {
        Random random = new Random(seed);
        for (int i = 0; i < 2000; i++) {
            long writable = random.nextLong();
            long clearing = random.nextLong() & ~writable;
            long readable = random.nextLong();
            Register row = new Register(
                    "R", 8, 64, random.nextLong(), writable, clearing, readable, random.nextBoolean(), LAYOUT);
            RegisterFile tested = new RegisterFile(List.of(row));
            long model = row.reset();
            for (int access = 0; access < 10; access++) {
                long value = random.nextLong();
                int half = random.nextInt(3);
                long lanes = half == 0 ? -1L : half == 1 ? 0xFFFF_FFFFL : 0xFFFF_FFFFL << 32;
                tested.write(half == 2 ? 12 : 8, half == 0 ? 8 : 4, half == 2 ? value >>> 32 : value);
                for (int bit = 0; bit < 64; bit++) {
                    long mask = (1L << bit) & lanes;
                    if ((writable & mask) != 0) {
                        model = (model & ~mask) | (value & mask);
                    } else if ((clearing & value & mask) != 0) {
                        model &= ~mask;
                    }
                }
                assertEquals(model, tested.get(8));
                assertEquals(model & readable, tested.read(8, 8));
            }
        }
    }
}
