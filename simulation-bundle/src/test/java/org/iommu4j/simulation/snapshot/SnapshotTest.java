package org.iommu4j.simulation.snapshot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

final class SnapshotTest {
    private static final Snapshot STATE = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 3)
            .section("registers")
            .putInt(-2)
            .putLong(0x1122334455667788L)
            .putByte(0xAB)
            .putBoolean(true)
            .section("queue")
            .putBytes(new byte[] {1, 2, 3})
            .putLongs(new long[] {4, -5})
            .putString("grün")
            .section("named")
            .putString("WORST_CASE")
            .putNamedLongs(Map.of("b", 1L, "a", -2L))
            .putNamedStrings(Map.of("on", "yes"))
            .build();

    @Test
    void shouldGiveBackWhatWasPut() {
        SnapshotReader in = new SnapshotReader(STATE).require(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1, 3);

        readAll(in);
        assertEquals(IommuModel.INTEL, in.model());
        assertEquals(Snapshot.Kind.HARDWARE, in.kind());
        assertEquals(3, in.version());
        assertTrue(in.has("queue"));
        assertFalse(in.has("faults"));
    }

    @Test
    void shouldWriteTheDocumentedBytes() {
        Snapshot state = new SnapshotWriter(IommuModel.AMD, Snapshot.Kind.TRANSLATOR, 0x0102)
                .section("ab")
                .putInt(5)
                .build();

        String withoutChecksum = HexFormat.of().formatHex(state.bytes(), 0, state.bytes().length - 4);
        assertEquals(
                "49344a53" + "0001" + "02" + "0a" + "5452414e534c41544f52" + "00000102" + "00000001" + "026162"
                        + "00000004" + "00000005",
                withoutChecksum);
    }

    @Test
    void shouldSkipSectionsThatNobodyAsksFor() {
        SnapshotReader in = new SnapshotReader(STATE);

        assertEquals(3, in.section("queue").getBytes().length);
        assertEquals(-2, in.section("registers").getInt());
        assertEquals(3, in.section("queue").getBytes().length, "from its start again");
    }

    @Test
    void shouldNameTheSectionThatIsMissing() {
        assertRefused(Errno.EINVAL, "no section faults", () -> new SnapshotReader(STATE).section("faults"));
    }

    @Test
    void shouldRefuseOtherStates() {
        SnapshotReader in = new SnapshotReader(STATE);

        assertRefused(Errno.EINVAL, "AMD", () -> in.require(IommuModel.AMD, Snapshot.Kind.HARDWARE, 1, 3));
        assertRefused(Errno.EINVAL, "TRANSLATOR", () -> in.require(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, 1, 3));
        assertRefused(Errno.EPROTONOSUPPORT, "1..2", () -> in.require(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1, 2));
        assertRefused(Errno.EPROTONOSUPPORT, "4..5", () -> in.require(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 4, 5));
    }

    @Test
    void shouldRefuseBytesThatSayOtherThanTheSnapshot() {
        byte[] bytes = STATE.bytes();

        assertRefused(
                Errno.EINVAL,
                "model",
                () -> new SnapshotReader(new Snapshot(IommuModel.AMD, Snapshot.Kind.HARDWARE, 3, bytes)));
        assertRefused(
                Errno.EINVAL,
                "kind",
                () -> new SnapshotReader(new Snapshot(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, 3, bytes)));
        assertRefused(
                Errno.EINVAL,
                "version",
                () -> new SnapshotReader(new Snapshot(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 4, bytes)));
    }

    @Test
    void shouldSayWhereASectionEndsTooSoonOrTooLate() {
        SnapshotReader in = new SnapshotReader(STATE).section("registers");
        in.getLong();

        assertEquals(6, in.remaining());
        assertRefused(Errno.EINVAL, "section registers at 8: long cut off", in::getLong);
        assertRefused(Errno.EINVAL, "section registers at 8: 6 bytes that nobody reads", in::endSection);
        assertRefused(Errno.EINVAL, "section registers at 8: odd", () -> {
            throw in.invalid("odd");
        });
    }

    @Test
    void shouldRefuseAbsurdLengthsBeforeTakingMemoryForThem() {
        Snapshot absurd = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1)
                .section("a")
                .putInt(Integer.MAX_VALUE)
                .putInt(-1)
                .putByte(2)
                .build();

        assertRefused(
                Errno.EINVAL,
                "2147483647 bytes",
                () -> new SnapshotReader(absurd).section("a").getBytes());
        assertRefused(
                Errno.EINVAL,
                "count 2147483647",
                () -> new SnapshotReader(absurd).section("a").getLongs());
        assertRefused(
                Errno.EINVAL,
                "2147483647 bytes",
                () -> new SnapshotReader(absurd).section("a").getString());
        assertRefused(
                Errno.EINVAL,
                "at most 9",
                () -> new SnapshotReader(absurd).section("a").getCount(9));
        SnapshotReader in = new SnapshotReader(absurd).section("a");
        in.getInt();
        assertRefused(Errno.EINVAL, "at 4: count -1", () -> in.getCount(9));
        assertRefused(Errno.EINVAL, "at 8: boolean 2", in::getBoolean);
    }

    @Test
    void shouldRefuseATextThatIsNotUtf8() {
        Snapshot odd = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1)
                .section("a")
                .putBytes(new byte[] {(byte) 0xC3})
                .build();

        assertRefused(
                Errno.EINVAL,
                "section a at 0: not UTF-8",
                () -> new SnapshotReader(odd).section("a").getString());
    }

    @Test
    void shouldRefuseEveryTruncation() {
        byte[] bytes = STATE.bytes();
        for (int length = 0; length < bytes.length; length++) {
            assertRefused(Errno.EINVAL, "", reading(Arrays.copyOf(bytes, length)));
        }
        assertRefused(Errno.EINVAL, "", reading(Arrays.copyOf(bytes, bytes.length + 1)));
    }

    @Test
    void shouldRefuseEveryFlippedBit() {
        for (int bit = 0; bit < STATE.bytes().length * Byte.SIZE; bit++) {
            byte[] bytes = STATE.bytes();
            bytes[bit / Byte.SIZE] ^= (byte) (1 << (bit % Byte.SIZE));
            assertRefused(Errno.EINVAL, "checksum", reading(bytes));
        }
    }

    @Test
    void shouldThrowNothingElseWhateverTheBytesAreUnderARightChecksum() {
        Random random = new Random(7);
        int refused = 0;
        for (int i = 0; i < 50_000; i++) {
            byte[] bytes = STATE.bytes();
            int flips = 1 + random.nextInt(3);
            for (int flip = 0; flip < flips; flip++) {
                int at = random.nextInt(bytes.length);
                bytes[at] =
                        random.nextBoolean() ? (byte) random.nextInt() : (byte) (bytes[at] ^ (1 << random.nextInt(8)));
            }
            if (random.nextInt(8) == 0) {
                bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 20));
            }
            try {
                readAnything(
                        new SnapshotReader(new Snapshot(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 3, sealed(bytes))));
            } catch (BackendException e) {
                assertTrue(e.errno() == Errno.EINVAL || e.errno() == Errno.EPROTONOSUPPORT, e::getMessage);
                refused++;
            }
        }
        assertTrue(refused > 10_000, "damage was seen");
    }

    @Test
    void shouldRefuseToWriteWhatCannotBeRead() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1);

        assertThrows(IllegalStateException.class, () -> out.putInt(1));
        assertThrows(IllegalArgumentException.class, () -> out.section(""));
        assertThrows(IllegalArgumentException.class, () -> out.section("x".repeat(256)));
        out.section("a");
        assertThrows(IllegalArgumentException.class, () -> out.section("a"));
    }

    @Test
    void shouldOrderNamedValuesByName() {
        Snapshot state = new SnapshotWriter(IommuModel.AMD, Snapshot.Kind.TRANSLATOR, 0)
                .section("a")
                .putNamedLongs(Map.of("y", 2L, "x", 1L))
                .build();

        SnapshotReader in = new SnapshotReader(state).section("a");
        assertEquals(2, in.getInt());
        assertEquals("x", in.getString());
        assertEquals(1, in.getLong());
        assertEquals("y", in.getString());
        assertEquals(2, in.getLong());
        in.endSection();
    }

    @Test
    void shouldRefuseTooManyNamedValuesAndUnknownConstants() {
        Snapshot state = new SnapshotWriter(IommuModel.AMD, Snapshot.Kind.TRANSLATOR, 0)
                .section("count")
                .putInt(257)
                .section("constant")
                .putString("BEST_CASE")
                .build();

        SnapshotReader in = new SnapshotReader(state);
        assertRefused(
                Errno.EINVAL,
                "count 257 of at most 256",
                () -> in.section("count").getNamedLongs());
        assertRefused(
                Errno.EINVAL,
                "count 257 of at most 256",
                () -> in.section("count").getNamedStrings());
        assertRefused(
                Errno.EINVAL,
                "section constant at 0: CacheConfig BEST_CASE",
                () -> in.section("constant").getConstant(CacheConfig.class));
    }

    @Test
    void shouldReadAStateWithoutSections() {
        Snapshot empty = new SnapshotWriter(IommuModel.S390, Snapshot.Kind.GUEST, 0).build();

        assertFalse(new SnapshotReader(empty).has("a"));
    }

    private static void readAll(SnapshotReader in) {
        in.section("registers");
        assertEquals(-2, in.getInt());
        assertEquals(0x1122334455667788L, in.getLong());
        assertEquals(0xAB, in.getByte());
        assertTrue(in.getBoolean());
        in.endSection();
        in.section("queue");
        assertArrayEquals(new byte[] {1, 2, 3}, in.getBytes());
        assertArrayEquals(new long[] {4, -5}, in.getLongs());
        assertEquals("grün", in.getString());
        in.endSection();
        in.section("named");
        assertEquals(CacheConfig.WORST_CASE, in.getConstant(CacheConfig.class));
        assertEquals(Map.of("a", -2L, "b", 1L), in.getNamedLongs());
        assertEquals(Map.of("on", "yes"), in.getNamedStrings());
        in.endSection();
    }

    private static void readAnything(SnapshotReader in) {
        in.section("registers");
        in.getInt();
        in.getLong();
        in.getByte();
        in.getBoolean();
        in.section("queue");
        in.getBytes();
        in.getLongs();
        in.getString();
        in.section("named");
        in.getConstant(CacheConfig.class);
        in.getNamedLongs();
        in.getNamedStrings();
        in.endSection();
    }

    private static byte[] sealed(byte[] bytes) {
        if (bytes.length >= 4) {
            int end = bytes.length - 4;
            ByteBuffer.wrap(bytes).putInt(end, StateFormat.checksum(bytes, end));
        }
        return bytes;
    }

    private static Executable reading(byte[] bytes) {
        Consumer<byte[]> read = state ->
                readAnything(new SnapshotReader(new Snapshot(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 3, state)));
        return () -> read.accept(bytes);
    }

    private static void assertRefused(Errno errno, String part, Executable call) {
        BackendException refusal = assertThrows(BackendException.class, call);
        assertEquals(errno, refusal.errno());
        assertTrue(refusal.getMessage().contains(part), refusal::getMessage);
    }
}
